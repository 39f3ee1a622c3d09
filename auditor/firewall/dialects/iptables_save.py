"""Read ``iptables-save`` and ``ip6tables-save`` of both backends, and the sets of ``ipset save`` they refer to."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from auditor.firewall.dialects.dialect import Dialect, Texts
from auditor.firewall.dialects.ipsets import IpSet, read_ipsets
from auditor.firewall.dialects.iptables_matches import Module, Option, Setting, plain, read_module
from auditor.firewall.dialects.iptables_targets import read_target
from auditor.model.evidence import Proof
from auditor.model.facts.network import Family
from auditor.model.host import OsFamily
from auditor.model.ruleset import Action, Base, Doubt, Hook, Rule, Ruleset, Step, Verb, merged

_HOOKS = {
    "PREROUTING": Hook.PREROUTING, "INPUT": Hook.INPUT, "FORWARD": Hook.FORWARD, "OUTPUT": Hook.OUTPUT,
    "POSTROUTING": Hook.POSTROUTING,
}  # fmt: skip
_PRIORITIES = {"raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50}
_NAT_SOURCE = 100
_SHORT = {
    "--source": "-s", "--src": "-s", "--destination": "-d", "--dst": "-d", "--in-interface": "-i",
    "--out-interface": "-o", "--protocol": "-p", "--fragment": "-f", "--jump": "-j", "--goto": "-g", "--match": "-m",
}  # fmt: skip
_TOUCHES = re.compile(r" --(add|del)-set (\S+)")
_PLAIN = frozenset(("-s", "-d", "-i", "-o", "-p", "-f"))


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Where in the text we are."""

    tool: str
    """``iptables`` or ``ip6tables``: what the rules are called."""
    setting: Setting
    """Family and sets."""
    number: int
    """4 or 6."""
    order: int
    """Stands before the order of the tables: which backend registered its hooks first."""
    table: str = ""
    declared: dict[str, str] = field(default_factory=dict)
    rules: dict[str, list[str]] = field(default_factory=dict)
    bases: list[Base] = field(default_factory=list)
    chains: dict[str, tuple[Rule, ...]] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)

    def take(self, line: str) -> None:
        """Read one line; ValueError when it stands where nothing can."""
        if line.startswith("*"):
            if self.table:
                raise ValueError(f"table {self.table} does not end in COMMIT")
            self.table, self.declared, self.rules = line[1:].strip(), {}, {}
        elif not self.table:
            raise ValueError(f"outside of any table: {line[:60]!r}")
        elif line == "COMMIT":
            self._commit()
            self.table = ""
        elif line.startswith(":"):
            words = line[1:].split()
            if len(words) < len(("chain", "policy")):
                raise ValueError(f"not ':chain policy': {line[:60]!r}")
            self.declared[words[0]] = words[1]
            self.rules[words[0]] = []
        else:
            # With -c, counters stand before the rule.
            plain_line = line.partition("] ")[2] if line.startswith("[") else line
            words = plain_line.split(None, 2)
            if len(words) < len(("-A", "chain")) or words[0] != "-A":
                raise ValueError(f"not a line of iptables-save: {line[:60]!r}")
            self.rules.setdefault(words[1], []).append(plain_line)

    def _prefix(self) -> str:
        return f"{self.tool} {self.table} "

    def _commit(self) -> None:
        """Read the table that ends here."""
        for chain, lines in self.rules.items():
            self.chains[self._prefix() + chain] = tuple(self._rule(line) for line in lines)
        for chain, policy in self.declared.items():
            if chain in _HOOKS and policy != "-":
                self._base(chain, policy)

    def _base(self, chain: str, policy: str) -> None:
        if self.table not in _PRIORITIES:
            self.doubts.append(f"{self.tool} has a table {self.table}, which is not modelled")
            return
        is_nat = self.table == "nat"
        # PREROUTING and OUTPUT of nat come before the filter, INPUT and POSTROUTING after it.
        is_late = is_nat and chain in ("INPUT", "POSTROUTING")
        self.bases.append(
            Base(
                hook=_HOOKS[chain],
                priority=_NAT_SOURCE if is_late else _PRIORITIES[self.table],
                order=(self.order, len(self.bases)),
                families=(self.number,),
                is_nat=is_nat,
                policy=Action(verb=Verb.DROP if policy == "DROP" else Verb.ACCEPT),
                chain=self._prefix() + chain,
                text=f"{self.tool} {self.table}: policy {policy} of {chain}",
            )
        )

    def _rule(self, line: str) -> Rule:
        text = f"{self.tool} {self.table}: {line}"
        try:
            words = shlex.split(line)
        except ValueError as error:
            # A comment may have several lines: those after this one need not be rules.
            self.doubts.append(f"{text} ({error})")
            return Rule(action=Action(verb=Verb.UNREAD), text=text)
        try:
            return self._parts(words, text)
        except ValueError as error:
            return Rule(action=Action(verb=Verb.UNREAD), text=f"{text} ({error})")

    def _parts(self, words: list[str], text: str) -> Rule:
        """Part a rule into conditions and target; ValueError for a word that stands where none can."""
        conditions: list[Step] = []
        modules: list[Module] = []
        target: Option | None = None
        of_target: dict[str, tuple[str, ...]] = {}
        for option in _options(words[2:]):
            if option.name in ("-j", "-g"):
                target = option
            elif option.name == "-m":
                modules.append(Module(name=option.words[0]))
            elif target is not None:
                of_target[option.name] = option.words
            elif option.name in _PLAIN:
                conditions += plain(option)
            elif modules:
                modules[-1].options.append(option)
            else:
                conditions.append(Doubt(text=option.name))
        for module in modules:
            conditions += read_module(module, self.setting)
        if target is None:
            return Rule(steps=tuple(conditions), text=text)
        effects, action = read_target(
            target.words[0], of_target, chains=self.rules.keys(), prefix=self._prefix(), goes=target.name == "-g"
        )
        return Rule(steps=(*conditions, *effects), action=action, text=text)


def _options(words: list[str]) -> list[Option]:
    """Part the words of a rule into options; a value may begin with a dash only if it is a number."""
    made: list[Option] = []
    negated = following = False
    name = ""
    values: list[str] = []
    for word in words:
        if word == "!":
            following = True
        elif _is_option(word):
            if name:
                made.append(Option(name=name, words=tuple(values), is_negated=negated))
            name, values, negated, following = _SHORT.get(word, word), [], following, False
        elif name:
            values.append(word)
        else:
            raise ValueError(f"a word without an option: {word[:40]!r}")
    if name:
        made.append(Option(name=name, words=tuple(values), is_negated=negated))
    for one in made:
        if one.name in ("-j", "-g", "-m", "-s", "-d", "-i", "-o", "-p") and not one.words:
            raise ValueError(f"{one.name} without a value")
    return made


def _is_option(word: str) -> bool:
    return word.startswith("-") and len(word) > 1 and not word[1].isdigit()


def _touch(sets: Mapping[str, IpSet], text: str) -> None:
    """Mark the sets that rules add to or take from."""
    for line in text.split("\n"):
        for how, name in _TOUCHES.findall(line) if "-j SET " in line else ():
            if name in sets and how == "add":
                sets[name].is_open = True
            elif name in sets:
                sets[name].is_shrinking = True


def read_iptables(text: str, family: Family, *, sets: str = "", backend: str = "legacy") -> Ruleset:
    """Read one family's tables; ValueError for a text that is not whole."""
    known = read_ipsets(sets)
    _touch(known, text)
    reader = _Reader(
        tool="iptables" if family is Family.IP else "ip6tables",
        setting=Setting(family=family, sets=known),
        number=4 if family is Family.IP else 6,
        order=0 if backend == "legacy" else 1,
    )
    for line in text.split("\n"):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            reader.take(stripped)
    if reader.table:
        raise ValueError(f"table {reader.table} does not end in COMMIT")
    return Ruleset(bases=tuple(reader.bases), chains=reader.chains, doubts=tuple(reader.doubts))


_LEGACY = {"firewall.iptables_legacy": Family.IP, "firewall.ip6tables_legacy": Family.IP6}
_FAMILIES = {"# family ip": Family.IP, "# family ip6": Family.IP6}


def _read_sections(texts: Texts) -> Ruleset:
    """Read the tables of both backends: all of them are live."""
    sets = texts.get("firewall.ipset", "")
    rulesets = [
        read_iptables(texts[name], family, sets=sets, backend="legacy")
        for name, family in _LEGACY.items()
        if name in texts
    ]
    rulesets += [
        read_iptables(text, family, sets=sets, backend="nft")
        for family, text in _by_family(texts.get("firewall.iptables_nft", ""))
    ]
    return merged(*rulesets)


def _by_family(text: str) -> list[tuple[Family, str]]:
    """Part the section of iptables-nft, whose script says before each listing of which family it is."""
    parts: dict[Family, list[str]] = {}
    lines: list[str] = []
    for line in text.split("\n"):
        if line in _FAMILIES:
            lines = parts.setdefault(_FAMILIES[line], [])
        else:
            lines.append(line)
    return [(family, "\n".join(lines)) for family, lines in parts.items()]


DIALECT = Dialect(
    id="iptables_save",
    os=OsFamily.LINUX,
    engines=tuple(_LEGACY),
    beside=("firewall.iptables_nft", "firewall.ipset"),
    read=_read_sections,
    proof=Proof.LAB,
)
