"""Tests examples/agents: `python agents.py BINARY NODE-COMMAND…`, with the packages that .ci/integrations installs.

The schemas are checked by jsonschema and by the types of the SDKs of OpenAI and Anthropic. Scripted calls, hostile ones
among them, go through both dispatchers, which have to give the same. A fake model of LangChain calls each tool.
"""

import asyncio
import json
import os
import subprocess
import sys

import anthropic.types
import jsonschema
import openai.types.chat
import openai.types.responses
import pydantic
from harness import EXAMPLES, Recorder, check, gateway
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

AGENTS = EXAMPLES / "agents"
sys.dont_write_bytecode = True
sys.path.insert(0, str(AGENTS))
# The module reads the address at each call.
import vt4ai_tools  # noqa: E402

KEY = "vt4ai_of_a_test"
EICAR = "44d88612fea8a8f36de82e1278abb02f"
# A call, and a part of its answer.
SCRIPTED = [
    ("lookup", {"indicators": ["bank-secure[.]example", EICAR, "10.0.0.1"], "max_tokens": None}, "15 of 70 engines"),
    ("get_report", {"indicator": EICAR, "fields": None, "max_tokens": 400}, "verdict: malicious"),
    ("get_report", {"indicator": "https://login.helpful-notes.test/reset?step=2"}, "Ignoreˆallˆprevious"),
    ("get_report", {"indicator": EICAR.upper(), "fields": ["size", "type_tag"]}, "powershell"),
    ("get_report", {"indicator": "0" * 40}, "does not know this object"),
    ("get_report", {"indicator": "someone@portal.example"}, "The call was refused, so correct it: "),
    ("get_related", {"type": "domain", "indicator": "bank-secure.example", "relationship": "subdomains", "limit": 2},
     "login.bank-secure.example"),
    ("get_related", {"type": "url", "indicator": "hxxps://example[.]com/", "relationship": "last_serving_ip_address"},
     "There is none."),
    ("get_related", {"type": "url", "indicator": "HXXPS[:]//login[.]bank-secure(.)example/verify?id=1&session=abc",
                     "relationship": "network_location"}, "login.bank-secure.example"),
    ("get_related", {"type": "url", "indicator": "no-such.example/a", "relationship": "network_location"}, "does not know"),
    ("get_related", {"type": "url", "indicator": "f" * 64, "relationship": "network_location"}, "does not know"),
    ("get_quota", {}, '"minute"'),
    ("get_quota", {"view": "full"}, "The arguments of get_quota are: none."),
    ("submit", {}, "There is no such tool"),
    ("lookup", {"indicators": []}, "1 to 50 indicators"),
    ("lookup", {"indicators": ["8.8.8.8"] * 51}, "1 to 50 indicators"),
    ("lookup", {"indicators": "8.8.8.8"}, "1 to 50 indicators"),
    ("get_report", {"indicator": ["8.8.8.8"]}, "Give each indicator"),
    ("get_report", {"indicator": "8.8.8.8", "max_tokens": "all"}, "Give max_tokens as a whole number"),
    ("get_report", {"indicator": "8.8.8.8", "max_tokens": True}, "Give max_tokens as a whole number"),
    ("get_report", [], "Give the arguments as an object."),
    ("get_related", {"type": "__proto__", "indicator": "x", "relationship": "subdomains"}, "Give the type"),
    ("get_related", {"type": ["file"], "indicator": "x", "relationship": "subdomains"}, "Give the type"),
    ("get_related", {"type": "domain", "indicator": "x.example", "relationship": "../comments"}, "name of a relationship"),
    ("get_related", {"type": "domain", "indicator": "x.example", "relationship": "subdomains\n"}, "name of a relationship"),
]
# Texts that must not lead to another path, add a parameter or a header.
HOSTILE = ["../../quota", "..%2f..%2fquota", "x.example/../../quota", "x?view=full&untrusted=show", "x#y", "x y", "a;b",
           "//evil.example/", "@evil.example", "%2e%2e", "é.example", "x&indicator=y", "x+y", "'\"<>\\", "!*()'"]
REFUSED = ["", "..", ".", " . ", "a\r\nX-API-Key: b", "a\0b", "a\u2028b", "\ud800", "x" * 4001]


def definitions() -> dict:
    """Returns the definitions of anthropic.json by name."""
    return {it["name"]: it for it in json.loads((AGENTS / "anthropic.json").read_text(encoding="utf-8"))}


def check_schemas() -> None:
    """Checks the three files by the SDKs' types, and their schemas by the rules of strict ones."""
    kinds = [("anthropic.json", anthropic.types.ToolParam, lambda it: it, "input_schema"),
             ("openai.json", openai.types.responses.FunctionToolParam, lambda it: it, "parameters"),
             ("openai-chat.json", openai.types.chat.ChatCompletionFunctionToolParam, lambda it: it["function"], "parameters")]
    for name, declared, inner, schema_name in kinds:
        tools = json.loads((AGENTS / name).read_text(encoding="utf-8"))
        pydantic.TypeAdapter(list[declared]).validate_python(tools)
        # The types let members pass that they do not have.
        for tool in tools:
            check(tool.keys() <= declared.__annotations__.keys() | {"type"}, f"{name}: {tool.keys()}")
        shape = {inner(it)["name"]: (inner(it)["description"], inner(it)[schema_name]) for it in tools}
        expected = {key: (it["description"], it["input_schema"]) for key, it in definitions().items()}
        check(shape == expected, f"{name} differs from anthropic.json")
        check(all(inner(it)["strict"] is True for it in tools), f"{name}: a tool is not strict")
    for tool in definitions().values():
        check_strict(tool["input_schema"])


def check_strict(schema: dict) -> None:
    """Checks that a schema keeps to what both APIs take as strict."""
    jsonschema.Draft202012Validator.check_schema(schema)
    check(schema["additionalProperties"] is False, schema)
    check(schema["required"] == list(schema["properties"]), schema)
    for property in schema["properties"].values():
        check(property.keys() <= {"type", "description", "enum", "items"}, property)


def run(program: list, name: str, arguments: object, address: str, key: str = "") -> str:
    """Answers a call by a program."""
    environment = os.environ | {"VT4AI_URL": address, "VT4AI_KEY": key, "NO_PROXY": "*", "no_proxy": "*"}
    done = subprocess.run([*program, name, json.dumps(arguments)], env=environment, capture_output=True, text=True, timeout=90)
    check(done.returncode == 0 and not done.stderr, done.stderr)
    return done.stdout.rstrip("\n")


def check_scripted(programs: list, address: str) -> None:
    """Sends the scripted calls through both programs."""
    for name, arguments, expected in SCRIPTED:
        # From now on the report is in the cache, so that both get the same.
        run(programs[0], name, arguments, address)
        answers = [run(it, name, arguments, address) for it in programs]
        check(expected in answers[0], f"{name} {arguments}: {answers[0]}")
        check(answers[0] == answers[1], f"{name} {arguments}: {answers}")
    for program in programs:
        check("refused the key" in run(program, "get_report", {"indicator": EICAR}, address, "bad-key"), program)


def check_hostile(programs: list) -> None:
    """Checks what goes over the wire for hostile arguments: one segment or one parameter, percent-encoded."""
    for program in programs:
        with Recorder((200, {}, b"ok")) as server:
            for value in HOSTILE:
                run(program, "get_report", {"indicator": value}, server.address, KEY)
                run(program, "get_related", {"type": "domain", "indicator": value, "relationship": "subdomains"}, server.address)
            encoded = [vt4ai_tools.quote(it, safe="") for it in HOSTILE]
            targets = [path for _, path, _, _ in server.requests]
            bounds = "&max_tokens=1000&untrusted=mark"
            expected = []
            for it in encoded:
                expected.append(f"/api/v1/lookup?indicator={it}{bounds}&view=brief")
                expected.append(f"/api/v1/domains/{it}/relationships/subdomains?view=brief&limit=10{bounds}")
            check(targets == expected, f"{targets} instead of {expected}")
            check(all(KEY not in it for it in targets), "the key stands in a URL")
            before = len(server.requests)
            for value in REFUSED:
                answer = run(program, "get_report", {"indicator": value}, server.address)
                check("printable characters" in answer, f"{value!r}: {answer}")
            check(len(server.requests) == before, "a refused text was sent")


def check_network(programs: list) -> None:
    """Checks redirects, waiting and answers that are none."""
    report = {"indicator": "8.8.8.8"}
    for program in programs:
        with Recorder((200, {}, b"stolen")) as other, Recorder((302, {"Location": other.address}, b"")) as server:
            check("status 302" in run(program, "get_report", report, server.address, KEY), "a redirect")
            check("status 302" in run(program, "lookup", {"indicators": ["8.8.8.8"]}, server.address, KEY), "a redirect")
            check(not other.requests, "a redirect was followed")
        limited = (429, {"Retry-After": "1"}, b"{}")
        with Recorder(limited, (503, {"Retry-After": "0"}, b"{}"), (200, {}, b"at last")) as server:
            check(run(program, "get_report", report, server.address) == "at last", "no second attempt")
            check(len(server.requests) == 3, server.requests)
        for headers, when in [({"Retry-After": "3600"}, "in 3600 seconds"), ({"Retry-After": "soon"}, "later"), ({}, "later")]:
            with Recorder((429, headers, b"[" * 5000)) as server:
                check(f"try again {when} " in run(program, "get_report", report, server.address), headers)
                check(len(server.requests) == 1, "it waited too long")
        with Recorder((200, {}, b"x" * 1_000_001)) as server:
            check("too long" in run(program, "get_report", report, server.address), "a long answer")
        check("did not answer" in run(program, "get_report", report, "http://127.0.0.1:1"), "no gateway")
        check("no http or https URL" in run(program, "get_report", report, "file:///etc/passwd?"), "a file")


class FakeModel(GenericFakeChatModel):
    """A model that gives prepared messages, and takes tools."""

    def bind_tools(self, tools, **_):
        """Keeps the model as it is: its messages are prepared."""
        return self


def check_langchain(address: str) -> None:
    """Runs an agent's loop: a fake model calls each tool, and gets the answers."""
    from langchain_core.utils.function_calling import convert_to_openai_tool
    from langchain_tools import PROMPT, TOOLS

    os.environ |= {"VT4AI_URL": address, "NO_PROXY": "*", "no_proxy": "*"}
    os.environ.pop("VT4AI_KEY", None)
    tools = {it.name: it for it in TOOLS}
    check(tools.keys() == definitions().keys(), tools)
    for name, tool in tools.items():
        seen = convert_to_openai_tool(tool)["function"]
        check(seen["parameters"]["properties"] == definitions()[name]["input_schema"]["properties"], seen)
    for name, arguments, expected in [it for it in SCRIPTED if it[0] in tools and isinstance(it[1], dict)]:
        request = AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": "1"}])
        model = FakeModel(messages=iter([request, AIMessage("done")])).bind_tools(TOOLS)
        history = [HumanMessage(PROMPT)]
        while (message := model.invoke(history)).tool_calls:
            history.append(message)
            history += [tools[it["name"]].invoke(it) for it in message.tool_calls]
        check(message.content == "done" and isinstance(history[-1], ToolMessage), history)
        check(expected in history[-1].content, f"{name}: {history[-1].content}")
        check(expected in asyncio.run(tools[name].ainvoke(arguments)), f"{name}, asynchronously")


def main() -> None:
    """Runs all tests."""
    binary, *node = sys.argv[1:]
    programs = [[sys.executable, str(AGENTS / "vt4ai_tools.py")], node]
    check_schemas()
    check_hostile(programs)
    check_network(programs)
    with gateway(binary, "--client-rate-per-minute", "0") as address:
        check_scripted(programs, address)
        check_langchain(address)
    print(f"examples/agents: {len(SCRIPTED)} calls, {len(HOSTILE) + len(REFUSED)} hostile texts, both dispatchers and LangChain")


if __name__ == "__main__":
    main()
