"""Tests examples/sentinel: `python sentinel.py BINARY`, without packages.

It checks the form of the template, and replays the workflow without Azure: an evaluator knows the expressions and the types
of actions that the template uses. Only calls to the gateway are sent; those to Sentinel's connector are recorded.
"""

import html
import json
import re
import sys
import urllib.error
import urllib.request

from harness import EXAMPLES, Recorder, check, gateway

TEMPLATE = EXAMPLES / "sentinel" / "azuredeploy.json"
TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+)|(?P<name>\w+)|(?P<mark>\?\[|[\[\](),]))")
EICAR = "44d88612fea8a8f36de82e1278abb02f"


class Expression:
    """An expression of Logic Apps: calls of functions, texts, whole numbers, and members by `['…']` and `?['…']`."""

    def __init__(self, source: str, functions: dict):
        self.tokens, self.functions = [], functions
        while source.strip():
            match = TOKEN.match(source)
            check(match, f"an expression that can't be read: {source}")
            self.tokens.append((match.lastgroup, match[match.lastgroup]))
            source = source[match.end() :]

    def take(self, expected: str = "") -> tuple:
        """Removes the next token, which has to be the expected one."""
        check(self.tokens and (not expected or self.tokens[0][1] == expected), f"{expected} in {self.tokens}")
        return self.tokens.pop(0)

    def peek(self) -> str:
        """Returns the next token."""
        return self.tokens[0][1] if self.tokens else ""

    def value(self) -> object:
        """Evaluates the next value with the members behind it."""
        kind, text = self.take()
        if kind == "text":
            return text[1:-1].replace("''", "'")
        if kind == "number":
            return int(text)
        self.take("(")
        given = []
        while self.peek() != ")":
            given.append(self.value())
            if self.peek() == ",":
                self.take()
        self.take(")")
        check(text in self.functions, f"an unknown function: {text}")
        result = self.functions[text](*given)
        while self.peek() in ("[", "?["):
            lenient = self.take()[1] == "?["
            key = self.value()
            self.take("]")
            check(lenient or (isinstance(result, dict) and key in result), f"no member {key}")
            result = result.get(key) if isinstance(result, dict) else None
        return result


class Playbook:
    """A run of the workflow for an incident."""

    def __init__(self, parameters: dict, incident: dict):
        self.results, self.statuses, self.calls, self.current = {}, {}, [], None
        self.functions = {
            "parameters": parameters.__getitem__, "triggerBody": lambda: incident, "item": lambda: self.current,
            "body": self.results.__getitem__, "outputs": self.results.__getitem__, "json": json.loads, "length": len,
            "coalesce": lambda *them: next((it for it in them if it is not None), None), "take": lambda them, n: them[:n],
            "union": lambda *them: list(dict.fromkeys(it for part in them for it in part)),
            "contains": lambda them, it: it in them, "equals": lambda one, other: one == other,
        }

    def evaluate(self, value: object) -> object:
        """Evaluates all expressions in an input."""
        if isinstance(value, dict):
            return {key: self.evaluate(it) for key, it in value.items()}
        if isinstance(value, list):
            return [self.evaluate(it) for it in value]
        if not isinstance(value, str):
            return value
        if value.startswith("@") and not value.startswith("@{"):
            expression = Expression(value[1:], self.functions)
            result = expression.value()
            check(not expression.tokens, f"more than an expression: {value}")
            return result
        return re.sub(r"@\{(.*?)\}", lambda it: str(Expression(it[1], self.functions).value()), value)

    def each(self, inputs: dict, member: str) -> list:
        """Evaluates an input for each element, which `item()` gives."""
        results = []
        for self.current in self.evaluate(inputs["from"]):
            results.append((self.current, self.evaluate(inputs[member])))
        return results

    def run(self, actions: dict) -> None:
        """Runs actions in the order of `runAfter`."""
        left = dict(actions)
        while left:
            ready = [it for it in left if all(before in self.statuses for before in left[it]["runAfter"])]
            check(ready, f"never run: {list(left)}")
            action = left.pop(ready[0])
            fits = all(self.statuses[before] in wanted for before, wanted in action["runAfter"].items())
            self.statuses[ready[0]] = self.perform(ready[0], action) if fits else "Skipped"

    def perform(self, name: str, action: dict) -> str:
        """Runs an action and returns its status."""
        inputs = action.get("inputs")
        match action["type"]:
            case "Compose":
                self.results[name] = self.evaluate(inputs)
            case "Query":
                self.results[name] = [it for it, holds in self.each(inputs, "where") if holds]
            case "Select":
                self.results[name] = [it for _, it in self.each(inputs, "select")]
            case "Table":
                rows = self.evaluate(inputs["from"])
                cells = ["".join(f"<td>{html.escape(str(it))}</td>" for it in row.values()) for row in rows]
                self.results[name] = "<table>" + "".join(f"<tr>{it}</tr>" for it in cells) + "</table>"
            case "If":
                ((left, right),) = [it["greater"] for it in action["expression"]["and"]]
                self.run(action["actions"] if self.evaluate(left) > right else action["else"]["actions"])
            case "ApiConnection":
                self.calls.append((inputs["path"], self.evaluate(inputs["body"])))
            case "Http":
                return self.send(name, self.evaluate(inputs))
            case kind:
                check(False, f"an unknown type of action: {kind}")
        return "Succeeded"

    def send(self, name: str, inputs: dict) -> str:
        """Sends a request to the gateway."""
        request = urllib.request.Request(inputs["uri"], json.dumps(inputs["body"]).encode(), inputs["headers"], method=inputs["method"])
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=110) as answer:
                self.results[name] = json.load(answer)
        except urllib.error.URLError:
            return "Failed"
        return "Succeeded"


def all_actions(actions: dict):
    """Gives each action with its name, those within others as well, and the names beside it."""
    for name, action in actions.items():
        yield name, action, actions.keys()
        yield from all_actions(action.get("actions", {}))
        yield from all_actions(action.get("else", {}).get("actions", {}))


def check_template() -> dict:
    """Checks the form of the template and returns the workflow's definition."""
    text = TEMPLATE.read_text(encoding="utf-8")
    template = json.loads(text)
    check(template["$schema"].endswith("/2019-04-01/deploymentTemplate.json#"), template["$schema"])
    token = template["parameters"]["GatewayToken"]
    check(token["type"] == "securestring" and "defaultValue" not in token and "vt4ai_" not in text, "a token")
    check(set(re.findall(r"\[parameters\('(\w+)'\)\]", text)) <= template["parameters"].keys(), "an unknown parameter")
    check(set(re.findall(r"variables\('(\w+)'\)", text)) == template["variables"].keys(), "an unknown variable")
    connection, workflow = template["resources"]
    check(workflow["dependsOn"] == ["[resourceId('Microsoft.Web/connections', variables('ConnectionName'))]"], workflow["dependsOn"])
    check(connection["name"] == "[variables('ConnectionName')]", connection["name"])
    definition = workflow["properties"]["definition"]
    check(definition["parameters"].keys() == workflow["properties"]["parameters"].keys(), "the workflow's parameters")
    check(definition["parameters"]["GatewayToken"]["type"] == "SecureString", "the token's type")
    names = [name for name, _, _ in all_actions(definition["actions"])]
    check(len(names) == len(set(names)), names)
    check(set(re.findall(r"(?:body|outputs)\('(\w+)'\)", text)) <= set(names), "an unknown action")
    for name, action, beside in all_actions(definition["actions"]):
        check(action["runAfter"].keys() <= beside - {name}, f"{name} runs after {list(action['runAfter'])}")
        if action["type"] == "Http":
            check(action["runtimeConfiguration"]["secureData"]["properties"] == ["inputs"], f"{name} logs the token")
            check(action["operationOptions"] == "DisableAsyncPattern" and action["limit"]["timeout"], name)
            check(action["inputs"]["retryPolicy"]["count"] <= 4, name)
    return definition


def play(address: str, entities: object, token: str = "demo", units: int = 20) -> list:
    """Runs the playbook for an incident and returns its calls to Sentinel."""
    properties = {} if entities is None else {"relatedEntities": entities}
    incident = {"object": {"id": "/subscriptions/0/incidents/1", "properties": properties}}
    playbook = Playbook({"GatewayUrl": address, "GatewayToken": token, "MaxUnits": units}, incident)
    playbook.run(check_template()["actions"])
    return playbook.calls


def entity(kind: str, name: str, value: object) -> dict:
    """Returns an entity of an incident."""
    return {"kind": kind, "properties": {name: value}}


def check_incidents(address: str) -> None:
    """Checks comments and tags against the demo."""
    eicar, harmless = entity("FileHash", "hashValue", EICAR), entity("DnsResolution", "domainName", "portal.example")
    url = entity("Url", "url", "hxxps://login[.]bank-secure[.]example/verify?id=1&session=abc")
    calls = play(address, [eicar, eicar, harmless, url, entity("Account", "address", "203.0.113.7"), entity("Ip", "address", "8.8.8.8")])
    check([it for it, _ in calls] == ["/Incidents/Comment", "/Incidents"], calls)
    comment = calls[0][1]["message"]
    check(comment.count("<tr>") == 4 and "50 of 55 engines" in comment and "203.0.113.7" not in comment, comment)
    check(calls[1][1]["tagsToAdd"] == {"TagsToAdd": [{"Tag": "vt4ai-malicious"}]}, calls)
    calls = play(address, [harmless, entity("Url", "url", "<script>alert(1)</script>"), entity("Ip", "other", 1)])
    check(len(calls) == 1 and "<script>" not in calls[0][1]["message"] and "likely_benign" in calls[0][1]["message"], calls)
    check(play(address, None) == [] == play(address, [entity("Account", "name", "x")]), "no indicator")
    limited = play(address, [entity("Ip", "address", f"203.0.113.{it}") for it in range(100, 104)], units=2)
    check(len(limited) == 1 and "MaxUnits: 2<" in limited[0][1]["message"], limited)
    for failed in [play(address, [eicar], "bad-key"), play("http://127.0.0.1:1", [eicar])]:
        check(len(failed) == 1 and "unknown" in failed[0][1]["message"], failed)


def check_request() -> None:
    """Checks the request that goes over the wire."""
    with Recorder((200, {}, b'{"data": []}')) as server:
        play(server.address, [entity("Url", "url", 'a"/../b?c&é')], "secret")
        method, path, headers, body = server.requests[0]
        check((method, path, headers["X-Api-Key"]) == ("POST", "/api/v1/lookup", "secret"), server.requests)
        check(json.loads(body) == {"indicators": ['a"/../b?c&é'], "max_units": 20, "wait": "60s"}, body)


def main() -> None:
    """Runs all tests."""
    (binary,) = sys.argv[1:]
    check_request()
    with gateway(binary, "--client-rate-per-minute", "0") as address:
        check_incidents(address)
    print("examples/sentinel: as it should be")


if __name__ == "__main__":
    main()
