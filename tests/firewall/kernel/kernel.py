"""Asking the kernel: load a ruleset, send packets, say what became of each, and list the ruleset as a host would."""

import json
import os
import re
import shutil
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tests.firewall.kernel.frames import Packet
from tests.firewall.kernel.script import Part, Script
from tests.firewall.kernel.spaces import ADDRESSES, NotHereError, Spaces, make_spaces
from tests.firewall.kernel.wire import Seen, Wire

_TOOLS = ("ip", "nft", "iptables-legacy-restore", "iptables-nft-restore", "ipset")
_TABLES = ("filter", "nat", "mangle", "raw", "security")
_BUILT_IN = {
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "raw": ("PREROUTING", "OUTPUT"),
    "security": ("INPUT", "FORWARD", "OUTPUT"),
}
_EMPTY = "".join(
    f"*{table}\n" + "".join(f":{chain} ACCEPT [0:0]\n" for chain in _BUILT_IN[table]) + "COMMIT\n" for table in _TABLES
)
_ORDINARY = {"rp_filter": 0, "nf_conntrack_tcp_loose": 1, "route_localnet": 1}
_SYSCTL_PATHS = {
    "rp_filter": "ipv4/conf/all/rp_filter",
    "nf_conntrack_tcp_loose": "netfilter/nf_conntrack_tcp_loose",
    "route_localnet": "ipv4/conf/all/route_localnet",
}
_ATTEMPTS = 6
_LINE_OF_NFT = re.compile(r"^/dev/stdin:(\d+):", re.MULTILINE)
_LINE_OF_IPTABLES = re.compile(r"line:? (\d+)")


class RefusedError(Exception):
    """The ruleset cannot be loaded here, whatever single lines are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A ruleset that is live."""

    script: Script
    """What was loaded, without the lines that this kernel refused."""
    fields: dict[str, str]
    """Its listings, under the names of the protocol."""
    host: dict[str, Any]
    """The host, in words of the protocol."""


class Kernel:
    """A host under test with the kernel of this machine."""

    def __init__(self) -> None:
        missing = [name for name in _TOOLS if not shutil.which(name)]
        if missing:
            raise NotHereError(f"{', '.join(missing)} missing (tests/debian-packages.txt)")
        self._processors = os.sched_getaffinity(0)
        self.spaces: Spaces = make_spaces()
        self.wire = Wire(self.spaces)
        self.left_out: Counter[str] = Counter()
        """What lines this kernel or these tools refused, by their complaint."""
        self._has_legacy = self._has_nft = self._has_ipset = False

    def close(self) -> None:
        """Take it down."""
        self.wire.close()
        self.spaces.close()
        os.sched_setaffinity(0, self._processors)

    # ---- rulesets

    def load(self, script: Script) -> Loaded:
        """Make a ruleset live in place of the last one; RefusedError when it cannot be."""
        for _ in range(_ATTEMPTS):
            self._clear()
            refused = self._load_all(script)
            if refused is None:
                self._set_host(script)
                return Loaded(script=script, fields=self._list(script), host=self._host(script))
            part, numbers, complaint = refused
            if not numbers:
                raise RefusedError(f"{part}: {complaint}")
            self.left_out[_reason(complaint)] += len(numbers)
            script = script.without({(part, number) for number in numbers})
        raise RefusedError("too many lines are refused")

    def _clear(self) -> None:
        if self._has_nft:
            self.spaces.run(["nft", "flush", "ruleset"])
        if self._has_legacy:
            for name in ("iptables", "ip6tables"):
                self.spaces.run([f"{name}-legacy-restore"], _EMPTY)
        if self._has_ipset:
            self.spaces.run(["ipset", "destroy"])
        self._has_nft = self._has_legacy = self._has_ipset = False

    def _load_all(self, script: Script) -> tuple[Part, list[int], str] | None:
        """Load every part; return what was refused: lines, counted from 0, and the complaint."""
        for part, command in (
            ("ipset", ["ipset", "restore"]),
            ("ip", [f"iptables-{script.backend}-restore"]),
            ("ip6", [f"ip6tables-{script.backend}-restore"]),
            ("nft", ["nft", "-f", "/dev/stdin"]),
        ):
            lines = script.parts.get(part, ())  # type: ignore[call-overload]
            if not lines:
                continue
            self._has_ipset |= part == "ipset"
            self._has_legacy |= part in ("ip", "ip6") and script.backend == "legacy"
            self._has_nft |= part == "nft" or script.backend == "nft"
            done = self.spaces.run(command, "\n".join(lines) + "\n")
            if done.returncode:
                pattern = _LINE_OF_NFT if part == "nft" else _LINE_OF_IPTABLES
                rules = {number for name, number in script.removable() if name == part}
                named = sorted({int(number) - 1 for number in pattern.findall(done.stderr)} & rules)
                if not named:
                    named = self._last_of(command, lines, sorted(rules))
                return part, named, done.stderr  # type: ignore[return-value]
        return None

    def _last_of(self, command: list[str], lines: tuple[str, ...], rules: list[int]) -> list[int]:
        """Find the first rule without which what stands before it would load (iptables-legacy names COMMIT only)."""
        low, high = 0, len(rules)
        while low < high:
            middle = (low + high) // 2
            gone = set(rules[middle + 1 :])
            text = "\n".join(line for number, line in enumerate(lines) if number not in gone) + "\n"
            if self.spaces.run(command, text).returncode:
                high = middle
            else:
                low = middle + 1
        return rules[low : low + 1]

    def _list(self, script: Script) -> dict[str, str]:
        made = {"format": str(script.form)}
        if script.form == "nft-json":
            made["ruleset"] = self._print("nft", "-j", "list", "ruleset")
            made["ruleset_text"] = self._print("nft", "list", "ruleset")
            return made
        made["ruleset"] = self._print(f"iptables-{script.backend}-save") if script.parts.get("ip") else ""
        made["ip6tables"] = self._print(f"ip6tables-{script.backend}-save") if script.parts.get("ip6") else ""
        made["ipset"] = self._print("ipset", "save") if self._has_ipset else ""
        made["backend"] = script.backend
        if script.form == "mixed":
            made["nft"] = self._print("nft", "-j", "list", "ruleset")
        return made

    def _print(self, *command: str) -> str:
        done = self.spaces.run(list(command))
        if done.returncode or (command[1:2] == ("-j",) and not done.stdout.rstrip().endswith("]}")):
            # nft 1.0.6 can print half a listing and call it a success: a listing like that is no case.
            raise RefusedError(f"{' '.join(command)}: exit status {done.returncode}: {done.stderr.strip()[:200]}")
        return done.stdout

    def _host(self, script: Script) -> dict[str, Any]:
        return {"addresses": ADDRESSES, "ip_forward": script.ip_forward, "sysctl": {**_ORDINARY, **script.sysctl}}

    def _set_host(self, script: Script) -> None:
        values = {_SYSCTL_PATHS[name]: value for name, value in {**_ORDINARY, **script.sysctl}.items()}
        forward = int(script.ip_forward)
        self.spaces.set_sysctls({"ipv4/ip_forward": forward, "ipv6/conf/all/forwarding": forward, **values})

    # ---- packets

    def label(self, packets: list[Packet]) -> list[dict[str, str]]:
        """Send packets to the live ruleset, each twice, and say what became of each."""
        first, second = self._try(packets), self._try(packets)
        return [
            one if one["verdict"] == other["verdict"] else {"verdict": "unstable", "detail": _both(one, other)}
            for one, other in zip(first, second, strict=True)
        ]

    def _try(self, packets: list[Packet]) -> list[dict[str, str]]:
        self.wire.table.empty()
        for packet in packets:
            if packet.get("ct_state") == "established":
                self.wire.table.add(packet, is_reply=packet.get("ct_direction") == "reply")
            if "related_to" in packet:
                quoted = {**packet["related_to"], "family": packet["family"]}
                self.wire.table.add(quoted, is_reply=False, is_assured=False)
        return [_label(seen) for seen in self.wire.try_packets(packets)]


def _label(seen: Seen) -> dict[str, str]:
    if seen.arrived:
        return {"verdict": "accept", "detail": ",".join(sorted(seen.arrived))}
    if seen.refused:
        return {"verdict": "reject", "detail": seen.refused}
    return {"verdict": "drop", "detail": ""}


def _both(one: dict[str, str], other: dict[str, str]) -> str:
    return f"{one['verdict']}/{other['verdict']}"


def _reason(complaint: str) -> str:
    first = complaint.strip().splitlines()[0] if complaint.strip() else "no complaint"
    return re.sub(r"\d+", "N", first)[:100]


def question(loaded: Loaded, packet: Packet, name: str) -> str:
    """Return the line of the protocol that asks about one packet."""
    return json.dumps({"id": name, **loaded.fields, "host": loaded.host, "packet": packet})
