"""What was said before: kept in a file of the user's cache, each answer with the instant it was given."""

import ipaddress
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from auditor.far_end.said import TEXT_LENGTH, Address, Registered

_LAYOUT = 1
_MOST = 20_000
"""Answers of each kind that are kept, the newest."""
_LONGEST = 64 * 1024 * 1024


@dataclass(slots=True, kw_only=True)
class Kept:
    """Names by address, and networks, each with when it was said."""

    file: Path | None
    """Where they are kept between runs; None for nowhere."""
    now: datetime
    """This instant, UTC."""
    age: timedelta
    """How old an answer may be."""
    names: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    """Names by address; empty where there is none."""
    networks: list[tuple[Registered, datetime]] = field(default_factory=list)
    """Networks."""

    def load(self) -> None:
        """Read what was kept and is not too old; a file that is not ours is as none."""
        if self.file is None:
            return
        with suppress(OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            if self.file.stat().st_size > _LONGEST:
                return
            data = json.loads(self.file.read_text(encoding="utf-8"))
            if data["layout"] != _LAYOUT:
                return
            names = {str(key): (str(row[0])[:TEXT_LENGTH], self._at(row[1])) for key, row in data["names"].items()}
            networks = [(_registered(row), self._at(row["at"])) for row in data["networks"]]
            self.names = {key: row for key, row in names.items() if self._is_young(row[1])}
            self.networks = [row for row in networks if self._is_young(row[1])]

    @staticmethod
    def _at(said: object) -> datetime:
        at = datetime.fromisoformat(str(said))
        if at.tzinfo is None:
            raise ValueError("no zone")
        return at

    def _is_young(self, at: datetime) -> bool:
        return timedelta(0) <= self.now - at <= self.age

    def network(self, address: Address) -> Registered | None:
        """Return the smallest network that was told and that an address is in."""
        near = [one for one, _ in self.networks if one.holds(address)]
        return min(near, key=lambda one: int(one.last) - int(one.first), default=None)

    def save(self) -> None:
        """Write what is known in one step; a folder that cannot be written costs questions at the next start."""
        if self.file is None:
            return
        names = sorted(self.names.items(), key=lambda one: one[1][1], reverse=True)[:_MOST]
        networks = sorted(self.networks, key=lambda one: one[1], reverse=True)[:_MOST]
        data = {
            "layout": _LAYOUT,
            "names": {key: [name, at.isoformat()] for key, (name, at) in names},
            "networks": list(_rows(networks)),
        }
        with suppress(OSError):
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, draft = tempfile.mkstemp(dir=self.file.parent, prefix=".far-end-")
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(data, stream, ensure_ascii=True)
            Path(draft).replace(self.file)


def _rows(networks: list[tuple[Registered, datetime]]) -> Iterator[dict[str, Any]]:
    for one, at in networks:
        yield {
            "network": one.network,
            "first": str(one.first),
            "last": str(one.last),
            "organisation": one.organisation,
            "country": one.country,
            "source": one.source,
            "at": at.isoformat(),
        }


def _registered(row: dict[str, Any]) -> Registered:
    return Registered(
        network=str(row["network"])[:TEXT_LENGTH],
        first=ipaddress.ip_address(row["first"]),
        last=ipaddress.ip_address(row["last"]),
        organisation=str(row["organisation"])[:TEXT_LENGTH],
        country=str(row["country"])[:2],
        source=str(row["source"])[:TEXT_LENGTH],
    )
