"""Read what fapolicyd is set to and the rules that it goes by, in their order: the first that matches decides."""

from dataclasses import dataclass, field

from auditor.collect.collector import take_lines
from auditor.model.evidence import Unread
from auditor.model.facts.appcontrol import BlockedProgram, ExecutionControl
from auditor.model.reading import Parsed
from auditor.model.record import Record

UNLISTED = "programs that no rule and no trust database names"
"""Subject of the entry that says what becomes of a program nobody listed."""

_CONF = "/etc/fapolicyd/fapolicyd.conf:"
_FOLDER = "/etc/fapolicyd/"
_STATES = ("running", "permissive", "stopped", "unseen", "none")
_DECISIONS = frozenset(
    f"{word}{suffix}" for word in ("allow", "deny") for suffix in ("", "_audit", "_syslog", "_log")
)  # fmt: skip
_SUBJECTS = frozenset((
    "all", "auid", "uid", "gid", "sessionid", "pid", "ppid", "trust", "comm", "exe", "dir", "ftype", "device",
    "pattern", "subj_trust", "exe_dir", "exe_type", "exe_device",
))  # fmt: skip
_OBJECTS = frozenset(("all", "path", "dir", "device", "ftype", "trust", "sha256hash", "filehash", "obj_trust"))
_NAMING = ("path", "dir", "sha256hash", "filehash")


class _Rule(Record, kw_only=True):
    denies: bool
    covers_execution: bool
    subject: dict[str, str]
    object: dict[str, str]
    text: str
    number: int


@dataclass(slots=True)
class _Answer:
    """What the lines said so far."""

    state: str | None = None
    state_line: int = 0
    permissive: str | None = None
    permissive_line: int = 0
    trust: str = ""
    sets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    rules: list[_Rule] = field(default_factory=list)

    def take(self, number: int, line: str) -> None:
        if line.startswith("program\t"):
            self._take_state(number, line.partition("\t")[2])
        elif line.startswith(_CONF):
            self._take_setting(number, line.removeprefix(_CONF))
        elif line.startswith(_FOLDER) and ".rules:" in line:
            self._take_rule(number, line.partition(".rules:")[2].strip())
        else:
            raise ValueError("neither a setting nor a rule of fapolicyd")

    def _take_state(self, number: int, state: str) -> None:
        if state not in _STATES or self.state is not None:
            raise ValueError("not one word that says how the program was found")
        self.state, self.state_line = state, number

    def _take_setting(self, number: int, text: str) -> None:
        text = text.strip()
        if not text or text.startswith("#"):
            return
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not key.replace("_", "").isalnum():
            raise ValueError("not key = value")
        if key == "permissive":
            if value not in ("0", "1"):
                raise ValueError("permissive is 0 or 1")
            self.permissive, self.permissive_line = value, number
        elif key == "trust":
            self.trust = value
        # The other settings tune the daemon; none of them lets a program run that is refused.

    def _take_rule(self, number: int, text: str) -> None:
        if not text or text.startswith("#"):
            return
        if text.startswith("%"):
            name, equals, members = text.partition("=")
            if not equals:
                raise ValueError("a set without members")
            self.sets[name.strip()] = tuple(word.strip() for word in members.split(","))
            return
        self.rules.append(_rule(number, text))


def _rule(number: int, text: str) -> _Rule:
    """Read ``decision [perm=...] subject... : object...``."""
    left, colon, right = text.partition(" :")
    words = left.split()
    if not colon or not words or words[0] not in _DECISIONS:
        raise ValueError("not 'decision perm subject : object'")
    permission = "open"
    rest = words[1:]
    if rest and rest[0].startswith("perm="):
        permission = rest.pop(0).removeprefix("perm=")
        if permission not in ("open", "execute", "any"):
            raise ValueError("a permission that fapolicyd does not have")
    return _Rule(
        denies=words[0].startswith("deny"),
        covers_execution=permission in ("execute", "any"),
        subject=_fields(rest, _SUBJECTS),
        object=_fields(right.split(), _OBJECTS),
        text=text,
        number=number,
    )


def _fields(words: list[str], known: frozenset[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if key not in known or (not equals and key != "all"):
            raise ValueError(f"a field that fapolicyd.rules(5) does not name: {word[:40]!r}")
        found[key] = value
    if not found:
        raise ValueError("a rule without subject or object")
    return found


def parse_fapolicyd(text: str) -> Parsed:
    """Say what fapolicyd does as a whole, what becomes of programs that nobody listed, and what is denied by name."""
    answer = _Answer()
    strange: list[Unread] = []
    take_lines(text, answer.take, strange)
    if answer.state is None:
        return Parsed(unread=tuple(strange), partial="whether fapolicyd is installed is not said")
    facts: list[tuple[int, ExecutionControl | BlockedProgram]] = [_whole(answer)]
    mode = facts[0][1].mode if isinstance(facts[0][1], ExecutionControl) else "off"
    refusing = next((rule for rule in answer.rules if rule.covers_execution and _is_about_unlisted(rule)), None)
    if refusing is not None:
        facts.append((
            refusing.number,
            ExecutionControl(
                mechanism="fapolicyd", mode=mode if refusing.denies else "off", subject=UNLISTED, detail=refusing.text
            ),
        ))  # fmt: skip
    for rule in answer.rules:
        if rule.denies and rule.covers_execution and "all" in rule.subject:
            facts.extend(
                (rule.number, BlockedProgram(mechanism="fapolicyd", subject=name)) for name in _named(rule, answer)
            )
    return Parsed(facts=tuple(facts), unread=tuple(strange))


def _whole(answer: _Answer) -> tuple[int, ExecutionControl]:
    is_permissive = answer.permissive == "1" or answer.state == "permissive"
    if answer.state in ("stopped", "none"):
        mode, detail = "off", "fapolicyd does not run"
    elif answer.state == "unseen":
        mode, detail = "auditing", "whether fapolicyd runs was not seen"
    elif is_permissive:
        mode, detail = "auditing", "permissive: it logs what it would refuse"
    else:
        mode, detail = "enforcing", "it runs, and is not permissive"
    if answer.trust:
        detail = f"{detail}; it trusts what is listed in {answer.trust}"
    number = answer.permissive_line if mode == "auditing" and answer.permissive == "1" else answer.state_line
    return number, ExecutionControl(mechanism="fapolicyd", mode=mode, detail=detail)


def _is_about_unlisted(rule: _Rule) -> bool:
    """Tell whether a rule decides on every program that is in no trust database, whoever starts it."""
    if "all" not in rule.subject:
        return False
    untrusted = {"trust": "0", "obj_trust": "0", "path": "untrusted", "dir": "untrusted"}
    return "all" in rule.object or all(untrusted.get(key) == value for key, value in rule.object.items())


def _named(rule: _Rule, answer: _Answer) -> list[str]:
    """Return what a rule names: paths, folders, hashes, sets resolved; nothing where a further field narrows it."""
    if len(rule.object) != 1:
        return []
    ((key, value),) = rule.object.items()
    if key not in _NAMING or value in ("untrusted", "execdirs", "systemdirs"):
        return []
    members = answer.sets.get(value, ()) if value.startswith("%") else tuple(value.split(","))
    return [name for name in members if name]
