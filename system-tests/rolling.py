#!/usr/bin/env python3
"""Restarts two gateways behind the shipped nginx one after the other under load, and checks that no request fails.

    cargo build --release
    python3 system-tests/rolling.py [--rounds 3] [--rate 500] [--delay 6]

Needs Linux and nginx. Everything listens on 127.0.0.1 and is stopped at the end.

nginx runs `deploy/nginx.conf` with two gateways instead of one and without TLS. 500 requests a second go through it:
cached and uncached reports, and one in ten a POST, half of these an upload. A gateway receives SIGTERM, keeps serving
for `--delay` seconds (`VT4AI_SHUTDOWN_DELAY`, longer than nginx keeps an idle connection), exits, and is started again.
Once its `/readyz` returns 200, the other gateway is restarted.

Exit status: 0; 1 if a request failed or got a wrong answer, if a gateway exited with an error, or if the rate was not
reached; 2 if it can't be measured.
"""

import asyncio
import collections
import contextlib
import pathlib
import random
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.append(f"{sys.path[0]}/../benches")
import callers  # noqa: E402
import fake_virustotal  # noqa: E402
import harness  # noqa: E402

POSTS = 0.1
CACHED = 200
CONNECTIONS = 64
LEAST_RATE = 0.95
# The time that a gateway may take to exit after its delay. No answer takes longer.
ENDING_SECONDS = 10
CALLER = callers.Caller("own-key", harness.KEY, harness.KEY)


# Servers

def shipped(directory, port, gateways):
    """Returns `deploy/nginx.conf` with other ports, paths and gateways, and without TLS."""
    lines = []
    for line in (harness.ROOT / "deploy/nginx.conf").read_text().splitlines():
        if "server 127.0.0.1:8000" in line:
            lines += [line.replace("127.0.0.1:8000", f"127.0.0.1:{gateway}") for gateway in gateways]
        elif not line.strip().startswith(("ssl_", "listen [::]")):
            lines.append(line)
    return ("\n".join(lines)
            .replace("user www-data;", harness.nginx_user())
            .replace("/run/nginx.pid", f"{directory}/nginx.pid").replace("/var/log/nginx/", f"{directory}/")
            .replace("listen 80;", f"listen 127.0.0.1:{harness.free_port()};")
            .replace("listen 443 ssl http2;", f"listen 127.0.0.1:{port};")
            .replace("http {\n", f"http {{\n    {harness.nginx_folders(f'{directory}/')}\n"))


def start_nginx(stack, directory, gateways):
    """Starts nginx in front of these gateways; returns its port."""
    port, conf = harness.free_port(), directory / "nginx.conf"
    conf.write_text(shipped(directory, port, gateways))
    command = [harness.find("nginx"), "-e", str(directory / "error.log"), "-c", str(conf), "-g", "daemon off;"]
    stack.callback(harness.stop, subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True))
    harness.wait_for_port(port)
    return port


class Gateway:
    """A gateway that can be restarted on the same port."""

    def __init__(self, stack, options, directory, virustotal):
        self.binary, self.directory, self.port = options.binary.resolve(), directory, harness.free_port()
        self.environment = harness.environment(self.port, virustotal, SHUTDOWN_DELAY=f"{options.delay}s",
                                               LOG_LEVEL="WARN")
        self.process = None
        stack.callback(lambda: self.process and harness.stop(self.process))

    async def start(self):
        """Starts the gateway and waits until it is ready."""
        self.process = subprocess.Popen([self.binary], cwd=self.directory, env=self.environment,
                                        stdin=subprocess.DEVNULL, start_new_session=True)
        end = time.monotonic() + 20
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError):
                if (await asyncio.to_thread(harness.get, self.port, "/readyz"))[0] == 200:
                    return
            await asyncio.sleep(0.02)
        raise harness.CannotMeasure("a gateway does not start")

    async def restart(self, delay):
        """Stops the gateway, waits for its exit and starts it again; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = await asyncio.to_thread(self.process.wait, delay + ENDING_SECONDS)
        await self.start()
        return status


# The load

def next_request(dice, counts):
    """Returns the kind and the bytes of a request: a cached report, a new one, or a POST."""
    counts["asked"] += 1
    if dice.random() < POSTS / 2:
        return "upload", callers.upload(dice, CALLER)
    is_cached, is_post = dice.random() < 0.5, dice.random() < POSTS / 2
    subject = callers.object_path(dice.randrange(CACHED) if is_cached else CACHED + counts["asked"])
    path = f"/api/v1/{subject.replace('ip_addresses', 'ips')}"
    fields = f"Host: rolling\r\nX-API-Key: {harness.KEY}\r\n"
    if is_post:
        # VirusTotal's answer to a POST is marked with a digest of the body, which is empty here.
        subject, path = callers.subject_of(b""), f"{path}/analyse"
        fields += "Content-Length: 0\r\n"
    data = f"{'POST' if is_post else 'GET'} {path} HTTP/1.1\r\n{fields}\r\n".encode()
    return "post" if is_post else "cached" if is_cached else "new", callers.Request(CALLER, subject, "json", data)


def check(request, answer):
    """Raises if an answer is wrong."""
    is_unknown = answer.status == 404 and fake_virustotal.is_unknown(request.subject)
    if answer.status not in (200, 202) and not is_unknown:
        raise callers.Wrong(f"{answer.status} {answer.body[:200]!r}")
    if not is_unknown:
        callers.check_form(request, answer)
        callers.check_mark(request, answer)


async def ask_on(port, turns, dice, counts, wrong):
    """Sends requests on one connection, one for each turn."""
    reader = writer = None
    while await turns.get():
        kind, request = next_request(dice, counts)
        began = time.monotonic()
        try:
            if not writer or writer.is_closing():
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request.data)
            answer = await asyncio.wait_for(callers.read_answer(reader), 60)
            counts[kind] += 1
            check(request, answer)
            is_last = answer.fields.get("connection") == "close"
        except (callers.Wrong, OSError, EOFError, ValueError, KeyError) as error:
            wrong.append(f"{began:.2f} {kind}: {error!r}")
            is_last = True
        if is_last and writer:
            writer.close()
    if writer:
        writer.close()


async def give_turns(turns, rate, is_over, seconds):
    """Gives turns at a fixed rate, regardless of the time that requests take."""
    began, given = time.monotonic(), 0
    while not is_over.is_set():
        while given < (time.monotonic() - began) * rate:
            turns.put_nowait(True)
            given += 1
        await asyncio.sleep(0.004)
    seconds.append(time.monotonic() - began)
    for _ in range(CONNECTIONS):
        turns.put_nowait(False)


async def roll(options, directory, stack):
    """Runs the test; returns the counts, the duration, the failures and the exit statuses."""
    virustotal = fake_virustotal.VirusTotal(options.seed, faulty=0)
    await virustotal.start()
    gateways = [Gateway(stack, options, directory, virustotal.port) for _ in range(2)]
    for gateway in gateways:
        await gateway.start()
    port = start_nginx(stack, directory, [gateway.port for gateway in gateways])
    turns, is_over, dice = asyncio.Queue(), asyncio.Event(), random.Random(options.seed)
    counts, wrong, seconds, endings = collections.Counter(), [], [], []
    load = [asyncio.create_task(ask_on(port, turns, dice, counts, wrong)) for _ in range(CONNECTIONS)]
    load.append(asyncio.create_task(give_turns(turns, options.rate, is_over, seconds)))
    await asyncio.sleep(2)
    for number in range(2 * options.rounds):
        endings.append(await gateways[number % 2].restart(options.delay))
        print(f"{time.monotonic():.2f} restart {number + 1}: exit status {endings[-1]}, {len(wrong)} requests failed",
              file=sys.stderr, flush=True)
    await asyncio.sleep(2)
    is_over.set()
    await asyncio.gather(*load)
    await virustotal.hang_up()
    return counts, seconds[0], wrong, endings


def main():
    """Runs the test and judges it; returns the exit status."""
    parser = harness.command_line(__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="restarts of each gateway")
    parser.add_argument("--rate", type=int, default=500, help="requests a second")
    parser.add_argument("--delay", type=int, default=6, help="seconds for which a gateway keeps serving")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    with harness.workplace() as (directory, stack):
        counts, seconds, wrong, endings = asyncio.run(roll(options, pathlib.Path(directory), stack))
        log = (pathlib.Path(directory) / "error.log").read_text().splitlines()
    rate = counts["asked"] / seconds
    kinds = ", ".join(f"{kind}: {counts[kind]}" for kind in ("cached", "new", "post", "upload"))
    print(f"{len(endings)} restarts in {seconds:.0f} s under {rate:.0f} requests a second ({kinds}); "
          f"{len(wrong)} failed")
    for line in wrong[:20] + (log[:20] if wrong else []):
        print(f"  {line}")
    good = not wrong and not any(endings) and rate >= LEAST_RATE * options.rate
    print("PASS" if good else "FAIL")
    return 0 if good else 1


if __name__ == "__main__":
    harness.run(main)
