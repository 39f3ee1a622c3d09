"""A ruleset as it is loaded: lines of nft, of both iptables dialects and of ipset, each of which can be left out."""

import re
from dataclasses import dataclass, field, replace
from typing import Literal

Format = Literal["nft-json", "iptables-save", "mixed"]
Part = Literal["nft", "ip", "ip6", "ipset"]
_RULES: dict[Part, tuple[str, ...]] = {
    "ipset": ("add ",),
    "ip": ("-A ",),
    "ip6": ("-A ",),
    "nft": ("add rule ", "add element "),
}
_OUTPUT = re.compile(r"hook (output|postrouting|egress)|:(OUTPUT|POSTROUTING) DROP|-A (OUTPUT|POSTROUTING) ")
PARTS: tuple[Part, ...] = ("ipset", "ip", "ip6", "nft")


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What is loaded into the host under test."""

    form: Format
    """Which form the question about it will have."""
    parts: dict[Part, tuple[str, ...]]
    """Lines of each program's input."""
    backend: Literal["legacy", "nft"] = "legacy"
    """Which iptables loads the ``ip`` and ``ip6`` parts."""
    ip_forward: bool = False
    """Whether the host forwards."""
    sysctl: dict[str, int] = field(default_factory=dict)
    """Settings that differ from the ordinary host's."""
    limit_like: bool = False
    """Whether a rule looks at what no listing tells (rates, time): not knowing is right then."""
    rewrites: bool = False
    """Whether a rule rewrites what later rules look at."""

    def removable(self) -> list[tuple[Part, int]]:
        """Return the lines that can be left out one by one: rules."""
        return [
            (part, number)
            for part in PARTS
            for number, line in enumerate(self.parts.get(part, ()))
            if line.startswith(_RULES[part])
        ]

    def without(self, gone: set[tuple[Part, int]]) -> "Script":
        """Return the same without some lines."""
        parts: dict[Part, tuple[str, ...]] = {
            part: tuple(line for number, line in enumerate(lines) if (part, number) not in gone)
            for part, lines in self.parts.items()
        }
        return replace(self, parts=parts)

    def filters_output(self) -> bool:
        """Tell whether a rule or policy could stop what the host itself sends."""
        return bool(_OUTPUT.search(self.text()))

    def text(self) -> str:
        """Return it for people to read."""
        heads: dict[Part, str] = {
            "nft": "nft -f",
            "ip": f"iptables-{self.backend}-restore",
            "ip6": f"ip6tables-{self.backend}-restore",
            "ipset": "ipset restore",
        }
        blocks = [f"# {heads[part]}\n" + "\n".join(self.parts[part]) for part in PARTS if self.parts.get(part)]
        return "\n".join(blocks) + f"\n# ip_forward={int(self.ip_forward)} {self.sysctl or ''}\n"
