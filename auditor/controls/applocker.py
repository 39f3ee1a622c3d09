"""Whether AppLocker or SRP would let a program run: their rules weighed for somebody without an administrator's rights.

A rule that denies wins over one that allows, and what no rule allows does not run (learn.microsoft.com,
*Understanding AppLocker allow and deny actions on rules*). What cannot be told of a program (its hash, who signed it)
leaves the answer undecided where a rule asks for it, never allowed nor denied.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from auditor.catalogue.globs import glob_matches
from auditor.model.facts.appcontrol import ExecutionRule, ProgramCondition
from auditor.model.record import Record
from auditor.model.ruleset import Truth

_ORDINARY = frozenset({"", "S-1-1-0", "S-1-5-11", "S-1-5-32-545", "S-1-5-4"})
"""Everyone, Authenticated Users, Users, Interactive: whoever is logged on is in each."""
_ADMINISTRATORS = frozenset({"S-1-5-32-544", "S-1-5-18", "S-1-5-19", "S-1-5-20"})
_LONGEST = 1024
_MARKS = ("%hot%", "%removable%")
_OF_A_USER = ("%userprofile%", "%appdata%", "%localappdata%", "%temp%", "%tmp%", "%homepath%")
_CURRENT = "%hkey_local_machine\\software\\microsoft\\windows"
_SRP_MACROS = (
    (f"{_CURRENT} nt\\currentversion\\systemroot%", ("\\windows",)),
    (f"{_CURRENT}\\currentversion\\programfilesdir%", ("\\program files",)),
    (f"{_CURRENT}\\currentversion\\programfilesdir (x86)%", ("\\program files (x86)",)),
    (f"{_CURRENT}\\currentversion\\programw6432dir%", ("\\program files",)),
    ("%systemroot%", ("\\windows",)),
    ("%windir%", ("\\windows",)),
    ("%programfiles%", ("\\program files",)),
    ("%programfiles(x86)%", ("\\program files (x86)",)),
    ("%systemdrive%", ("",)),
)
"""Folders of Windows as rules of software restriction policies name them, the default rules among them."""
_SYSTEM_FOLDERS = ("\\windows\\system32", "\\windows\\syswow64", "\\windows\\sysnative")


class Answer(StrEnum):
    """What AppLocker does with a program."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNDECIDED = "undecided"


class Program(Record, kw_only=True):
    """A program, as far as rules ask for it."""

    path: str
    """Its path."""
    signer: str | None = None
    """Who signed it, as ``publisher_of`` says; empty for nobody, None where that is not known."""
    is_unheard_of: bool = False
    """Whether it is one that nobody listed by its hash."""
    drive: str = "c:"
    """Drive of the system."""


class Weighed(Record, kw_only=True):
    """An answer, and the rule that gave it."""

    answer: Answer
    """What becomes of the program."""
    rule: ExecutionRule | None = None
    """The rule that decided, or that leaves it undecided; None where no rule allows it."""


def weigh(rules: Sequence[ExecutionRule], program: Program) -> Weighed:
    """Say what rules of one collection do with a program that an ordinary user starts."""
    allowing: ExecutionRule | None = None
    doubtful: ExecutionRule | None = None
    for rule in rules:
        truth = _both(_is_for_ordinary(rule.who), _meets(rule, program))
        if truth is Truth.NO:
            continue
        if truth is Truth.YES and rule.action == "deny":
            return Weighed(answer=Answer.DENIED, rule=rule)
        if truth is Truth.YES:
            allowing = allowing or rule
        else:
            doubtful = doubtful or rule
    if doubtful is not None and (allowing is None or _any_denies(rules, program)):
        return Weighed(answer=Answer.UNDECIDED, rule=doubtful)
    if allowing is not None:
        return Weighed(answer=Answer.ALLOWED, rule=allowing)
    return Weighed(answer=Answer.DENIED)


def weigh_srp(rules: Sequence[ExecutionRule], program: Program) -> Weighed:
    """Say what software restriction policies that disallow by default do with a program that nobody listed.

    A path stands for all below it. Which of two rules that meet is the closer one is left undecided.
    """
    met: dict[str, list[tuple[Truth, ExecutionRule]]] = {}
    for rule in rules:
        truth = _one_of(_restricts(one, program) for one in rule.conditions)
        if truth is not Truth.NO:
            met.setdefault("deny" if rule.action == "deny" else "allow", []).append((truth, rule))
    allowing = met.get("allow", [])
    if not allowing:
        return Weighed(answer=Answer.DENIED, rule=None)
    sure = next((rule for truth, rule in allowing if truth is Truth.YES), None)
    if sure is None or "deny" in met:
        return Weighed(answer=Answer.UNDECIDED, rule=sure or allowing[0][1])
    return Weighed(answer=Answer.ALLOWED, rule=sure)


def _restricts(condition: ProgramCondition, program: Program) -> Truth:
    if condition.kind != "path":
        # Nobody listed it by a hash; a zone is for packages of Windows Installer alone.
        return Truth.NO if program.is_unheard_of or condition.kind == "zone" else Truth.MAYBE
    wanted = condition.subject.strip().lower().replace("/", "\\").rstrip("\\")
    mine = program.path.lower()
    if not wanted or len(wanted) > _LONGEST:
        return Truth.MAYBE
    if wanted.startswith(_OF_A_USER):
        return Truth.YES if mine.startswith(f"{program.drive}\\users\\") else Truth.NO
    for macro, folders in _SRP_MACROS:
        if wanted.startswith(macro):
            spelled = [f"{program.drive}{folder}{wanted.removeprefix(macro)}" for folder in folders]
            break
    else:
        spelled = [wanted]
    if any("%" in one for one in spelled):
        return Truth.MAYBE
    if "\\" not in wanted and "*" in wanted:
        spelled = [f"*\\{wanted}"]
    met = any(is_like(one, mine) or is_like(f"{one}\\*", mine) for one in spelled)
    return Truth.YES if met else Truth.NO


def _any_denies(rules: Sequence[ExecutionRule], program: Program) -> bool:
    return any(
        rule.action == "deny" and _both(_is_for_ordinary(rule.who), _meets(rule, program)) is Truth.MAYBE
        for rule in rules
    )


def _is_for_ordinary(principal: str) -> Truth:
    sid = principal.strip().upper()
    if sid in _ORDINARY:
        return Truth.YES
    # Some users may be in a group that nobody here knows the members of.
    return Truth.NO if sid in _ADMINISTRATORS else Truth.MAYBE


def _meets(rule: ExecutionRule, program: Program) -> Truth:
    met = _one_of(_condition(one, program) for one in rule.conditions)
    kept_out = _one_of(_condition(one, program) for one in rule.exceptions)
    return _both(met, {Truth.YES: Truth.NO, Truth.NO: Truth.YES, Truth.MAYBE: Truth.MAYBE}[kept_out])


def _condition(condition: ProgramCondition, program: Program) -> Truth:
    signer = program.signer
    if condition.kind == "path":
        return _path(condition.subject, program.path, program.drive)
    if condition.kind == "hash" and program.is_unheard_of:
        return Truth.NO
    if condition.kind == "publisher" and signer is not None and not (signer and _fits(condition.subject, signer)):
        return Truth.NO
    # Product, original name and version are the signed file's own, which is not asked; a hash is not known.
    whole = condition.kind == "publisher" and signer is not None
    is_any = {condition.product, condition.binary} <= {"", "*"} and condition.versions in ("", "*-*")
    return Truth.YES if whole and is_any else Truth.MAYBE


def _path(pattern: str, path: str, drive: str) -> Truth:
    """Compare a path with a rule's: without regard to case, ``*`` for any characters, macros for folders of Windows."""
    wanted, mine = pattern.strip().lower().replace("/", "\\"), path.strip().lower().replace("/", "\\")
    if not wanted or len(wanted) > _LONGEST or len(mine) > _LONGEST:
        return Truth.MAYBE
    if wanted.startswith(_MARKS):
        # Whether a drive is removable is not asked; the system's is not.
        return Truth.NO if mine.startswith(drive) else Truth.MAYBE
    if "~" in mine:
        return Truth.YES if wanted == "*" else Truth.MAYBE
    spelled = _spelled(wanted, drive)
    if any("%" in one for one in spelled):
        return Truth.MAYBE
    if len(mine) < len("c:\\") or mine[1] != ":":
        return Truth.YES if wanted == "*" else Truth.MAYBE
    return Truth.YES if any(is_like(one, mine) for one in spelled) else Truth.NO


def _spelled(wanted: str, drive: str) -> list[str]:
    """Put folders in the place of macros: two where Windows has one for each width (AppLocker path variables)."""
    for macro, folders in (
        ("%windir%", ("\\windows",)),
        ("%system32%", _SYSTEM_FOLDERS[:2]),
        ("%osdrive%", ("",)),
        ("%programfiles%", ("\\program files", "\\program files (x86)")),
    ):
        if wanted.startswith(macro):
            return [f"{drive}{folder}{wanted.removeprefix(macro)}" for folder in folders]
    return [wanted]


def is_like(pattern: str, text: str) -> bool:
    """Compare a text with a pattern of ``*`` and ``?``, in steps bounded by the product of their lengths.

    Where it holds no ``?``, as nearly always, they are bounded by their sum.
    """
    if "?" not in pattern:
        return glob_matches(tuple(pattern.split("*")), text)
    at = mark = 0
    star = -1
    place = 0
    while place < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, mark, at = at, place, at + 1
        elif at < len(pattern) and pattern[at] in ("?", text[place]):
            at, place = at + 1, place + 1
        elif star >= 0:
            mark += 1
            at, place = star + 1, mark
        else:
            return False
    return not pattern[at:].strip("*")


def publisher_of(subject: str) -> str | None:
    """Return a certificate's subject as AppLocker names a publisher: organisation, place, state, country.

    None for one with a quoted part, whose commas may part nothing.
    """
    if '"' in subject or "\\" in subject:
        return None
    parts = [part.strip() for part in subject.split(",")]
    kept = [part.upper() for name in ("O=", "L=", "S=", "C=") for part in parts if part.upper().startswith(name)]
    return ", ".join(kept) or None


def _fits(publisher: str, signer: str) -> bool:
    return publisher == "*" or publisher.strip().lower() == signer.strip().lower()


def _both(one: Truth, other: Truth) -> Truth:
    if Truth.NO in (one, other):
        return Truth.NO
    return Truth.YES if one is other is Truth.YES else Truth.MAYBE


def _one_of(found: Iterable[Truth]) -> Truth:
    seen = set(found)
    return next((truth for truth in (Truth.YES, Truth.MAYBE) if truth in seen), Truth.NO)
