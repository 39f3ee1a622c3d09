"""Read what polkit was set to, and work out who may install software or become root through it.

Asked is everybody, and whoever a rule names: for each the rules are gone through in polkit's order, and what none of
them answers is left to the action's own defaults. What cannot be worked out is Unread, with the file named.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from auditor.collect.accounts.polkit_actions import EXEC, installs, questions
from auditor.collect.accounts.polkit_pkla import Entry, principal, read_administrators, read_entries
from auditor.collect.accounts.polkit_rules import NOTHING, UNDECIDED, Request, administrators, answers
from auditor.collect.accounts.polkit_script import Function, functions_of, tokens_of
from auditor.collect.accounts.sources import is_id
from auditor.collect.collector import fields, take_lines, unread
from auditor.model.evidence import Unread
from auditor.model.facts.accounts import InstallerPolicy, PolkitGrant
from auditor.model.reading import Parsed
from auditor.model.record import Record

_RESULTS = frozenset(("", "yes", "no", "auth_self", "auth_self_keep", "auth_admin", "auth_admin_keep"))
_GRANTS = {"yes": "yes", "auth_self": "auth_self", "auth_self_keep": "auth_self"}
_ACTION_FIELDS = 6
_SUBJECTS = 24
# Far more than any distribution ships: for each of them everybody who is named is asked about.
_RULES = 100
# A rule that uses one of these on an action's name may mean actions that it does not spell out.
_LOOSE = frozenset((
    "indexOf", "startsWith", "endsWith", "includes", "match", "test", "search", "substring", "substr", "slice", "split",
    "replace", "spawn", "/",
))  # fmt: skip


class _Action(Record, kw_only=True):
    id: str
    remote: str
    inactive: str
    local: str
    program: str
    number: int


class _Rule(Record, kw_only=True):
    """One rule, or all .pkla files, in its place among the others."""

    file: str
    number: int
    function: Function | None
    """None for the rule that hands over to the .pkla files."""


@dataclass(slots=True, kw_only=True)
class _Answer:
    """What the lines said."""

    daemon: bool = False
    has_pkexec: bool = False
    actions: dict[str, _Action] = field(default_factory=dict)
    files: dict[str, tuple[int, list[tuple[int, str]]]] = field(default_factory=dict)
    file: str = ""

    def take(self, number: int, line: str) -> None:
        kind, tab, rest = line.partition("\t")
        if kind == "daemon" and rest.startswith("/"):
            self.daemon = True
        elif line == "pkexec":
            self.has_pkexec = True
        elif kind == "action":
            self._take_action(number, line)
        elif kind == "file" and rest.startswith("/"):
            if rest in self.files:
                raise ValueError("a file that was named before")
            self.file = rest
            self.files[rest] = (number, [])
        elif tab and is_id(kind) and self.file:
            self.files[self.file][1].append((number, rest))
        else:
            raise ValueError("not a line of the script's own making")

    def _take_action(self, number: int, line: str) -> None:
        _, name, remote, inactive, local, program = fields(line, _ACTION_FIELDS)
        if not name or {remote, inactive, local} - _RESULTS:
            raise ValueError("an action without a name, or with an answer that polkit does not know")
        # An action that neither installs nor makes root is nobody's business here.
        if installs(name, program):
            self.actions.setdefault(
                name,
                _Action(id=name, remote=remote, inactive=inactive, local=local, program=program, number=number),
            )


def parse_polkit(text: str) -> Parsed:
    """Return how each action that installs is guarded, who is let past, and who counts as administrator."""
    answer = _Answer()
    strange: list[Unread] = []
    take_lines(text, answer.take, strange)
    if not answer.daemon:
        return Parsed(unread=tuple(strange), partial="whether polkit is installed is not said")
    actions = [one for one in answer.actions.values() if one.id != EXEC or answer.has_pkexec]
    worked = _Worked(answer, strange)
    facts: list[tuple[int, InstallerPolicy | PolkitGrant]] = []
    for action in actions:
        facts.extend(worked.out(action))
    if actions:
        facts.extend(worked.administrators(actions))
    return Parsed(facts=tuple(facts), unread=tuple(sorted(strange, key=lambda one: one.line)))


class _Worked:
    """The rules of a host, and what follows from them."""

    def __init__(self, answer: _Answer, strange: list[Unread]) -> None:
        self.strange = strange
        self.entries: list[Entry] = []
        self.rules: list[_Rule] = []
        self.named: tuple[int, str, tuple[str, ...]] | None = None
        self.told: set[tuple[int, str]] = set()
        for file, (number, lines) in sorted(answer.files.items(), key=lambda one: _order(one[0])):
            try:
                self._take_file(file, number, lines)
            except ValueError as error:
                self._tell(number, file, error)
        # Without a rule that hands over to them, .pkla files are all that there is.
        if self.entries and not any(rule.function is None for rule in self.rules):
            self.rules.append(_Rule(file="", number=0, function=None))

    def _take_file(self, file: str, number: int, lines: list[tuple[int, str]]) -> None:
        if file.endswith(".pkla"):
            self.entries.extend(read_entries(file, lines))
        elif file.endswith(".conf"):
            said = read_administrators(file, lines)
            if said is not None:
                self.named = (said[0], file, said[1])
        else:
            self._take_rules(file, number, lines)

    def _take_rules(self, file: str, number: int, lines: list[tuple[int, str]]) -> None:
        script = "\n".join(line for _, line in lines)
        if "pkla-check-authorization" in script:
            # The one rule of polkit-pkla-compat: it asks the .pkla files.
            self.rules.append(_Rule(file=file, number=number, function=None))
            return
        starts: list[int] = []
        at = 0
        for _, line in lines:
            starts.append(at)
            at += len(line) + 1
        line_at = 0
        for function in functions_of(tokens_of(script)):
            if len(self.rules) == _RULES:
                raise ValueError("more rules than are worked out")
            while line_at + 1 < len(starts) and starts[line_at + 1] <= function.at:
                line_at += 1
            self.rules.append(_Rule(file=file, number=lines[line_at][0], function=function))

    def _tell(self, number: int, file: str, reason: object) -> None:
        """Make a rule that was not understood a gap, once."""
        if (number, file) not in self.told:
            self.told.add((number, file))
            self.strange.append(unread(number, file, f"{file}: {reason}"))

    def out(self, action: _Action) -> Iterator[tuple[int, InstallerPolicy | PolkitGrant]]:
        """Say how an action is guarded for everybody, and for whom the rules make it easier."""
        rules = [rule for rule in self.rules if self._concerns(rule, action)]
        local, _ = self._decided(rules, action, "ALL", is_local=True)
        remote, _ = self._decided(rules, action, "ALL", is_local=False)
        value = f"any={action.remote or 'no'} inactive={action.inactive or 'no'} active={action.local or 'no'}"
        open_to_all = local in _GRANTS or remote in _GRANTS
        yield action.number, InstallerPolicy(setting=action.id, value=value, allows_users=open_to_all)
        if open_to_all:
            yield action.number, _grant("ALL", action.id, local, remote, "")
        if remote in _GRANTS:
            return
        subjects = self._subjects(rules)
        granted = False
        for who in subjects:
            own_local, rule = self._decided(rules, action, who, is_local=True)
            own_remote, far = self._decided(rules, action, who, is_local=False)
            rule = far or rule
            if (own_remote in _GRANTS or (own_local in _GRANTS and local not in _GRANTS)) and rule is not None:
                granted = True
                yield rule.number or action.number, _grant(who, action.id, own_local, own_remote, rule.file)
        if not granted:
            self._tell_of_several(rules, action, subjects, is_open_here=local in _GRANTS)

    def _tell_of_several(self, rules: list[_Rule], action: _Action, subjects: list[str], *, is_open_here: bool) -> None:
        """Make it a gap where only who is several things at once is let past: a user and in a group, or in two."""
        groups = "".join(f"&{one}" for one in subjects if one[0] in "%+")
        for who in ("", *(one for one in subjects if one[0] not in "%+&")):
            for is_local in (True, False):
                if is_local and is_open_here:
                    continue
                said, rule = self._decided(rules, action, f"{who}{groups}", is_local=is_local)
                if said in _GRANTS and rule is not None:
                    self._tell(rule.number, rule.file, f"only members of several groups are let past for {action.id}")

    def _concerns(self, rule: _Rule, action: _Action) -> bool:
        """Tell whether a rule may mean an action: it names it, or names none in full."""
        function = rule.function
        if function is None:
            return True
        if function.names_administrators:
            return False
        if action.id in function.texts:
            return True
        is_loose = bool(function.words & _LOOSE) or not any(text.count(".") > 1 for text in function.texts)
        return is_loose and self._may_answer(rule, function, action)

    def _may_answer(self, rule: _Rule, function: Function, action: _Action) -> bool:
        """Tell whether a rule may answer anybody who asks for an action."""
        for details in questions(action.id, function.texts):
            try:
                if answers(function, Request(action=action.id, details=details, is_anybody=True)) != {NOTHING}:
                    return True
            except ValueError as error:
                self._tell(rule.number, rule.file, error)
        return False

    def _subjects(self, rules: Iterable[_Rule]) -> list[str]:
        """Return whom the rules name: any text may be a user or a group, unless it is an action or a program."""
        names: dict[str, None] = {}
        for rule in rules:
            if rule.function is None:
                for entry in self.entries:
                    names.update(dict.fromkeys(self._principals(entry)))
                continue
            for text in rule.function.texts:
                if text and "/" not in text and text.count(".") < 2 and text not in _RESULTS:  # noqa: PLR2004
                    names.update({f"%{text}": None, text: None})
                    if "isInNetGroup" in rule.function.words:
                        names[f"+{text}"] = None
            if len(names) > _SUBJECTS:
                self._tell(rule.number, rule.file, "so many users and groups are named that not all were asked about")
                break
        return list(names)[:_SUBJECTS]

    def _principals(self, entry: Entry) -> list[str]:
        found = []
        for identity in entry.identities:
            try:
                who = principal(identity)
            except ValueError as error:
                self._tell(entry.number, entry.file, error)
            else:
                found.extend([who] if who is not None else [])
        return found

    def _decided(self, rules: list[_Rule], action: _Action, who: str, *, is_local: bool) -> tuple[str, _Rule | None]:
        """Return polkit's answer to somebody, and the rule that gave it; None where the action's default did."""
        for rule in rules:
            said = self._said(rule, action, who, is_local=is_local)
            if said != NOTHING:
                return said, rule
        return (action.local if is_local else action.remote), None

    def _said(self, rule: _Rule, action: _Action, who: str, *, is_local: bool) -> str:
        if rule.function is None:
            return self._said_by_entries(action, who, is_local=is_local)
        user, groups = _memberships(who)
        found: set[str] = set()
        for details in questions(action.id, rule.function.texts):
            request = Request(
                action=action.id,
                details=details,
                user=user,
                groups=groups,
                is_local=is_local,
            )
            try:
                possible = answers(rule.function, request)
            except ValueError as error:
                self._tell(rule.number, rule.file, error)
                return NOTHING
            if UNDECIDED in possible or (len(possible) > 1 and possible & _GRANTS.keys()):
                self._tell(rule.number, rule.file, f"what it answers for {action.id} depends on what is not known here")
                continue
            found |= possible
        granted = sorted(found & _GRANTS.keys(), reverse=True)
        if granted:
            return granted[0]
        return NOTHING if NOTHING in found or not found else min(found)

    def _said_by_entries(self, action: _Action, who: str, *, is_local: bool) -> str:
        """Return what the last .pkla entry says that is about the action and somebody; those for all count for each."""
        said = NOTHING
        for entry in self.entries:
            result = entry.local if is_local else entry.remote
            if result and entry.is_about(action.id) and {"ALL", who} & set(self._principals(entry)):
                said = result
        return said

    def administrators(self, actions: list[_Action]) -> Iterator[tuple[int, PolkitGrant]]:
        """Name who counts as administrator: the first rule that names somebody decides."""
        found: dict[str, tuple[int, str]] = {}
        for action in actions:
            number, file, identities = self._named_for(action)
            for identity in identities:
                try:
                    who = principal(identity)
                except ValueError as error:
                    self._tell(number, file, error)
                else:
                    if who is not None:
                        found.setdefault(who, (number, file))
        for who, (number, file) in found.items():
            grant = PolkitGrant(principal=who, action="*", answer="auth_admin", where="anywhere", file=file)
            yield number, grant

    def _named_for(self, action: _Action) -> tuple[int, str, tuple[str, ...]]:
        for rule in self.rules:
            if rule.function is None and self.named is not None:
                return self.named
            if rule.function is None or not rule.function.names_administrators:
                continue
            try:
                said = administrators(rule.function, Request(action=action.id, details=questions(action.id, ())[0]))
            except ValueError as error:
                self._tell(rule.number, rule.file, error)
                continue
            if said is None:
                self._tell(rule.number, rule.file, "whom it names as administrator depends on what is not known here")
            elif said:
                return rule.number, rule.file, said
        return self.named or (0, "", ())


def _order(file: str) -> tuple[str, int, str]:
    """Sort as polkit goes through its files: by name, and of two that are named alike the one in /etc first."""
    name = file.rpartition("/")[2]
    folders = ("/etc/", "/run/", "/usr/local/", "/usr/")
    return name, next((at for at, folder in enumerate(folders) if file.startswith(folder)), len(folders)), file


def _memberships(who: str) -> tuple[str, frozenset[str]]:
    """Return the user's name, empty for one that no rule names, and the groups: of ``name``, ``%a``, ``name&%a&%b``."""
    parts = [one for one in who.split("&") if one]
    groups = frozenset(one.removeprefix("%") for one in parts if one[0] in "%+")
    users = [one for one in parts if one[0] not in "%+" and one != "ALL"]
    return (users[0] if users else ""), groups


def _grant(who: str, action: str, local: str, remote: str, file: str) -> PolkitGrant:
    far = remote in _GRANTS
    return PolkitGrant(
        principal=who,
        action=action,
        answer=_GRANTS[remote if far else local],
        where="anywhere" if far else "at the console",
        file=file,
    )
