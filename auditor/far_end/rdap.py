"""Who an address is registered for, by RDAP (RFC 7480, 9082, 9083): which server to ask (RFC 9224), and its answer."""

import ipaddress
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from auditor.errors import UsageError
from auditor.far_end.said import TEXT_LENGTH, Address, Network, Registered

_LONGEST = 4 * 1024 * 1024
_ROLES = ("registrant", "administrative", "technical")
"""Whose entity tells the organisation, the best first."""
_DEEPEST = 4


class Bootstrap:
    """Which server has which network, as IANA's files say (``ipv4.json``, ``ipv6.json``)."""

    def __init__(self, files: list[Path]) -> None:
        """Read the files; UsageError for what is no bootstrap file."""
        self._services: list[tuple[Network, str]] = []
        for file in files:
            try:
                if file.stat().st_size > _LONGEST:
                    raise UsageError(f"{file}: is larger than {_LONGEST >> 20} MiB: no bootstrap file is")
                self._services += _services(json.loads(file.read_text(encoding="utf-8")))
            except OSError as error:
                raise UsageError(f"{file}: cannot be read: {error.strerror}") from error
            except (ValueError, LookupError, TypeError, RecursionError) as error:
                raise UsageError(
                    f"{file}: is no bootstrap file of RDAP, such as IANA's ipv4.json (RFC 9224): {error}"
                ) from error

    def server(self, address: Address) -> str | None:
        """Return the address of the server for an address, its slash at the end; None where the files name none."""
        found = [
            (network.prefixlen, url)
            for network, url in self._services
            if network.version == address.version and address in network
        ]
        return max(found)[1] if found else None


def _services(document: Any) -> Iterator[tuple[Network, str]]:  # noqa: ANN401 — whatever JSON holds
    if document["version"] != "1.0":
        raise ValueError("its version is not 1.0")
    for networks, urls in document["services"]:
        usable = [url for url in urls if urlsplit(url).scheme in ("https", "http")]
        if not usable:
            continue
        # Of several the one over TLS; RFC 9224 leaves the choice to whoever asks.
        url = min(usable, key=lambda one: urlsplit(one).scheme != "https")
        for network in networks:
            yield ipaddress.ip_network(network), url if url.endswith("/") else f"{url}/"


def registered(document: Mapping[str, Any], address: Address, source: str) -> Registered:
    """Read an answer; ValueError for one that is not about a network which the address is in."""
    first, last = _end(document, "startAddress"), _end(document, "endAddress")
    told = Registered(
        network=_network(first, last),
        first=first,
        last=last,
        organisation=_organisation(document),
        country=_country(document.get("country")),
        source=source,
    )
    if not told.holds(address):
        raise ValueError("answers for another network")
    return told


def _end(document: Mapping[str, Any], name: str) -> Address:
    said = document.get(name)
    if not isinstance(said, str):
        raise ValueError(f"answers without {name}")  # noqa: TRY004 — what is wrong with the answer, not its type
    return ipaddress.ip_address(said.partition("/")[0])


def _network(first: Address, last: Address) -> str:
    if first.version != last.version or int(first) > int(last):
        raise ValueError("answers a network that ends before it begins")
    length = int(first) ^ int(last)
    prefix = first.max_prefixlen - length.bit_length()
    network = ipaddress.ip_network((first, prefix), strict=False)
    return str(network) if (network[0], network[-1]) == (first, last) else f"{first}-{last}"


def _country(said: object) -> str:
    is_code = isinstance(said, str) and len(said) == 2 and said.isascii() and said.isalpha()  # noqa: PLR2004
    return str(said).upper() if is_code else ""


def _organisation(document: Mapping[str, Any]) -> str:
    """Return the name of who the network is registered for; its own name where no entity has one."""
    named = dict(_entities(document, 0))
    found = next((named[role] for role in _ROLES if role in named), "")
    own = document.get("name")
    return found or (own.strip()[:TEXT_LENGTH] if isinstance(own, str) else "")


def _entities(holder: Mapping[str, Any], depth: int) -> Iterator[tuple[str, str]]:
    """Yield role and name of the entities of an answer, the innermost first, so that the outermost counts."""
    entities = holder.get("entities")
    for entity in (entities if isinstance(entities, list) else [])[:50]:
        if not isinstance(entity, dict):
            continue
        if depth < _DEEPEST:
            yield from _entities(entity, depth + 1)
        roles, name = entity.get("roles"), _full_name(entity.get("vcardArray"))
        if name and isinstance(roles, list):
            yield from ((role, name) for role in roles if isinstance(role, str))


def _full_name(card: object) -> str:
    """Return the formatted name of a card (jCard, RFC 7095)."""
    properties = card[1] if isinstance(card, list) and len(card) > 1 and isinstance(card[1], list) else []
    for one in properties[:50]:
        if isinstance(one, list) and len(one) > 3 and one[0] == "fn" and isinstance(one[3], str):  # noqa: PLR2004
            return one[3].strip()[:TEXT_LENGTH]
    return ""
