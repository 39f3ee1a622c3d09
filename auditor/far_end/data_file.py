"""Files that say who has which network: CSV or JSON that the operator brings; nothing leaves for them."""

import csv
import io
import ipaddress
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from auditor.errors import UsageError
from auditor.far_end.said import TEXT_LENGTH, Address, Network, Registered

_LONGEST = 512 * 1024 * 1024


class DataFile:
    """The networks of a file, found by their longest prefix."""

    def __init__(self, file: Path) -> None:
        """Read it; UsageError names the first line that is wrong."""
        self._by_length: dict[tuple[int, int], dict[int, Registered]] = {}
        for network, row in _rows(file):
            key = (network.version, network.prefixlen)
            self._by_length.setdefault(key, {})[int(network.network_address)] = Registered(
                network=str(network),
                first=network[0],
                last=network[-1],
                organisation=_text(row, "organisation", "organization", "org", "name"),
                country=_text(row, "country", "country_code")[:2].upper(),
                source=file.name,
            )
        self._lengths = sorted(self._by_length, reverse=True)

    def find(self, address: Address) -> Registered | None:
        """Return the smallest network of the file that an address is in."""
        for version, length in self._lengths:
            if version == address.version:
                rest = address.max_prefixlen - length
                found = self._by_length[version, length].get(int(address) >> rest << rest)
                if found is not None:
                    return found
        return None


def _rows(file: Path) -> Iterator[tuple[Network, Mapping[str, Any]]]:
    try:
        if file.stat().st_size > _LONGEST:
            raise UsageError(f"{file}: is larger than {_LONGEST >> 20} MiB")
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: is not UTF-8 text (byte {error.start})") from error
    rows = (
        _json_rows(text, file) if text.lstrip()[:1] in ("[", "{") else enumerate(csv.DictReader(io.StringIO(text)), 2)
    )
    for number, row in rows:
        try:
            yield ipaddress.ip_network(_text(row, "network", "cidr", "prefix")), row
        except ValueError as error:
            wanted = "each row has a network, and an organisation or a country"
            raise UsageError(f"{file}:{number}: {error}: {wanted}") from error


def _json_rows(text: str, file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file}: is not JSON: {error}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UsageError(f"{file}: is no JSON array of objects with network, organisation and country")
    yield from enumerate(rows, 1)


def _text(row: Mapping[str, Any], *names: str) -> str:
    found = next((row[name] for name in names if isinstance(row.get(name), str)), "")
    return found.strip()[:TEXT_LENGTH]
