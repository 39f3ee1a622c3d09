"""Read AppLocker's policy as XML: the mode of each collection of rules, and the rules.

Elements and attributes are those of learn.microsoft.com, "AppLocker CSP" and ``Get-AppLockerPolicy -Xml``. What stands
in it was written by administrators and is read as hostile text all the same: tag by tag, without entities of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from auditor.model.facts.appcontrol import ExecutionRule, ProgramCondition

COLLECTIONS = ("Exe", "Dll", "Msi", "Script", "Appx", "ManagedInstaller")
"""Kinds of files that have rules of their own; what a managed installer writes may run where the rules say so."""
MODES = ("NotConfigured", "AuditOnly", "Enabled")
"""What ``EnforcementMode`` may be."""

_RULES = ("FilePathRule", "FilePublisherRule", "FileHashRule")
_NESTING = ("AppLockerPolicy", "RuleCollection", "Conditions", "Exceptions", *_RULES)
_AROUND = ("FileHashCondition", "RuleCollectionExtensions", "ThresholdExtensions", "RedstoneExtensions", "Services",
           "SystemApps")  # fmt: skip
_ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_LONGEST_ENTITY = 10


@dataclass(slots=True)
class AppLockerPolicy:
    """A policy while it is read, and then."""

    modes: dict[str, str] = field(default_factory=dict)
    """Enforcement mode by collection."""
    rules: list[ExecutionRule] = field(default_factory=list)
    """Rules in their order."""


@dataclass(slots=True, kw_only=True)
class _Rule:
    """A rule that is open."""

    kind: str
    attributes: dict[str, str]
    conditions: list[ProgramCondition] = field(default_factory=list)
    exceptions: list[ProgramCondition] = field(default_factory=list)


@dataclass(slots=True)
class _Reader:
    """The document while its tags go by."""

    policy: AppLockerPolicy
    collection: str = ""
    rule: _Rule | None = None
    in_exceptions: bool = False

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        """Follow the beginning of an element; ValueError for one that is not known."""
        if name == "RuleCollection":
            self._collect(attributes)
        elif name in _RULES:
            if self.rule is not None:
                raise ValueError("a rule inside of a rule")
            self.rule = _Rule(kind=name, attributes=attributes)
            self.in_exceptions = False
        elif name == "Exceptions":
            self.in_exceptions = True
        elif name == "Conditions":
            self.in_exceptions = False
        elif name in ("FilePathCondition", "FilePublisherCondition", "FileHash"):
            self._condition(name, attributes)
        elif name == "BinaryVersionRange":
            self._versions(attributes)
        elif name not in _NESTING and name not in _AROUND:
            raise ValueError(f"unknown element {name[:40]!r}")

    def end(self, name: str) -> None:
        """Follow the end of an element."""
        if name in _RULES:
            if self.rule is None or self.rule.kind != name:
                raise ValueError(f"{name} ends and did not begin")
            self.policy.rules.append(self._made(self.rule))
            self.rule = None
        elif name == "RuleCollection":
            self.collection = ""

    def _collect(self, attributes: dict[str, str]) -> None:
        kind, mode = attributes.get("Type", ""), attributes.get("EnforcementMode", "")
        if kind not in COLLECTIONS or mode not in MODES:
            raise ValueError(f"unknown collection {kind[:20]!r} or mode {mode[:20]!r}")
        self.collection = kind
        self.policy.modes[kind] = mode

    def _target(self) -> list[ProgramCondition]:
        if self.rule is None:
            raise ValueError("a condition of no rule")
        return self.rule.exceptions if self.in_exceptions else self.rule.conditions

    def _condition(self, name: str, attributes: dict[str, str]) -> None:
        if name == "FilePathCondition":
            made = ProgramCondition(kind="path", subject=attributes["Path"])
        elif name == "FileHash":
            made = ProgramCondition(
                kind="hash", subject=attributes["Data"], binary=attributes.get("SourceFileName", "")
            )
        else:
            made = ProgramCondition(
                kind="publisher",
                subject=attributes["PublisherName"],
                product=attributes.get("ProductName", "*"),
                binary=attributes.get("BinaryName", "*"),
            )
        self._target().append(made)

    def _versions(self, attributes: dict[str, str]) -> None:
        target = self._target()
        if not target or target[-1].kind != "publisher":
            raise ValueError("a range of versions of no publisher")
        last = target[-1]
        target[-1] = ProgramCondition(
            kind=last.kind,
            subject=last.subject,
            product=last.product,
            binary=last.binary,
            versions=f"{attributes.get('LowSection', '*')}-{attributes.get('HighSection', '*')}",
        )

    def _made(self, rule: _Rule) -> ExecutionRule:
        action = rule.attributes.get("Action", "")
        if action not in ("Allow", "Deny") or not rule.conditions:
            raise ValueError(f"a rule that does {action[:20]!r} or has no condition")
        return ExecutionRule(
            mechanism="applocker",
            collection=self.collection,
            action=action.lower(),
            who=rule.attributes.get("UserOrGroupSid", ""),
            identifier=rule.attributes.get("Id", ""),
            name=rule.attributes.get("Name", ""),
            conditions=tuple(rule.conditions),
            exceptions=tuple(rule.exceptions),
        )


def read_policy(text: str, policy: AppLockerPolicy, *, collection: str = "") -> None:
    """Read a policy, or one rule of a collection, into what was read before; ValueError where it is not understood."""
    known = len(policy.rules)
    try:
        _follow(text, _Reader(policy, collection=collection))
    except KeyError as error:
        del policy.rules[known:]
        raise ValueError(f"an element without its attribute {error}") from error
    except ValueError:
        del policy.rules[known:]
        raise


def _follow(text: str, reader: _Reader) -> None:
    """Give each element's beginning and end to the reader; ValueError where they do not match."""
    open_elements: list[str] = []
    count = 0
    for name, attributes, how in _tags(text):
        count += 1
        if how != "end":
            reader.begin(name, attributes)
            open_elements.append(name)
        if how != "begin":
            if not open_elements or open_elements.pop() != name:
                raise ValueError(f"{name[:40]} ends and did not begin")
            reader.end(name)
    if open_elements or not count:
        raise ValueError("the document ends before its end")


def _tags(text: str) -> Iterator[tuple[str, dict[str, str], str]]:
    """Give each tag: name, attributes, and whether it begins, ends, or is both."""
    at = text.find("<")
    while at >= 0:
        if text.startswith("<?", at):
            at = _after(text, "?>", at)
        elif text.startswith("<!--", at):
            at = _after(text, "-->", at)
        elif text.startswith("</", at):
            end = _after(text, ">", at)
            yield text[at + 2 : end - 1].strip(), {}, "end"
            at = end
        else:
            end = at + 1
            while end < len(text) and (text[end].isalnum() or text[end] in "_-."):
                end += 1
            name = text[at + 1 : end]
            if not name:
                raise ValueError("a tag without a name")
            attributes, end = _attributes(text, end)
            is_empty = text[end - 2] == "/"
            yield name, attributes, "both" if is_empty else "begin"
            at = end
        at = text.find("<", at)


def _after(text: str, what: str, at: int) -> int:
    end = text.find(what, at)
    if end < 0:
        raise ValueError("a tag that does not end")
    return end + len(what)


def _attributes(text: str, at: int) -> tuple[dict[str, str], int]:
    """Read ``name="value"`` up to the end of a tag; where that is."""
    found: dict[str, str] = {}
    closing = text.find(">", at)
    while True:
        if 0 <= closing < at:
            # It stood in a value.
            closing = text.find(">", at)
        equals = text.find("=", at, closing) if closing >= 0 else -1
        if closing < 0:
            raise ValueError("a tag that does not end")
        if equals < 0:
            return found, closing + 1
        quote = text[equals + 1 : equals + 2]
        end = text.find(quote, equals + 2) if quote in ("'", '"') and quote else -1
        if end < 0:
            raise ValueError("an attribute without quotes")
        found[text[at:equals].strip()] = _unescaped(text[equals + 2 : end])
        at = end + 1


def _unescaped(text: str) -> str:
    """Put characters in the place of XML's own entities; what is none stays."""
    first, *parts = text.split("&")
    out = [first]
    for part in parts:
        name, semicolon, rest = part[: _LONGEST_ENTITY + 1].partition(";")
        said = _entity(name) if semicolon else None
        out.append(f"&{part}" if said is None else said + rest + part[_LONGEST_ENTITY + 1 :])
    return "".join(out)


def _entity(name: str) -> str | None:
    if name in _ENTITIES:
        return _ENTITIES[name]
    digits, base = (name[2:], 16) if name.startswith("#x") else (name[1:], 10)
    if not name.startswith("#") or not digits.isascii() or not digits.isalnum():
        return None
    try:
        code = int(digits, base)
        return chr(code) if code >= ord(" ") else None
    except (ValueError, OverflowError):
        return None
