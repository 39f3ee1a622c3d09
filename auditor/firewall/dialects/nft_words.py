"""Write a rule of nft's JSON in nft's own words, near enough for a person to find it in the ruleset."""

from auditor.firewall.dialects.values import Json

_LIMIT = 400


def rule_text(where: str, expressions: list[Json]) -> str:
    """Write a rule: its chain, a colon, its statements."""
    words = " ".join(word for word in (_statement(expression) for expression in expressions) if word)
    text = f"{where}: {words}" if words else f"{where}: (a rule without a statement)"
    return text if len(text) <= _LIMIT else f"{text[: _LIMIT - 1]}…"


def _statement(expression: Json) -> str:  # noqa: C901, PLR0911 — one return a statement
    if not isinstance(expression, dict) or len(expression) != 1:
        return " ".join(str(expression).split())
    kind, body = next(iter(expression.items()))
    if kind == "counter":
        return "counter"
    if kind == "match":
        operator = body.get("op")
        shown = "" if operator in ("==", "in") else f"{operator} "
        return f"{_value(body.get('left'))} {shown}{_value(body.get('right'))}"
    if kind in ("jump", "goto"):
        return f"{kind} {body.get('target')}" if isinstance(body, dict) else f"{kind} {body}"
    if kind == "vmap":
        return f"{_value(body.get('key'))} vmap {_value(body.get('data'))}"
    if kind == "mangle":
        return f"{_value(body.get('key'))} set {_value(body.get('value'))}"
    if kind == "reject" and isinstance(body, dict):
        return " ".join(str(part) for part in ("reject with", body.get("type"), body.get("expr")) if part)
    if kind == "limit" and isinstance(body, dict):
        return f"limit rate {'over ' if body.get('inv') else ''}{body.get('rate')}/{body.get('per')}"
    if kind == "log":
        return "log"
    if kind in ("dnat", "snat", "redirect", "masquerade") and isinstance(body, dict):
        port = "" if body.get("port") is None else f":{_value(body['port'])}"
        return f"{kind} to {_value(body['addr']) if 'addr' in body else ''}{port}"
    return kind if body is None else f"{kind} {_value(body)}"


def _value(value: Json) -> str:  # noqa: C901, PLR0911 — one return an expression
    if isinstance(value, list):
        return ",".join(_value(part) for part in value)
    if not isinstance(value, dict):
        return "0" if value is False else "1" if value is True else str(value)
    if len(value) != 1:
        return " ".join(f"{key} {_value(part)}" for key, part in value.items())
    kind, body = next(iter(value.items()))
    if kind == "payload" and isinstance(body, dict):
        return f"{body.get('protocol')} {body.get('field')}"
    if kind in ("meta", "ct") and isinstance(body, dict):
        name = str(body.get("key"))
        return name if kind == "meta" and name in ("iif", "oif", "iifname", "oifname") else f"{kind} {name}"
    if kind == "fib" and isinstance(body, dict):
        flags = body.get("flags", [])
        return f"fib {' . '.join(map(str, flags if isinstance(flags, list) else [flags]))} {body.get('result')}"
    if kind == "prefix" and isinstance(body, dict):
        return f"{body.get('addr')}/{body.get('len')}"
    if kind == "range" and isinstance(body, list):
        return "-".join(map(_value, body))
    if kind == "set" and isinstance(body, list):
        return "{ " + ", ".join(_element(part) for part in body[:8]) + (", … }" if len(body) > 8 else " }")  # noqa: PLR2004
    if kind == "concat" and isinstance(body, list):
        return " . ".join(map(_value, body))
    if kind in ("&", "|", "^", "<<", ">>") and isinstance(body, list):
        return f" {kind} ".join(map(_value, body))
    return f"{kind} {_value(body)}"


def _element(value: Json) -> str:
    if isinstance(value, list) and len(value) == len(("key", "data")):
        return f"{_value(value[0])} : {_statement(value[1])}"
    return _value(value)
