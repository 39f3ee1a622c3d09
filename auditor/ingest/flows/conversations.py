"""Conversations that flow records add up to: both directions in one row, by who serves and who asked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from auditor.ingest.flows.record import Flow
from auditor.ingest.flows.sampling import Samplers
from auditor.model.record import Record, replace

MOST = 200_000
"""Conversations that are told apart: what further ones hold is counted and not told."""
_MOST_NAMES = 100
_LARGEST = 2**63 - 1
_WELL_KNOWN, _EPHEMERAL = 1024, 32_768
# What stands in the row of a conversation while it grows.
_FIRST, _LAST, _BYTES, _PACKETS, _COUNT, _BEGAN = range(6)

Key = tuple[str, int, str, int, int]
"""Client, its port where that tells something (0 else), server, its port, protocol."""


class Conversation(Record, kw_only=True):
    """Who asked whom on which port, over all records of it."""

    client: str
    """Who began it, as far as that can be told."""
    server: str
    """Who was asked."""
    port: int
    """On which port."""
    protocol: int
    """By which protocol: its number."""
    first: float
    """Begin of the first record, seconds since 1970."""
    last: float
    """End of the last one."""
    bytes: int
    """Bytes both ways."""
    packets: int
    """Packets both ways."""
    count: int
    """Records of it."""
    sources: tuple[str, ...]
    """Formats of the files that tell of it."""
    names: tuple[str, ...] = ()
    """Names that the client asked the server for by TLS."""
    sampled: tuple[int, ...] = ()
    """Of records of sampled packets, how many each stands for, 0 where that is not said: bytes and packets are those
    of the sample."""


class Source(Protocol):
    """A file that records are read from."""

    format: str
    """Its format, which may be known only once it was read."""
    samplers: Samplers
    """What its exporters say of their sampling, likewise."""


@dataclass(slots=True)
class Conversations:
    """Adds records up."""

    telling: frozenset[tuple[int, int]]
    """Protocol and port pairs that a product or a filter knows: who has one is the one that serves."""
    most: int = MOST
    """Conversations that are told apart."""
    beyond: int = 0
    """Records of conversations that were one too many."""
    _rows: dict[Key, list[float]] = field(default_factory=dict)
    _sources: list[tuple["Source", set[Key], dict[Key, set[int]]]] = field(default_factory=list)
    _names: dict[tuple[str, str, int], dict[str, list[float]]] = field(default_factory=dict)

    def name(self, client: str, server: str, port: int, name: str, when: float) -> None:
        """Remember that a client asked a server for a name."""
        if (client, server, port) not in self._names and len(self._names) >= self.most:
            self.beyond += 1
            return
        names = self._names.setdefault((client, server, port), {})
        name = name.lower().rstrip(".")
        if name not in names and len(names) >= _MOST_NAMES:
            self.beyond += 1
            return
        told = names.setdefault(name, [when, when, 0])
        told[0], told[1], told[2] = min(told[0], when), max(told[1], when), told[2] + 1

    @property
    def named(self) -> Iterable[tuple[str, str, int]]:
        """Return client, server and port of every conversation that a name is known of."""
        return self._names.keys()

    def add(self, flows: Iterable[Flow], file: "Source") -> None:
        """Add the records of one file."""
        seen: set[Key] = set()
        tokens: dict[Key, set[int]] = {}
        self._sources.append((file, seen, tokens))
        rows, rank = self._rows, self._rank
        for one, sport, other, dport, protocol, size, packets, first, last, is_directed, token in flows:
            key: Key
            mine, theirs = rank(sport, protocol), rank(dport, protocol)
            if is_directed or theirs > mine:
                key, began = (one, 0, other, dport, protocol), one
            elif mine > theirs:
                key, began = (other, 0, one, sport, protocol), other
            else:
                # Neither port tells: the same key both ways, and the earliest record tells who began.
                ends = (one, sport, other, dport) if (one, sport) <= (other, dport) else (other, dport, one, sport)
                key, began = (*ends, protocol), one
            if token:
                tokens.setdefault(key, set()).add(token)
            row = rows.get(key)
            if row is None:
                if len(rows) >= self.most:
                    self.beyond += 1
                    continue
                rows[key] = [first, last, size, packets, 1, began]  # type: ignore[list-item]
                seen.add(key)
                continue
            if first < row[_FIRST]:
                row[_FIRST], row[_BEGAN] = first, began  # type: ignore[call-overload]
            row[_LAST] = max(row[_LAST], last)
            row[_BYTES] += size
            row[_PACKETS] += packets
            row[_COUNT] += 1
            seen.add(key)

    def _rank(self, port: int, protocol: int) -> int:
        """Tell how much a port looks like one that is served on."""
        if 0 < port < _WELL_KNOWN:
            return 3
        if (protocol, port) in self.telling:
            return 2
        return 1 if _WELL_KNOWN <= port < _EPHEMERAL else 0

    def all(self) -> list[Conversation]:
        """Return the conversations, sorted; those of which only a name is known among them."""
        added: dict[tuple[str, str, int, int], list[Conversation]] = {}
        for key, row in self._rows.items():
            client, client_port, server, port, protocol = key
            if client_port and str(row[_BEGAN]) != client:
                client, server, port = server, client, client_port
            sources = tuple(sorted({file.format for file, seen, _ in self._sources if key in seen}))
            added.setdefault((client, server, port, protocol), []).append(
                _conversation((client, server, port, protocol), row, sources, self._rates(key))
            )
        made = [_joined(same) for same in added.values()]
        return sorted([*self._with_names(made)], key=lambda one: (one.client, one.server, one.port, one.protocol))

    def _rates(self, key: Key) -> tuple[int, ...]:
        """Return how many packets one stands for, where it is more than itself, by what all files say."""
        rates = {
            file.samplers.rate(token) for file, _, tokens in self._sources if key in tokens for token in tokens[key]
        }
        return tuple(sorted(rates - {1}))

    def _with_names(self, made: list[Conversation]) -> Iterable[Conversation]:
        left: Mapping[tuple[str, str, int], dict[str, list[float]]] = dict(self._names)
        for one in made:
            names = self._names.get((one.client, one.server, one.port)) if one.protocol == 6 else None  # noqa: PLR2004 — TCP
            if names is None:
                yield one
                continue
            left.pop((one.client, one.server, one.port), None)  # type: ignore[attr-defined]
            yield replace(one, names=tuple(sorted(names)), sources=tuple(sorted({*one.sources, "zeek_ssl"})))
        for (client, server, port), names in left.items():
            yield Conversation(
                client=client, server=server, port=port, protocol=6,
                first=min(told[0] for told in names.values()), last=max(told[1] for told in names.values()),
                bytes=0, packets=0, count=int(sum(told[2] for told in names.values())),
                sources=("zeek_ssl",), names=tuple(sorted(names)),
            )  # fmt: skip


def _conversation(
    key: tuple[str, str, int, int], row: list[float], sources: tuple[str, ...], sampled: tuple[int, ...]
) -> Conversation:
    client, server, port, protocol = key
    return Conversation(
        client=client, server=server, port=port, protocol=protocol, first=row[_FIRST], last=row[_LAST],
        bytes=min(int(row[_BYTES]), _LARGEST), packets=min(int(row[_PACKETS]), _LARGEST), count=int(row[_COUNT]),
        sources=sources, sampled=sampled,
    )  # fmt: skip


def _joined(same: list[Conversation]) -> Conversation:
    if len(same) == 1:
        return same[0]
    first = same[0]
    return Conversation(
        client=first.client, server=first.server, port=first.port, protocol=first.protocol,
        first=min(one.first for one in same), last=max(one.last for one in same),
        bytes=min(sum(one.bytes for one in same), _LARGEST), packets=min(sum(one.packets for one in same), _LARGEST),
        count=sum(one.count for one in same), sources=tuple(sorted({name for one in same for name in one.sources})),
        sampled=tuple(sorted({rate for one in same for rate in one.sampled})),
    )  # fmt: skip
