"""Checks the formats of SOC platforms by the platforms' own libraries.

Usage: python3 system-tests/formats.py BINARY FIELDS

FIELDS is the list of fields that Elastic publishes, as JSON. Needs the packages `stix2`, `stix2-validator` and
`pymisp`; `.ci/formats` installs them and makes the list. Every indicator that `vt4ai --demo` knows is looked up in each
format, alone, in a job and in a list: a document of ECS may have fields of the schema only, with values of their types;
a bundle of STIX has to be valid without a warning, and its observables have to have the ids that `stix2` computes;
objects of MISP have to load, to fit their templates and to keep their types.
"""

import argparse
import base64
import datetime
import ipaddress
import json
import pathlib
import sys
import urllib.error
import urllib.parse
import urllib.request

from demo_gateway import DemoGateway

DEMO = pathlib.Path(__file__).parent.parent / "src" / "demo"
KINDS = {"file": "files", "url": "urls", "domain": "domains", "ip_address": "ips"}
STIX = "application/stix+json;version=2.1"
# Rows without a report: not found, private and reserved, not an indicator.
WITHOUT_REPORT = [
    "0" * 64,
    "d41d8cd98f00b204e9800998ecf8427f",
    "10.1.2.3",
    "server.internal",
    "http://192.168.0.1/admin?x='y'",
    "not-found.example",
    "::ffff:8.8.8.8",
    # Domains that are no names of hosts.
    "a_b.example",
    "xn--0.example",
    "xn--ls8h.example",
    "\u202e[2J\x1b\x7f",
    "hello \"world\" \\ '] OR [file:size > 0",
    "<script>alert(1)</script>",
]
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Schema:
    """The fields of ECS."""

    def __init__(self, path):
        self.fields = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))

    def check(self, document):
        """Checks a document: its fields, their types and the values that the schema allows."""
        for field, value in flat(document):
            known = self.fields.get(field)
            require(known is not None, f"{field} is no field of ECS")
            is_list = isinstance(value, list)
            if "array" in known.get("normalize", []):
                require(is_list, f"{field} is a list in ECS")
            for one in value if is_list else [value]:
                self.check_value(field, known, one)
        for field in ("@timestamp", "ecs", "event"):
            require(field in document, f"{field} is missing")

    def check_value(self, field, known, value):
        kind = known["type"]
        if kind in ("keyword", "wildcard", "match_only_text", "text", "constant_keyword"):
            require(isinstance(value, str), f"{field}: {value!r} is no text")
            require(kind != "keyword" or len(value) <= 1024, f"{field} is too long to be indexed")
        elif kind == "long":
            require(isinstance(value, int) and -(2**63) <= value < 2**63, f"{field}: {value!r}")
        elif kind == "date":
            datetime.datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ")
        elif kind == "ip":
            ipaddress.ip_address(value)
        else:
            raise AssertionError(f"{field}: the type {kind} is not expected")
        expected = known.get("expected_values") or [it["name"] for it in known.get("allowed_values", [])]
        require(not expected or value in expected, f"{field}: {value!r} is none of {expected}")


def flat(value, path=""):
    """Returns the leaves of a document with their dotted paths."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from flat(member, f"{path}.{key}" if path else key)
    else:
        yield path, value


def require(condition, message):
    if not condition:
        raise AssertionError(message)


def check_stix(bundle):
    """Checks a bundle by the validator and the library, and recomputes the ids of its observables."""
    # Only the checks need the libraries, not `--help`.
    import stix2
    import stix2validator

    # Ids are not random, so that what is imported again is known, and nothing is told of the page at VirusTotal
    # but its address. Every other recommendation of the specification counts.
    options = stix2validator.ValidationOptions(version="2.1", strict=True, disabled=["uuid-check", "extref-hashes"])
    result = stix2validator.validate_instance(bundle, options)
    problems = [str(it) for it in result.errors + result.warnings]
    require(result.is_valid and not problems, f"the bundle is not valid: {problems}")
    stix2.parse(bundle, version="2.1", allow_custom=False)
    ids = [it["id"] for it in bundle["objects"]]
    require(len(ids) == len(set(ids)), "an object is repeated")
    for item in bundle["objects"]:
        for reference in references(item):
            require(reference in ids, f"{item['id']} refers to {reference}, which is missing")
        if "created" not in item:
            without_id = {key: value for key, value in item.items() if key != "id"}
            computed = stix2.parse(without_id, version="2.1").id
            require(computed == item["id"], f"{item['id']} should be {computed}")


def references(item):
    for key, value in item.items():
        if key.endswith("_ref"):
            yield value
        elif key.endswith("_refs"):
            yield from value


def check_misp(data):
    """Loads the objects into an event, and checks that it has them with their types. Returns the event."""
    import pymisp

    whole = pymisp.MISPEvent()
    whole.from_dict(**json.loads(json.dumps(data)))
    require(len(whole.objects) == len(data["Object"]), "the event lacks objects")
    event = pymisp.MISPEvent()
    event.info = data["info"]
    uuids = {it["uuid"] for it in data["Object"]}
    for given in data["Object"]:
        require(len(given["Attribute"]) > 0, "an object without attributes")
        loaded = pymisp.MISPObject(given["name"], strict=True)
        loaded.from_dict(**json.loads(json.dumps(given)))
        require(loaded.template_uuid == given["template_uuid"], f"{given['name']}: another template")
        require(str(loaded.template_version) == given["template_version"], f"{given['name']}: an older template")
        definition = loaded._definition
        for attribute in given["Attribute"]:
            wanted = definition["attributes"][attribute["object_relation"]]
            require(wanted["misp-attribute"] == attribute["type"], f"{attribute}: the template has {wanted}")
        relations = [it["object_relation"] for it in given["Attribute"]]
        for relation in set(relations):
            is_single = not definition["attributes"][relation].get("multiple")
            require(not is_single or relations.count(relation) == 1, f"{relation} is there more than once")
        needed = definition.get("requiredOneOf", [])
        require(not needed or set(needed) & set(relations), f"{given['name']} has none of {needed}")
        for reference in given.get("ObjectReference", []):
            require(reference["referenced_uuid"] in uuids, "a reference leads nowhere")
        event.add_object(loaded)
    again = pymisp.MISPEvent()
    again.from_json(event.to_json())
    for given, loaded in zip(data["Object"], again.objects, strict=True):
        require(loaded.uuid == given["uuid"], "an object lost its uuid")
        kept = [(it.object_relation, it.type, it.category, it.to_ids, str(it.uuid)) for it in loaded.attributes]
        sent = [
            (it["object_relation"], it["type"], it["category"], it["to_ids"], it["uuid"]) for it in given["Attribute"]
        ]
        require(kept == sent, f"attributes changed: {kept} {sent}")
    return again


class Checks:
    """The checks of one gateway."""

    def __init__(self, address, schema):
        self.address = address
        self.schema = schema
        self.count = 0

    def send(self, path, accept="application/json", body=None):
        headers = {"x-apikey": "demo", "Accept": accept}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, headers)
        with OPENER.open(request, timeout=120) as response:
            return response.headers["Content-Type"], response.read().decode()

    def get(self, path, accept="application/json"):
        return json.loads(self.send(path, accept)[1])

    def report(self, path):
        """Checks the report at a path in each format against its verdict."""
        mark = "&" if "?" in path else "?"
        level = self.get(f"{path}{mark}view=brief")["data"]["verdict"]["level"]
        is_malicious = level == "malicious"

        answer = self.get(f"{path}{mark}format=ecs")
        require(answer["format"] == "ecs", "another format")
        self.schema.check(answer["data"])
        require(answer["data"]["tags"][0] == level, "ECS has another verdict")

        bundle = self.get(f"{path}{mark}format=stix")["data"]
        check_stix(bundle)
        kinds = [it["type"] for it in bundle["objects"]]
        require(("indicator" in kinds) == is_malicious, "an indicator of what is not malicious, or none")
        media, bare = self.send(path, STIX)
        require(media == STIX, f"the bundle is sent as {media}")
        require(json.loads(bare) == bundle, "the bundle itself differs, or another id is computed each time")

        data = self.get(f"{path}{mark}format=misp")["data"]
        event = check_misp(data)
        has_ids = any(it.to_ids for found in event.objects for it in found.attributes)
        require(has_ids == is_malicious, "to_ids of what is not malicious, or of nothing")
        self.count += 1

    def job(self, given):
        """Checks a job with these texts in each format and each arrangement."""
        body = {"indicators": given}
        lines = self.lines("/api/v1/lookup?format=ecs", body, len(given))
        for document in lines:
            self.schema.check(document)
        rows = sorted(document["event"]["sequence"] for document in lines)
        require(rows == list(range(1, len(given) + 1)), "a row without its number")
        for document in self.whole("ecs", body)["data"]:
            self.schema.check(document)
        for bundle in self.lines("/api/v1/lookup?format=stix", body, len(given)):
            check_stix(bundle)
        bundle = self.whole("stix", body)["data"]
        check_stix(bundle)
        media, bare = self.send("/api/v1/lookup", STIX, body)
        require(media == STIX, f"the bundle is sent as {media}")
        require(json.loads(bare)["id"] == bundle["id"], "the bundle has another id")
        for data in self.lines("/api/v1/lookup?format=misp", body, len(given)):
            check_misp(data)
        answer = self.whole("misp", body)
        check_misp(answer["data"])
        failed = answer["meta"]["summary"]["failed"]
        require(failed == len(answer["meta"].get("errors", [])), "an error is missing")

    def lines(self, path, body, count):
        media, text = self.send(path, "application/x-ndjson", body)
        require(media == "application/x-ndjson", f"lines are sent as {media}")
        lines = [json.loads(line) for line in text.splitlines()]
        require(len(lines) == count, f"{len(lines)} documents of {count} rows")
        return lines

    def whole(self, name, body):
        answer = json.loads(self.send(f"/api/v1/lookup?format={name}", body=body)[1])
        require(answer["format"] == name, "another format")
        require(answer["meta"]["summary"]["complete"], "rows remain")
        return answer

    def listed(self, path):
        """Checks a list of objects in each format."""
        ids = [it["id"] for it in self.get(path)["data"]]
        documents = self.get(f"{path}?format=ecs")["data"]
        require(len(documents) == len(ids) > 0, "a document of each object")
        for document in documents:
            self.schema.check(document)
        check_stix(self.get(f"{path}?format=stix")["data"])
        check_misp(self.get(f"{path}?format=misp")["data"])


def path_of(kind, name):
    """Returns the path of a report."""
    if kind == "url" and "://" in name:
        name = base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")
    return f"/api/v1/{KINDS[kind]}/{urllib.parse.quote(name, safe='')}"


def demo_indicators():
    """Returns the type and the id of every indicator of the demo, of a URL its text."""
    found = []
    for file in sorted(DEMO.glob("*.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        for item in content if isinstance(content, list) else [content]:
            if isinstance(item, dict) and item.get("type") in KINDS:
                attributes = item.get("attributes", {})
                found.append((item["type"], attributes.get("url", item["id"])))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", help="the gateway")
    parser.add_argument("fields", help="the fields of ECS, as JSON")
    options = parser.parse_args()
    schema = Schema(options.fields)
    indicators = demo_indicators()
    with DemoGateway(options.binary, "--client-rate-per-minute", "0") as address:
        checks = Checks(address, schema)
        failures = []
        for kind, name in indicators:
            try:
                checks.report(path_of(kind, name))
            except (AssertionError, urllib.error.HTTPError) as error:
                failures.append(f"{kind} {name}: {error}")
        try:
            checks.job([name for _, name in indicators] + WITHOUT_REPORT)
            checks.listed("/api/v1/domains/bank-secure.example/relationships/subdomains")
            checks.listed("/api/v1/ips/203.0.113.7/relationships/communicating_files")
        except (AssertionError, urllib.error.HTTPError) as error:
            failures.append(f"job or list: {error}")
    for failure in failures:
        print(failure[:2000], file=sys.stderr)
    print(f"{checks.count} of {len(indicators)} reports, {len(failures)} wrong")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
