# SPDX-License-Identifier: Apache-2.0
"""Random requests to the HTTP API, from a seed: most mean something, many are wrong in one place.

A request is (method, path, body): the body as bytes, None for none.

 (1) The names of what is made begin with `d`, so that all of it can be found and removed again.
"""
import copy
import json
import random

VHOSTS = ["%2F"] * 12 + ["dv", "nosuch", "%252F", "/", "%2f", "%zz", ""]
QUEUES = ["dq0", "dq1", "dq2"]
EXCHANGES = ["dx0", "dx1", "amq.direct", "amq.topic", "amq.default", "amq.fanout", "amq.nobody"]
USERS = ["du0", "du1", "tests-reader"]
ODD_NAMES = ["nosuch", "", "a%2Fb", "%00", "%C3%A9", "a%20b", "a+b", "amq.gen-x", "amq.mine", "%", "d%0Aq", "%ff"]
ODD_VALUES = [None, 5, -1, 0, "x", "", [], ["x"], {}, {"a": 1}, True, False, 1.5, 2**63, 10**30, "true", "5"]
ODD_BODIES = [b"", b"{", b"[]", b"5", b"null", b'"x"', b"{}", b"\xff\xfe", b"{\"a\":1,\"a\":2}", b"[{}]", b" ", b"{}x",
              b"{'a':1}"]


class Requests:
    """Chooses requests."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.keys = {}  # of bindings: what the first broker called them

    def pick(self, items):
        return self.random.choice(items)

    def chance(self, share):
        return self.random.random() < share

    def name(self, names):
        return self.pick(ODD_NAMES) if self.chance(0.06) else self.pick(names)

    def vhost(self):
        return self.pick(VHOSTS)

    # -- bodies

    def spoil(self, body):
        """The body as bytes, in some cases wrong in one place."""
        if self.chance(0.05):
            return self.pick(ODD_BODIES)
        body = copy.deepcopy(body)
        if self.chance(0.35) and body:
            place = body
            inner = [value for value in body.values() if isinstance(value, dict) and value]
            if inner and self.chance(0.5):
                place = self.pick(inner)
            key = self.pick(sorted(place))
            if self.chance(0.3):
                del place[key]
            else:
                place[key] = self.pick(ODD_VALUES)
        elif self.chance(0.1):
            body[self.pick(["nonsense", "name", "vhost", "node"])] = self.pick(ODD_VALUES)
        return json.dumps(body).encode()

    def arguments(self):
        return self.pick([{}, {}, {"x-max-length": 5}, {"x-message-ttl": 60000}, {"x-nonsense": [1, {"a": None}]},
                          {"x-max-priority": 300}, {"x-overflow": "no"}, {"x-queue-type": "classic"},
                          {"x-dead-letter-exchange": "dx0"}, {"x-expires": 0}, {"x-queue-type": "none"}])

    # -- the routes

    def next(self):
        route = self.pick(self.ROUTES)
        method, path, body = getattr(self, route)()
        if self.chance(0.03):
            method = self.pick(["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH"])
        if self.chance(0.02):
            path += self.pick(["/", "/x", "?", "?columns=name", "?page=1&page_size=2", "?sort=name", "//"])
        return method, path, body

    ROUTES = ["queue", "queue", "queue_delete", "queue_get", "queue_contents", "exchange", "exchange_delete",
              "binding", "binding", "binding_delete", "publish", "publish", "get", "get", "actions", "vhost_put",
              "user", "user_delete", "bulk", "permission", "topic_permission", "policy", "policy", "policy_delete",
              "operator_policy", "limit", "user_limit", "parameter", "global_parameter", "lookup", "lookup",
              "lookup", "definitions", "health", "purge"]

    def queue(self):
        return ("PUT", "/api/queues/%s/%s" % (self.vhost(), self.name(QUEUES)), self.spoil(
            {"durable": self.pick([True, True, False]), "auto_delete": False, "arguments": self.arguments()}))

    def queue_delete(self):
        return ("DELETE", "/api/queues/%s/%s%s" % (self.vhost(), self.name(QUEUES), self.pick(
            ["", "", "?if-unused=true", "?if-empty=true", "?if-empty=x", "?if-empty"])), None)

    def queue_get(self):
        return ("GET", "/api/queues/%s/%s%s" % (self.vhost(), self.name(QUEUES), self.pick(
            ["", "", "/bindings", "?disable_stats=true"])), None)

    def queue_contents(self):
        return "DELETE", "/api/queues/%s/%s/contents" % (self.vhost(), self.name(QUEUES)), None

    def purge(self):
        return self.queue_contents()

    def exchange(self):
        return ("PUT", "/api/exchanges/%s/%s" % (self.vhost(), self.name(EXCHANGES)), self.spoil(
            {"type": self.pick(["direct", "topic", "fanout", "headers", "nonsense"]), "durable": self.chance(0.8),
             "auto_delete": False, "internal": self.chance(0.1),
             "arguments": self.pick([{}, {}, {"alternate-exchange": "dx1"}, {"alternate-exchange": 5}])}))

    def exchange_delete(self):
        return ("DELETE", "/api/exchanges/%s/%s%s" % (self.vhost(), self.name(EXCHANGES), self.pick(
            ["", "?if-unused=true"])), None)

    def binding_path(self):
        return "/api/bindings/%s/e/%s/%s" % (self.vhost(), self.name(EXCHANGES), self.pick(
            ["q/" + self.name(QUEUES)] * 3 + ["e/" + self.name(EXCHANGES), "z/" + self.name(QUEUES)]))

    def binding(self):
        return "POST", self.binding_path(), self.spoil(
            {"routing_key": self.pick(["", "k", "a b", "é", "~", "a/b", "%"]),
             "arguments": self.pick([{}, {}, {"a": 1}, {"x-match": "any"}, {"x-match": 5}, {"b": [1]}])})

    def binding_delete(self):
        return (self.pick(["DELETE", "GET"]), self.binding_path() + "/" + self.pick(
            ["~", "k", "a%20b", "%C3%A9", "%7E", "a%2Fb", "nosuch", "", "k~x"] + ["@key"] * 4), None)

    def publish(self):
        return "POST", "/api/exchanges/%s/%s/publish" % (self.vhost(), self.name(EXCHANGES)), self.spoil(
            {"routing_key": self.name(QUEUES), "payload": self.pick(["x", "", "eA==", "!!", "é"]),
             "payload_encoding": self.pick(["string", "string", "base64", "nonsense"]),
             "properties": self.pick([{}, {}, {"delivery_mode": 2, "headers": {"a": 1, "b": [True, 1.5]}},
                                      {"priority": 3, "expiration": "60000", "timestamp": 5, "user_id": "guest"},
                                      {"expiration": "x"}, {"nonsense": 1}, {"priority": "3"}])})

    def get(self):
        return "POST", "/api/queues/%s/%s/get" % (self.vhost(), self.name(QUEUES)), self.spoil(
            {"count": self.pick([1, 1, 5, 0]), "encoding": self.pick(["auto", "auto", "base64", "nonsense"]),
             "ackmode": self.pick(["ack_requeue_true", "ack_requeue_false", "reject_requeue_true",
                                   "reject_requeue_false"])})

    def actions(self):
        return "POST", "/api/queues/%s/%s/actions" % (self.vhost(), self.name(QUEUES)), self.spoil(
            {"action": self.pick(["sync", "cancel_sync", "nonsense"])})

    def vhost_put(self):
        name = self.pick(["dv"] * 3 + ["nosuch"])
        return (self.pick(["GET", "GET", "GET", "PUT", "DELETE"]) if self.chance(0.3) else "GET",
                "/api/vhosts/%s%s" % (name, self.pick(["", "", "/permissions", "/topic-permissions"])), None)

    def user(self):
        return ("PUT", "/api/users/" + self.name(USERS[:2]), self.spoil(
            {"password": "secret", "tags": self.pick(["", "management", "administrator,monitoring", ["policymaker"],
                                                      "none of these"])}))

    def user_delete(self):
        return self.pick(["DELETE", "GET", "GET"]), "/api/users/%s%s" % (self.name(USERS[:2]), self.pick(
            ["", "", "/permissions", "/topic-permissions"])), None

    def bulk(self):
        users = self.pick([["du0"], ["nosuch", "du1"], []])  # RabbitMQ deletes those before the wrong one
        return "POST", "/api/users/bulk-delete", self.spoil({"users": users})

    def permission(self):
        path = "/api/permissions/%s/%s" % (self.vhost(), self.name(USERS))
        return self.pick([("GET", path, None), ("DELETE", path, None)] + [("PUT", path, self.spoil(
            {"configure": self.pick([".*", "^d", "("]), "write": ".*", "read": ".*"}))] * 3)

    def topic_permission(self):
        path = "/api/topic-permissions/%s/%s" % (self.vhost(), self.name(USERS))
        return self.pick([("GET", path, None), ("DELETE", path, None), ("DELETE", path + "/dx0", None)] + [
            ("PUT", path, self.spoil({"exchange": self.pick(["amq.topic", "dx0", "nosuch"]),
                                      "write": self.pick([".*", "("]), "read": ".*"}))] * 3)

    def policy_body(self):
        return self.spoil({"pattern": self.pick(["^d", ".*", "("]), "priority": self.pick([0, 1, -1]),
                           "apply-to": self.pick(["all", "queues", "exchanges", "nonsense"]),
                           "definition": self.pick([{"max-length": 10}, {"message-ttl": 60000, "expires": 600000},
                                                    {"nonsense": 1}, {}, {"max-length": "10"}, {"max-length": -1},
                                                    {"dead-letter-exchange": "dx0"}, {"overflow": "drop-head"},
                                                    {"alternate-exchange": "dx0"}, {"expires": 0}])})

    def policy(self):
        return "PUT", "/api/policies/%s/%s" % (self.vhost(), self.name(["dp0", "dp1"])), self.policy_body()

    def policy_delete(self):
        return (self.pick(["GET", "DELETE"]), "/api/%s/%s/%s" % (
            self.pick(["policies", "operator-policies"]), self.vhost(), self.name(["dp0", "dp1"])), None)

    def operator_policy(self):
        path = "/api/operator-policies/%s/%s" % (self.vhost(), self.name(["dp0", "dp1"]))
        return "PUT", path, self.policy_body()

    def limit(self):
        path = "/api/vhost-limits/dv/" + self.pick(["max-queues", "max-connections", "nonsense"])
        put = ("PUT", path, self.spoil({"value": self.pick([5, 100, -1])}))
        get = ("GET", self.pick(["/api/vhost-limits", "/api/vhost-limits/dv"]), None)
        return self.pick([put] * 3 + [("DELETE", path, None), get])

    def user_limit(self):
        limit = self.pick(["max-channels", "max-connections", "nonsense"])
        path = "/api/user-limits/%s/%s" % (self.name(USERS[:2]), limit)
        put = ("PUT", path, self.spoil({"value": self.pick([5, 100, -1])}))
        get = ("GET", self.pick(["/api/user-limits", "/api/user-limits/du0"]), None)
        return self.pick([put] * 3 + [("DELETE", path, None), get])

    def parameter(self):
        component = self.pick(["nosuch", "operator_policy", "vhost-limits"])
        path = "/api/parameters/%s/%s/dp9" % (component, self.vhost())
        body = {"component": "nosuch", "vhost": "/", "name": "dp9", "value": {}}
        return self.pick([("PUT", path, self.spoil(body)), ("GET", path, None), ("DELETE", path, None)])

    def global_parameter(self):
        path = "/api/global-parameters/" + self.name(["dg0", "dg1"])
        return self.pick([("PUT", path, self.spoil({"name": "dg0", "value": self.pick(ODD_VALUES[:-4])})),
                         ("GET", path, None), ("DELETE", path, None)])

    def lookup(self):
        vhost = self.vhost()
        return "GET", "/api/" + self.pick([
            "queues/" + vhost, "exchanges/" + vhost, "bindings/" + vhost, "exchanges/%s/%s" % (vhost, self.name(EXCHANGES)),
            "exchanges/%s/%s/bindings/%s" % (vhost, self.name(EXCHANGES), self.pick(["source", "destination", "other"])),
            "consumers/" + vhost, "policies/" + vhost, "operator-policies/" + vhost, "parameters", "parameters/nosuch",
            "users", "users/without-permissions", "permissions", "topic-permissions", "whoami", "cluster-name",
            "nosuch", "vhosts", "global-parameters", "extensions", "vhosts/%s" % vhost, "channels", "connections",
            "connections/nosuch", "channels/nosuch", "nodes/nosuch", "vhosts/%s/connections" % vhost,
            "vhosts/%s/channels" % vhost, "aliveness-test/%s" % vhost, "definitions/%s" % vhost,
            "connections/username/du0", "auth/attempts/nosuch"]), None

    def definitions(self):
        return "POST", "/api/definitions" + self.pick(["", "/%2F", "/nosuch"]), self.spoil(
            {"queues": [{"name": "dq2", "vhost": "/", "durable": True, "auto_delete": False,
                         "arguments": self.arguments()}]} if self.chance(0.6) else
            {"exchanges": [{"name": "dx1", "vhost": "/", "type": self.pick(["direct", "nonsense"]), "durable": True,
                            "auto_delete": False, "internal": False, "arguments": {}}]})

    def health(self):
        return "GET", "/api/health/checks/" + self.pick(
            ["alarms", "local-alarms", "virtual-hosts", "port-listener/1", "port-listener/x", "protocol-listener/amqp",
             "protocol-listener/nosuch", "certificate-expiration/1/days", "certificate-expiration/x/days",
             "certificate-expiration/1/eons", "node-is-quorum-critical", "nosuch"]), None
