# SPDX-License-Identifier: Apache-2.0
"""What may differ between the two HTTP APIs, and why (docs/compatibility.md has the deliberate ones)."""
import html
import re

import known

# (why, whether it is so, of the request and the two answers)
RULES = [
    ("the same complaints in another order or quoting", lambda request, ours, theirs:
        ours[0] == theirs[0] and alike(ours, theirs)),
    ("JSON is read strictly, and has no integers beyond 64 bits", lambda request, ours, theirs:
        reason(ours) == "not_json" and (b"'" in request[2] or b"00000000000" in request[2] or b"99999" in request[2]
                                        or b"9223372036854775808" in request[2])),
    ("a virtual host that isn't there is not found, whoever asks", lambda request, ours, theirs:
        re.search("/(nosuch|%252F|dv)(/|$)", request[1]) and ours[0] == 404 and theirs[0] in (400, 401, 404)),
    ("imported queues are checked like declared ones", lambda request, ours, theirs:
        request[1].startswith("/api/definitions") and ours[0] == 400 and theirs[0] == 204),
    ("a limit that doesn't exist can't be cleared", lambda request, ours, theirs:
        request[0] == "DELETE" and "-limits/" in request[1] and ours[0] == 404 and theirs[0] == 204),
    ("names and things of the environment", lambda request, ours, theirs:
        ours[0] == theirs[0] and re.match("/api/(global-parameters|cluster-name|extensions|vhost-limits|definitions/)",
                                          request[1]) and request[0] == "GET"),
    ("bytes that are no UTF-8 are told otherwise", lambda request, ours, theirs:
        "%ff" in request[1] and ours[0] == theirs[0]),
    ("no name holds a NUL", lambda request, ours, theirs: "%00" in request[1] and ours[0] == 400),
    ("of two faults either may be told first", lambda request, ours, theirs:
        request[0] in ("POST", "PUT") and ours[0] in (400, 404) and theirs[0] in (400, 401, 404) and
        (ours[0] != theirs[0] or request[0] == "POST")),
    ("of two faults either may be told first", lambda request, ours, theirs:
        ours[0] == theirs[0] == 400 and (reason(theirs) == "vhost_or_user_not_found" or
                                         reason(ours)[0] in ("no_such_user", "not_a_string"))),
    ("there is one node to choose", lambda request, ours, theirs: "could not be contacted" in reason(theirs)),
    ("a definition that is wrong in several places: ours are told one at a time", lambda request, ours, theirs:
        ours[0] == theirs[0] == 400 and "Validation failed" in reason(ours) and "Validation failed" in reason(theirs)
        and (set(lines(reason(ours))) & set(lines(reason(theirs)))) - {"", "Validation failed"}),
    ("terms of Erlang", lambda request, ours, theirs:
        ours[0] == theirs[0] == 400 and (re.search("was #{|<<>>", str(reason(theirs))) or
                                         "Unrecognised terms" in reason(theirs))),
    ("worded otherwise", lambda request, ours, theirs:
        ours[0] == theirs[0] == 400 and ("encoded twice" in reason(ours) or "apply-to should be" in reason(ours))),
    ("a policy is a policy, whichever path it comes by", lambda request, ours, theirs:
        "/api/parameters/operator_policy/" in request[1] and ours[0] == theirs[0] == 400),
    ("null is no more than an absent value", lambda request, ours, theirs:
        isinstance(reason(theirs), list) and reason(theirs)[-1] is None),
    ("our errors have a body whatever the request", lambda request, ours, theirs:
        ours[0] == theirs[0] and (request[0] == "HEAD" or theirs[1] in (None, "no JSON")) and ours[0] >= 400),
    ("what makes RabbitMQ fail is a bad request, or not found", lambda request, ours, theirs:
        theirs[0] == 500 and 400 <= ours[0] < 500),
    ("null is a void field", lambda request, ours, theirs: reason(theirs) == "null_not_allowed"),
    ("the matchers of patterns word their complaints differently", lambda request, ours, theirs:
        ours[0] == theirs[0] and reason(ours)[0] == reason(theirs)[0] == "invalid_regexp"),
    ("a path with nothing between two slashes names nothing", lambda request, ours, theirs:
        "//" in request[1] and ours[0] in (404, 405)),
    ("a queue that isn't there has no bindings, not even the default one", lambda request, ours, theirs:
        request[1].startswith("/api/queues/") and "/bindings" in request[1] and ours[0] == 404),
]


def lines(text):
    """Complaints in the order of the alphabet: RabbitMQ sends the last first, and quoted as HTML is."""
    text = re.sub(r"apply-to '.*", "apply-to", html.unescape(text))
    text = re.sub(r"(regular expression but is invalid:).*", r"\1", text)
    return sorted(text.split("\n"))


def alike(ours, theirs):
    return (isinstance(reason(ours), str) and isinstance(reason(theirs), str) and
            lines(known.plain_text(reason(ours))) == lines(known.plain_text(reason(theirs))))


def reason(answer):
    return (isinstance(answer[1], dict) and answer[1].get("reason")) or [None]


def same(request, ours, theirs):
    return ours == theirs or any(rule(request, ours, theirs) for _, rule in RULES)


def kind(request, ours, theirs):
    """What makes two differences the same one."""
    path = re.sub(r"(?<=/)[^/]*", lambda m: m.group()[:1], request[1].split("?")[0][5:])
    return request[0], request[1].split("/")[2], ours[0], theirs[0], str(reason(ours))[:30], path.count("/")
