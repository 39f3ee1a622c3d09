"""What a polkit rule answers to one subject who asks for one action: worked out, never run (polkit(8)).

Where a condition depends on what is not known here, both ways are gone, so that an answer is a set of answers.
"""

from collections.abc import Callable

from auditor.collect.accounts.polkit_script import Function, Node
from auditor.model.record import Record

UNDECIDED = "undecided"
"""The answer of a rule that computes what it returns."""
NOTHING = ""
"""The answer of a rule that leaves the action to the next one."""
_STEPS = 4_000


class _Unknown:
    """A value that depends on what is not known here."""


_UNKNOWN, _FALLS = _Unknown(), _Unknown()
_ACTION, _SUBJECT, _POLKIT, _RESULT = ("action",), ("subject",), ("polkit",), ("Result",)
_RESULTS = {
    "YES": "yes",
    "NO": "no",
    "AUTH_SELF": "auth_self",
    "AUTH_SELF_KEEP": "auth_self_keep",
    "AUTH_ADMIN": "auth_admin",
    "AUTH_ADMIN_KEEP": "auth_admin_keep",
    "NOT_HANDLED": NOTHING,
}


class Request(Record, kw_only=True):
    """Somebody who asks for an action."""

    action: str
    """Action id."""
    details: tuple[tuple[str, str], ...] = ()
    """What the action says of itself, by key."""
    user: str = ""
    """Name of the account; empty for one that no rule names."""
    groups: frozenset[str] = frozenset()
    """Groups it is in; ``+name`` for a netgroup."""
    is_local: bool = True
    """Whether the session is at the console; it is active, as every session over SSH is."""
    is_anybody: bool = False
    """Whether nothing is known of who asks, so that an answer is one that somebody might get."""


def answers(function: Function, request: Request) -> frozenset[str]:
    """Return every answer that a rule may give to a request; ValueError for what it holds and is not understood."""
    values = {one if isinstance(one, str) else UNDECIDED for one in _Run(function, request).outcomes()}
    return frozenset(one if one in _RESULTS.values() else UNDECIDED for one in values)


def administrators(function: Function, request: Request) -> tuple[str, ...] | None:
    """Return the identities that an administrators' rule names; None where it computes them."""
    found = _Run(function, request).outcomes()
    if len(found) != 1:
        return None
    (one,) = found
    if one in (NOTHING, None):
        return ()
    return one if isinstance(one, tuple) and all(isinstance(name, str) for name in one) else None


class _Run:
    """One walk through a function."""

    def __init__(self, function: Function, request: Request) -> None:
        self.request = request
        self.function = function
        self.steps = 0
        self.names: dict[str, object] = {
            "polkit": _POLKIT, "true": True, "false": False, "null": None, "undefined": None,
            **dict(zip(function.parameters, (_ACTION, _SUBJECT), strict=False)),
        }  # fmt: skip

    def outcomes(self) -> frozenset[object]:
        """Return what it may return; one that ends without a word leaves the action to the next."""
        found = self._walk(self.function.body)
        return frozenset(NOTHING if one is _FALLS else one for one in found)

    def _walk(self, statements: tuple[Node, ...]) -> frozenset[object]:
        found: frozenset[object] = frozenset()
        for statement in statements:
            said = self._say(statement)
            found |= said - {_FALLS}
            if _FALLS not in said:
                return found
        return found | {_FALLS}

    def _say(self, statement: Node) -> frozenset[object]:
        self._step()
        kind = statement[0]
        if kind == "return":
            value = None if statement[1] is None else self._value(statement[1])
            return frozenset((NOTHING if value is None else value,))
        if kind == "var":
            self.names[statement[1]] = self._value(statement[2])
            return frozenset((_FALLS,))
        if kind == "do":
            self._value(statement[1])
            return frozenset((_FALLS,))
        if kind == "block":
            return self._walk(statement[1])
        condition = self._truth(self._value(statement[1]))
        if condition is _UNKNOWN:
            return self._walk((statement[2],)) | self._walk((statement[3],))
        return self._walk((statement[2] if condition else statement[3],))

    def _step(self) -> None:
        self.steps += 1
        if self.steps > _STEPS:
            raise ValueError("it takes too many steps")

    def _truth(self, value: object) -> object:
        if value is _UNKNOWN:
            return _UNKNOWN
        return bool(value) if not isinstance(value, tuple) else True

    def _value(self, node: Node) -> object:
        self._step()
        return self._kinds[node[0]](self, node)

    def _literal(self, node: Node) -> object:
        return node[1]

    def _nobody_knows(self, _node: Node) -> object:
        return _UNKNOWN

    def _named(self, node: Node) -> object:
        return self.names.get(node[1], _UNKNOWN)

    def _listed(self, node: Node) -> object:
        values = tuple(self._value(one) for one in node[1])
        return _UNKNOWN if any(one is _UNKNOWN for one in values) else values

    def _not(self, node: Node) -> object:
        truth = self._truth(self._value(node[1]))
        return _UNKNOWN if truth is _UNKNOWN else not truth

    def _or_and(self, node: Node) -> object:
        stops_at = node[0] == "||"
        left = self._value(node[1])
        truth = self._truth(left)
        if truth is stops_at:
            return left
        right = self._value(node[2])
        if truth is _UNKNOWN:
            return right if self._truth(right) is stops_at else _UNKNOWN
        return right

    def _chosen(self, node: Node) -> object:
        truth = self._truth(self._value(node[1]))
        return _UNKNOWN if truth is _UNKNOWN else self._value(node[2] if truth else node[3])

    def _compared(self, node: Node) -> object:
        left, right = self._value(node[1]), self._value(node[2])
        if _UNKNOWN in (left, right):
            return _UNKNOWN
        if node[0] in ("==", "==="):
            return left == right
        if node[0] in ("!=", "!=="):
            return left != right
        if isinstance(left, str) and isinstance(right, str) and node[0] == "+":
            return left + right
        if not isinstance(left, int) or not isinstance(right, int):
            return _UNKNOWN
        numbers: dict[str, Callable[[int, int], int]] = {
            "<": lambda one, other: one < other,
            ">": lambda one, other: one > other,
            "<=": lambda one, other: one <= other,
            ">=": lambda one, other: one >= other,
            "-": lambda one, other: one - other,
        }
        return numbers[node[0]](left, right) if node[0] in numbers else _UNKNOWN

    def _member(self, node: Node) -> object:
        of, name = self._value(node[1]), node[2]
        if of is _POLKIT:
            return _RESULT if name == "Result" else _UNKNOWN
        if of is _RESULT:
            return _RESULTS.get(name, _UNKNOWN)
        if of is _ACTION:
            return self.request.action if name == "id" else _UNKNOWN
        if of is _SUBJECT and not self.request.is_anybody:
            # A session over SSH has no seat, and counts as active (sd_session_is_active(3)), though not as local.
            known = {"user": self.request.user, "local": self.request.is_local, "active": True}
            return known.get(name, _UNKNOWN)
        return _UNKNOWN

    def _called(self, node: Node) -> object:
        what, arguments = node[1], [self._value(one) for one in node[2]]
        word = arguments[0] if len(arguments) == 1 else None
        if what[0] != "member" or not isinstance(word, str):
            return _UNKNOWN
        of, name = self._value(what[1]), what[2]
        if of is _SUBJECT and name in ("isInGroup", "isInNetGroup"):
            is_member = (word if name == "isInGroup" else f"+{word}") in self.request.groups
            return _UNKNOWN if self.request.is_anybody else is_member
        if of is _ACTION and name == "lookup":
            return dict(self.request.details).get(word, _UNKNOWN)
        if isinstance(of, tuple) and of not in (_ACTION, _SUBJECT, _POLKIT, _RESULT):
            found = of.index(word) if word in of else -1
            return {"indexOf": found, "includes": found >= 0}.get(name, _UNKNOWN)
        if isinstance(of, str):
            known: dict[str, object] = {
                "indexOf": of.find(word), "includes": word in of,
                "startsWith": of.startswith(word), "endsWith": of.endswith(word),
            }  # fmt: skip
            return known.get(name, _UNKNOWN)
        return _UNKNOWN

    _kinds: dict[str, Callable[["_Run", Node], object]] = {  # noqa: RUF012 — nothing changes it
        "value": _literal, "unknown": _nobody_knows, "index": _nobody_knows, "name": _named, "list": _listed,
        "!": _not, "||": _or_and, "&&": _or_and, "choose": _chosen, "member": _member, "call": _called,
        **dict.fromkeys(("==", "!=", "===", "!==", "<", ">", "<=", ">=", "+", "-"), _compared),
    }  # fmt: skip
