# SPDX-License-Identifier: Apache-2.0
"""Sends the same HTTP requests to both brokers and compares status, error, reason and what was configured.

 (1) Of the JSON of objects only what somebody set is compared; which members there are besides is the
     business of tests/http/test_shapes.py.
"""
import http.client
import json
import re
import urllib.parse

import asks
import http_known
from brokers import AUTHORIZATION

ROUND = 200  # requests on one ground
SET = {"name", "vhost", "durable", "auto_delete", "exclusive", "internal", "arguments", "type", "source", "destination",
       "destination_type", "routing_key", "properties_key", "user", "configure", "write", "read", "tags", "pattern",
       "apply-to", "definition", "priority", "component", "value", "exchange", "redelivered", "payload", "payload_bytes",
       "payload_encoding", "properties", "message_count", "routed", "status", "port", "protocol", "missing"}
MADE = [("queues/%2F/", ["dq0", "dq1", "dq2"]), ("exchanges/%2F/", ["dx0", "dx1"]), ("users/", ["du0", "du1"]),
        ("policies/%2F/", ["dp0", "dp1"]), ("operator-policies/%2F/", ["dp0", "dp1"]), ("vhosts/", ["dv"]),
        ("global-parameters/", ["dg0", "dg1"]), ("permissions/%2F/", ["tests-reader"])]


class Api:
    """One broker's HTTP API."""

    def __init__(self, address):
        self.name, self.port = address.name, address.http_port
        self.connection = None

    def ask(self, method, path, body):
        """(status, body)"""
        for again in (True, False):
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                self.connection.request(method, path, body, {**AUTHORIZATION, "Content-Type": "application/json"})
                response = self.connection.getresponse()
                answer = response.status, response.read(), response.getheader("Location") or ""
                if response.will_close:
                    self.close()
                return answer
            except (http.client.HTTPException, OSError):
                self.close()
                if not again:
                    return 0, b"", ""
        return None

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def remove_all(self):
        for path, names in MADE:
            for name in names:
                self.ask("DELETE", "/api/" + path + name, None)
        for path in ("policies", "operator-policies", "queues", "exchanges", "users", "permissions"):
            self._remove_odd(path)
        self._remove_bindings()
        self.ask("PUT", "/api/vhosts/dv", b"{}")
        self.ask("PUT", "/api/permissions/%2F/tests-reader", b'{"configure":"^$","write":"","read":".*"}')

    def _remove_bindings(self):
        """Those between exchanges that are always there: others go with what they bind."""
        for binding in json.loads(self.ask("GET", "/api/bindings/%2F", None)[1]):
            if binding["destination_type"] == "exchange":
                parts = (binding["source"], "e", binding["destination"], binding["properties_key"])
                self.ask("DELETE", "/api/bindings/%2F/e/" +
                         "/".join(urllib.parse.quote(part, safe="") for part in parts), None)

    def _remove_odd(self, path):
        listed = json.loads(self.ask("GET", "/api/" + path, None)[1])
        for item in listed:
            name, vhost = item.get("name", ""), item.get("vhost")
            if name.startswith("amq.") or name in ("", "guest") or name.startswith("tests-") or \
                    path == "permissions" or "." in name:
                continue
            quoted = "/".join(urllib.parse.quote(part, safe="") for part in ([vhost, name] if vhost else [name]))
            self.ask("DELETE", "/api/%s/%s" % (path, quoted), None)


def configured(value):
    """What somebody set, of any JSON."""
    if isinstance(value, list):
        return sorted((configured(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    if isinstance(value, dict):
        return {key: inner if key in ("arguments", "definition", "value", "properties") else configured(inner)
                for key, inner in value.items() if key in SET}
    return value


def digest(answer):
    """(status, what of the body is compared)"""
    status, body, location = answer
    location = re.sub(r"^https?://[^/]*", "", location)
    try:
        parsed = json.loads(body) if body else None
    except ValueError:
        return status, "no JSON", location
    if isinstance(parsed, dict) and "error" in parsed:
        return status, {"error": parsed["error"], "reason": parsed.get("reason")}, location
    return status, configured(parsed), location


def grounds_differ(request, one, other):
    """Has one broker changed something that the other one refused to?"""
    return request[0] != "GET" and one[0] // 100 != other[0] // 100


def differences(seed, first, second):
    """(position, request, ours, theirs) of each answer that differs; ends where the grounds differ."""
    first.remove_all()
    second.remove_all()
    chooser = asks.Requests(seed)
    for position in range(ROUND):
        request = chooser.next()
        one, other = digest(first.ask(*request)), digest(second.ask(*request))
        if not http_known.same(request, one, other):
            yield position, request, one, other
        if grounds_differ(request, one, other):
            return


def hunt(seed, steps, ours, theirs):
    """Asks both, prints each kind of difference once; the number of kinds."""
    first, second = Api(ours), Api(theirs)
    kinds = set()
    for number in range(seed, seed + max(1, steps // ROUND)):
        for position, request, one, other in differences(number, first, second):
            kind = http_known.kind(request, one, other)
            if kind in kinds:
                continue
            kinds.add(kind)
            print("==== seed %d, request %d: %s\n    ours:   %s\n    theirs: %s"
                  % (number, position, request, one, other), flush=True)
    first.remove_all()
    second.remove_all()
    print("%d requests at most, %d kinds of difference" % (steps, len(kinds)))
    return len(kinds)
