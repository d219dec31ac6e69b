"""Checks what deploy/ ships for operators against a gateway, without a cluster and a container engine.

Usage: python3 system-tests/deployment.py BINARY [--write]

Needs the packages that `.ci/deploy` installs, and Debian's `prometheus`. A `vt4ai --demo` gets traffic of all kinds, and a
Prometheus scrapes it with the shipped rules. Every metric, label and known word of a label in the dashboard and the rules
has to be one that the gateway exports, and every query of the dashboard has to find something. `--write` writes the
rules into the manifest for the operator of Prometheus, which otherwise has to be equal to them.
"""

import argparse
import itertools
import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
DASHBOARD = DEPLOY / "grafana/vt4ai.json"
RULES = DEPLOY / "prometheus/alerts.yml"
MANIFEST = DEPLOY / "kubernetes/monitoring/prometheusrule.yaml"
# Labels that Prometheus adds, and those of its own series `ALERTS`.
ADDED_LABELS = {"job", "instance", "alertname", "alertstate", "le", "__name__"}
ADDED_SERIES = {"up", "ALERTS"}
# Fields that Grafana reads and its published model leaves out.
NOT_MODELLED = {"titleFormat", "textFormat", "step", "definition"}
LIMITS = ["--rate-limit-per-minute", "600", "--rate-limit-per-day", "5000", "--rate-limit-per-month", "100000"]
SPAN = "5s"
# Bounded attempts: a second apart.
TRIES = 40

faults = []


def expect(condition, text):
    if not condition:
        faults.append(text)


def request(url, data=None, headers=None):
    """Returns the status and the body of an answer, whatever its status."""
    wanted = urllib.request.Request(url, data=data, headers=headers or {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(wanted, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Running:
    """A process that is ended with the block."""

    def __init__(self, arguments, folder):
        self.log = open(f"{folder}/{pathlib.Path(arguments[0]).name}.log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(arguments, cwd=folder, stdout=self.log, stderr=self.log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def said(self):
        return pathlib.Path(self.log.name).read_text(encoding="utf-8")

    def wait_for(self, pattern):
        for _ in range(400):
            found = re.search(pattern, self.said())
            if found:
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise SystemExit(f"no {pattern} in:\n{self.said()[-2000:]}")


def start_gateway(binary, folder):
    """Starts a gateway that has all that metrics are about; returns it and a client's token."""
    printed = subprocess.run([binary, "token", "new", "--name", "alice"], check=True, capture_output=True, text=True)
    token = re.search(r"vt4ai_\S+", printed.stdout + printed.stderr)[0]
    lines = (printed.stdout + printed.stderr).partition("[[client]]")
    pathlib.Path(folder, "clients.toml").write_text("".join(lines[1:]), encoding="utf-8")
    arguments = [binary, "--demo", "--port", "0", "--log-format", "text", "--clients-file", f"{folder}/clients.toml"]
    # Nothing listens on port 1: a Redis that is away has its metric, too.
    arguments += ["--cache-dir", f"{folder}/cache", "--redis-url", "redis://127.0.0.1:1", *LIMITS]
    return Running(arguments, folder), token


class Traffic:
    """Requests of all kinds; each round asks for another object, so that quota is spent."""

    def __init__(self, address, token):
        self.address, self.token = address, token
        self.numbers = itertools.count(1)

    def round(self):
        number = next(self.numbers)
        key = {"X-API-Key": self.token}
        ask = f"{self.address}/api/v1"
        for path in [f"ips/203.0.113.{number % 250}", "files/44d88612fea8a8f36de82e1278abb02f"]:
            for view in ["brief", "full", "standard"]:
                request(f"{ask}/{path}?view={view}", headers=key)
        request(f"{ask}/domains/{'a' * (number % 60)}x.example")
        request(f"{ask}/files/abc")
        # The client has no scope for it.
        request(f"{ask}/urls", b"url=https%3A%2F%2Fexample.com", key)
        call = {"name": "lookup", "arguments": {"indicators": ["203.0.113.7"]}}
        message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": call}
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **key}
        request(f"{self.address}/mcp", json.dumps(message).encode(), headers)


def exported(text):
    """Returns the labels of each series of a scrape, with the values of each label."""
    series = {}
    for line in text.splitlines():
        found = re.match(r"([a-zA-Z_:]\w*)(?:\{(.*)\})? \S+$", line)
        if not found:
            continue
        labels = series.setdefault(found[1], {})
        for label, value in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2] or ""):
            labels.setdefault(label, set()).add(value)
    return series


def dashboard_queries(board):
    """Yields the place and the text of each query of a dashboard."""
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield f"panel `{panel['title']}`", target["expr"]
    for note in board["annotations"]["list"]:
        yield f"annotation `{note['name']}`", note["expr"]
    for variable in board["templating"]["list"]:
        found = re.fullmatch(r"label_values\((.*), (\w+)\)", variable.get("definition", ""))
        if found:
            yield f"variable `{variable['name']}`", f"group by ({found[2]}) ({found[1]})"


def plain(query):
    """Replaces Grafana's variables by what it would put there."""
    query = re.sub(r"\$__(rate_interval|interval|range)", SPAN, query)
    query = re.sub(r"\$(job|instance|key|client)\b", ".*", query)
    expect("$" not in query, f"an unknown variable in {query}")
    return query


def selectors(query):
    """Returns the selectors of a query and all labels by which it groups or matches."""
    import promql_parser as promql

    found, labels = [], set()

    def visit(node):
        if isinstance(node, promql.VectorSelector):
            found.append(node)
        for name in ("expr", "lhs", "rhs", "param", "vector_selector", "vs"):
            child = getattr(node, name, None)
            if isinstance(child, promql.Expr):
                visit(child)
        for child in getattr(node, "args", None) or []:
            visit(child)
        modifier = getattr(node, "modifier", None)
        matching = getattr(modifier, "matching", modifier)
        labels.update(getattr(matching, "labels", None) or [])

    visit(promql.parse(query))
    expect(found or "vt4ai" not in query, f"no selector was found in {query}")
    return found, labels


def check_names(queries, series, outcomes):
    """Compares the names in queries with those that a gateway exports."""
    known = {label for labels in series.values() for label in labels} | ADDED_LABELS
    for place, query in queries:
        found, grouped = selectors(query)
        for label in sorted(grouped - known):
            faults.append(f"{place}: no metric has the label `{label}`: {query}")
        for selector in found:
            if selector.name in ADDED_SERIES:
                continue
            if selector.name not in series:
                faults.append(f"{place}: the gateway has no metric `{selector.name}`")
                continue
            for matcher in selector.matchers.matchers:
                check_matcher(place, selector.name, matcher, series[selector.name], outcomes)


def check_matcher(place, name, matcher, labels, outcomes):
    label, value = matcher.name, matcher.value
    expect(label in labels or label in ADDED_LABELS, f"{place}: `{name}` has no label `{label}`")
    if label in ("job", "instance", "alertname", "alertstate") or value in (".*", ""):
        return
    words = labels.get(label, set())
    if label == "outcome" and name.startswith("vt4ai_upstream"):
        words = outcomes
    for word in value.split("|"):
        if label == "status":
            expect(re.fullmatch(r"[1-5](\d\d|\.\.)", word), f"{place}: `{word}` is no status")
        elif label == "endpoint":
            expect(re.fullmatch(r"(GET|POST|DELETE) .*", word), f"{place}: `{word}` is no endpoint")
        elif label == "route":
            expect(re.match(r"/(livez|readyz|metrics|mcp|api)\b", word), f"{place}: `{word}` is no route")
        else:
            expect(word in words, f"{place}: `{label}` of `{name}` is never `{word}`")


def documented_outcomes():
    """Returns the outcomes of calls that docs/operations.md lists; each has to be in the source."""
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    listed = re.search(r"The outcomes of a call are (.*?)\.\n", text, re.DOTALL)
    outcomes = set(re.findall(r"`(\w+)`", listed[1])) if listed else set()
    source = "".join((ROOT / "src" / name).read_text(encoding="utf-8")
                     for name in ("virustotal.rs", "virustotal/error.rs", "metrics/upstream.rs"))
    for word in outcomes:
        expect(f'"{word}"' in source, f"docs/operations.md: no call has the outcome `{word}`")
    body = re.search(r"fn outcome\(&self\).*?\n    }\n", source, re.DOTALL)[0]
    for word in re.findall(r'"(\w+)"', body):
        expect(word in outcomes, f"docs/operations.md: the outcome `{word}` is missing")
    return outcomes


def check_documented(series):
    """Looks for each metric of the gateway in the table of docs/operations.md."""
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `vt4ai_")]
    names = set()
    for row in rows:
        row_names = re.findall(r"`([a-z0-9_]+)`", row)
        prefix = row_names[0]
        for name in row_names:
            # `vt4ai_cache_bytes`, `_max_bytes`: the second replaces the end of the first.
            names.add(name)
            names.update(prefix[:end] + name for end in range(5, len(prefix) + 1) if prefix[end:end + 1] in ("_", ""))
    for name in series:
        stem = re.sub(r"_(bucket|sum|count)$", "", name)
        expect(name.startswith("process_") or stem in names or name in names, f"docs/operations.md lacks `{name}`")


def check_board(board):
    """Loads the dashboard with Grafana's model, which must lose nothing, and checks its layout."""
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard

    register_default_plugins()
    compare(board, json.loads(JSONEncoder().encode(Dashboard.from_json(board))), "dashboard")
    ids = [panel["id"] for panel in board["panels"]]
    expect(len(ids) == len(set(ids)), "dashboard: two panels have one id")
    taken = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        expect(not cells & taken and at["x"] + at["w"] <= 24, f"dashboard: `{panel['title']}` overlaps")
        taken |= cells
        for target in panel.get("targets", []):
            expect(target["datasource"]["uid"] == "${datasource}", f"dashboard: the source of `{panel['title']}`")


def compare(written, modelled, place):
    if isinstance(written, dict):
        for name, value in written.items():
            if name in NOT_MODELLED:
                continue
            if not isinstance(modelled, dict) or name not in modelled:
                faults.append(f"{place}: Grafana's model has no `{name}`")
            else:
                compare(value, modelled[name], f"{place}.{name}")
    elif isinstance(written, list):
        expect(isinstance(modelled, list) and len(written) == len(modelled), f"{place}: another length in Grafana's model")
        for number, (one, other) in enumerate(zip(written, modelled or [])):
            compare(one, other, f"{place}[{number}]")
    else:
        expect(written == modelled, f"{place}: {written} is {modelled} in Grafana's model")


def check_rules(rules):
    """Looks for a test and instructions for each alert."""
    tests = RULES.with_suffix(".test.yml").read_text(encoding="utf-8")
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    anchors = {re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-")
               for line in re.findall(r"^#+ (.*)$", page, re.MULTILINE)}
    for rule in rules:
        name, runbook = rule["alert"], rule["annotations"]["runbook"]
        expect(re.search(rf"\b{name}\b", tests), f"{name} has no test")
        expect(rule["labels"]["severity"] in ("critical", "warning", "info"), f"{name}: its severity")
        file, _, anchor = runbook.partition("#")
        expect(file == "docs/operations.md" and anchor in anchors, f"{name}: there is no {runbook}")


def check_manifest(groups, write):
    import yaml

    manifest = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "vt4ai", "labels": {"app.kubernetes.io/name": "vt4ai"}},
        "spec": groups,
    }
    if write:
        note = "# Written from ../../prometheus/alerts.yml: `bash .ci/deploy --write`.\n"
        text = yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=120)
        MANIFEST.write_text(note + text, encoding="utf-8")
    written = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    expect(written == manifest, f"{MANIFEST.name} differs from {RULES.name}: bash .ci/deploy --write")


def check_compose():
    """Checks what the schema of compose can't: references, files, addresses and hardening."""
    import yaml

    compose = yaml.safe_load((DEPLOY / "compose.yml").read_text(encoding="utf-8"))
    for name, service in compose["services"].items():
        networks = service.get("networks", [])
        for network in networks:
            expect(network in compose["networks"], f"compose: {name} names the network {network}")
        for secret in service.get("secrets", []):
            source = secret["source"] if isinstance(secret, dict) else secret
            expect(source in compose["secrets"], f"compose: {name} names the secret {source}")
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./secrets"):
                continue
            is_there = (DEPLOY / source).exists() if source.startswith(".") else source in compose["volumes"]
            expect(is_there, f"compose: {name} mounts {source}")
        for other in service.get("depends_on", []):
            expect(other in compose["services"], f"compose: {name} depends on {other}")
        expect(service.get("read_only") is True, f"compose: the root of {name} can be written to")
        expect(service.get("cap_drop") == ["ALL"], f"compose: {name} has capabilities")
        expect(str(service.get("user", "0")).split(":")[0] != "0", f"compose: {name} is root")
        expect(service["image"] == "vt4ai" or re.search(r":v?[\d.]+$", service["image"]), f"compose: the image of {name}")
        if "observe" in service.get("profiles", []):
            for port in service.get("ports", []):
                expect(port.startswith("127.0.0.1:"), f"compose: {name} publishes {port}")
        elif name != "nginx":
            expect("ports" not in service, f"compose: {name} publishes a port")


def check_kubernetes():
    """Checks what the schemas of Kubernetes can't: files, references, settings and hardening."""
    import yaml

    folder = DEPLOY / "kubernetes"
    for part in (folder, folder / "monitoring"):
        named = yaml.safe_load((part / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
        there = {path.name for path in part.glob("*.yaml")} - {"kustomization.yaml", "secret.example.yaml"}
        expect(set(named) == there, f"{part.name}/kustomization.yaml lists {named}, the folder has {sorted(there)}")
    documents = [one for path in sorted(folder.glob("*.yaml")) for one in yaml.safe_load_all(path.read_text("utf-8"))]
    secret = next(one for one in documents if one["kind"] == "Secret")
    used = set()
    for one in documents:
        if one["kind"] != "Deployment":
            continue
        name, pod = one["metadata"]["name"], one["spec"]["template"]["spec"]
        context = pod["securityContext"]
        expect(context["runAsNonRoot"] is True and context["seccompProfile"]["type"] == "RuntimeDefault", f"{name}: user")
        expect(pod["automountServiceAccountToken"] is False, f"{name}: a token of the cluster")
        for container in pod["containers"]:
            own = container["securityContext"]
            expect(own["readOnlyRootFilesystem"] is True, f"{name}: the root can be written to")
            expect(own["allowPrivilegeEscalation"] is False and own["capabilities"]["drop"] == ["ALL"], f"{name}: rights")
            expect("readinessProbe" in container and "livenessProbe" in container, f"{name}: probes")
            expect("requests" in container["resources"] and "memory" in container["resources"]["limits"], f"{name}: bounds")
            used.update(it["valueFrom"]["secretKeyRef"]["key"] for it in container["env"] if "valueFrom" in it)
        for volume in pod.get("volumes", []):
            used.update(item["key"] for item in volume.get("secret", {}).get("items", []))
    expect(used == set(secret["stringData"]), f"the example has other keys than {sorted(used)}")
    settings = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    for name in re.findall(r"^(VT4AI_\w+)=", (folder / "config.env").read_text(encoding="utf-8"), re.MULTILINE):
        expect(f"`{name}`" in settings, f"config.env: there is no setting {name}")


class Prometheus:
    """A Prometheus with the shipped rules that scrapes a gateway every second."""

    def __init__(self, folder, target):
        import yaml

        config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text(encoding="utf-8"))
        config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(RULES)]
        job = next(it for it in config["scrape_configs"] if it["job_name"] == "vt4ai")
        job["static_configs"] = [{"targets": [target]}]
        config["scrape_configs"] = [job]
        path = pathlib.Path(folder, "prometheus.yml")
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        self.address = f"http://127.0.0.1:{free_port()}"
        self.running = Running(
            ["prometheus", f"--config.file={path}", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address={self.address.removeprefix('http://')}"], folder)

    def get(self, path):
        status, body = request(f"{self.address}/api/v1/{path}")
        return status, json.loads(body) if body.startswith("{") else body

    def query(self, query):
        return self.get("query?" + urllib.parse.urlencode({"query": query}))


def run_queries(prometheus, traffic, queries):
    """Runs all queries until each has found something; returns those that have not."""
    waiting = list(queries)
    for _ in range(TRIES):
        traffic.round()
        time.sleep(1)
        left = []
        for place, query in waiting:
            status, answer = prometheus.query(query)
            if status != 200:
                faults.append(f"{place}: Prometheus refuses {query}: {answer}")
            elif not answer["data"]["result"]:
                left.append((place, query))
        waiting = left
        if not waiting:
            break
    return waiting


def run(binary, queries, outcomes):
    """Compares the queries with a running gateway and Prometheus."""
    with tempfile.TemporaryDirectory() as folder:
        running, token = start_gateway(binary, folder)
        with running:
            address = running.wait_for(r"http://127\.0\.0\.1:\d+")[0]
            traffic = Traffic(address, token)
            traffic.round()
            time.sleep(0.2)
            request(f"{address}/metrics")
            series = exported(request(f"{address}/metrics")[1])
            check_documented(series)
            check_names(queries, series, outcomes)
            prometheus = Prometheus(folder, address.removeprefix("http://"))
            with prometheus.running:
                prometheus.running.wait_for("Server is ready")
                asked = [it for it in queries if it[0].startswith(("panel", "variable"))]
                for place, query in run_queries(prometheus, traffic, asked):
                    faults.append(f"{place}: finds nothing: {query}")
                rules = prometheus.get("rules")[1]["data"]["groups"]
                for rule in (rule for group in rules for rule in group["rules"]):
                    expect(rule["health"] == "ok", f"{rule['name']}: {rule.get('lastError', rule['health'])}")
    return len(series)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", help="the gateway")
    parser.add_argument("--write", action="store_true", help="write the rules into the manifest")
    arguments = parser.parse_args()

    import yaml

    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    rules = [rule for group in groups["groups"] for rule in group["rules"]]
    check_manifest(groups, arguments.write)
    check_board(board)
    check_rules(rules)
    check_compose()
    check_kubernetes()
    queries = [(place, plain(query)) for place, query in dashboard_queries(board)]
    queries += [(f"alert `{rule['alert']}`", rule["expr"]) for rule in rules]
    count = run(str(pathlib.Path(arguments.binary).resolve()), queries, documented_outcomes())
    for fault in sorted(set(faults)):
        print(fault, file=sys.stderr)
    print(f"{len(queries)} queries over {count} metrics, {len(rules)} alerts, {len(set(faults))} faults")
    raise SystemExit(bool(faults))


if __name__ == "__main__":
    main()
