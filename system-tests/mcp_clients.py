"""Drives `vt4ai --demo` by the official Python SDK of the Model Context Protocol, over HTTP and stdio.

Usage: python3 system-tests/mcp_clients.py BINARY

Needs the package `mcp` of the version in VERSION; `.ci/mcp` installs it. On each way in, in both eras of
the protocol, the SDK lists and calls the tools (it checks structured content against the output schema),
reads resources and prompts, hears of progress, and cancels. An agent with a fixed sequence of calls goes
from a hash to the reports on what the file contacted.
"""

import argparse
import asyncio
import json
import sys
import time

from demo_gateway import DemoGateway

VERSION = "2.3.0"
TROJAN = "de7c07af483769cd3e4e511c91fa416f57dd0f5336e3580bba33d22827ba1185"
TOOLS = [
    "lookup",
    "get_report",
    "get_related",
    "get_behaviour",
    "search",
    "get_quota",
    "submit",
    "get_analysis",
]
ERAS = {"auto": "2026-07-28", "2026-07-28": "2026-07-28", "legacy": "2025-11-25"}


def check(holds, what):
    if not holds:
        raise AssertionError(what)


def data(result, what):
    """Returns the structured content of a result that is no error."""
    check(not result.is_error, f"{what}: {result.content}")
    check(result.content[0].type == "text" and result.content[0].text, what)
    return result.structured_content


async def tools(client):
    listed = await client.list_tools()
    check([tool.name for tool in listed.tools] == TOOLS, listed)
    for tool in listed.tools:
        check(tool.output_schema["type"] == "object", tool)
    rows = await client.call_tool("lookup", {"indicators": [TROJAN, "8.8.8.8", "10.0.0.1"]})
    levels = [row["verdict"]["level"] for row in data(rows, "lookup")["rows"]]
    check(levels == ["malicious", "no_detections", "unknown"], levels)
    text = {"text": "Seen: hxxps://login[.]bank-secure[.]example/verify?id=1&session=abc"}
    row = data(await client.call_tool("lookup", text), "text")["rows"][0]
    check(row["type"] == "url", row)
    behaviour = data(await client.call_tool("get_behaviour", {"file": TROJAN}), "get_behaviour")
    check("techniques" in behaviour["behaviour"], behaviour)
    found = data(await client.call_tool("search", {"query": "bank-secure.example"}), "search")
    check(found["objects"], found)
    quota = data(await client.call_tool("get_quota", {}), "get_quota")
    check(quota["minute"]["used"] > 0, quota)
    wrong = await client.call_tool("get_related", {"indicator": TROJAN, "relationship": "nothing"})
    check(wrong.is_error and "contacted_domains" in wrong.content[0].text, wrong)


async def agent(client):
    """Investigates the demo's trojan. Returns the characters of all results."""
    size = 0

    async def call(tool, **arguments):
        nonlocal size
        result = await client.call_tool(tool, arguments)
        content = data(result, tool)
        size += len(result.content[0].text) + len(json.dumps(content))
        return content

    verdict = (await call("lookup", indicators=[TROJAN]))["rows"][0]["verdict"]
    check(verdict["level"] == "malicious", verdict)
    related = await call("get_related", indicator=TROJAN, relationship="contacted_domains")
    domains = [item["indicator"]["value"] for item in related["objects"]]
    check(domains, related)
    await call("lookup", indicators=domains)
    for domain in domains[:3]:
        report = await call("get_report", indicator=domain)
        check(report["report"]["verdict"]["level"] == "malicious", report)
    return size


async def waiting(client):
    """Submits a URL and waits for its analysis, with progress."""
    steps = []

    async def heard(progress, total, message):
        steps.append((progress, total, message))

    url = f"https://example.com/{time.monotonic_ns()}"
    started = data(await client.call_tool("submit", {"url": url}), "submit")
    arguments = {"id": started["analysis"], "wait": 30}
    result = await client.call_tool("get_analysis", arguments, progress_callback=heard)
    check(data(result, "get_analysis")["status"] == "completed", result)
    check(steps and steps == sorted(steps), f"progress: {steps}")


async def lists(client):
    resources = await client.list_resources()
    check(len(resources.resources) == 5, resources)
    for resource in resources.resources:
        read = await client.read_resource(str(resource.uri))
        json.loads(read.contents[0].text)
    templates = await client.list_resource_templates()
    check(templates.resource_templates[0].uri_template.startswith("vt4ai://report/"), templates)
    read = await client.read_resource("vt4ai://report/domain/bank-secure.example")
    check(read.contents[0].text.startswith("# Domain Report"), read)
    prompts = await client.list_prompts()
    check(len(prompts.prompts) == 4, prompts)
    prompt = await client.get_prompt("analyze_suspicious_file", {"file_hash": TROJAN})
    check("`get_behaviour`" in prompt.messages[0].content.text, prompt)


async def unknown(client):
    from mcp.shared.exceptions import MCPError

    for wrong in (
        client.call_tool("no_such_tool", {}),
        client.read_resource("vt4ai://nothing"),
        client.get_prompt("no_such_prompt", {}),
    ):
        try:
            answer = await wrong
        except MCPError:
            continue
        raise AssertionError(f"no error of the protocol: {answer}")


async def cancelled(client):
    """Cancels a call, after which the next one works."""
    arguments = {"id": "u-0000-1760000000", "wait": 60}
    task = asyncio.create_task(client.call_tool("get_analysis", arguments))
    await asyncio.sleep(0.3)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
    data(await client.call_tool("get_quota", {}), "after a cancellation")


async def drive(name, server, mode):
    from mcp import Client

    async with Client(server, mode=mode, cache=None) as client:
        check(client.protocol_version == ERAS[mode], f"{name}: {client.protocol_version}")
        if mode != "2026-07-28":
            # A client that is told the version does not ask for these.
            check(client.server_info.name == "vt4ai", client.server_info)
            check("untrusted" in client.instructions, client.instructions)
        await tools(client)
        size = await agent(client)
        await waiting(client)
        await lists(client)
        await unknown(client)
        await cancelled(client)
    print(f"{name}, {mode}: {client_version()}; the investigation took {size} characters", flush=True)


def client_version():
    from importlib.metadata import version

    return f"mcp {version('mcp')}"


async def main(binary):
    from mcp import StdioServerParameters

    check(client_version() == f"mcp {VERSION}", client_version())
    with DemoGateway(binary) as url:
        ways = {
            "HTTP": f"{url}/mcp",
            "stdio": StdioServerParameters(command=binary, args=["mcp", "--demo"]),
            "stdio to a gateway": StdioServerParameters(
                command=binary,
                args=["mcp", "--gateway", url],
                env={"VT4AI_TOKEN": "key-of-the-caller"},
            ),
        }
        for name, server in ways.items():
            for mode in ERAS:
                await asyncio.wait_for(drive(name, server, mode), 120)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", help="the path of vt4ai")
    sys.exit(asyncio.run(main(parser.parse_args().binary)))
