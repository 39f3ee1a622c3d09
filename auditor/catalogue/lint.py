"""What a schema cannot say of a product entry: names that prove nothing, claims that contradict each other."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from auditor.catalogue.product import Depth, IndicatorKind, Strength, parse_port
from auditor.errors import Problem, did_you_mean
from auditor.located import Document
from auditor.model.succession import chain

# Names that many programs bear, the interpreters among them: a hit says nothing of one product.
GENERIC = frozenset(
    {
        "agent",
        "agent.exe",
        "app",
        "bash",
        "busybox",
        "client",
        "client.exe",
        "connect",
        "connect.exe",
        "console",
        "daemon",
        "dash",
        "dotnet",
        "electron",
        "helper",
        "helper.exe",
        "host",
        "java",
        "java.exe",
        "launcher",
        "main",
        "node",
        "perl",
        "powershell.exe",
        "python",
        "python3",
        "rdp",
        "rdp.exe",
        "remote",
        "remote.exe",
        "ruby",
        "server",
        "server.exe",
        "service",
        "service.exe",
        "session",
        "setup",
        "setup.exe",
        "sh",
        "svchost.exe",
        "systemd",
        "uninstall.exe",
        "update",
        "update.exe",
        "updater",
        "updater.exe",
        "viewer",
        "viewer.exe",
        "vnc",
        "vncserver",
        "vncserver.service",
        "vncviewer",
        "vncviewer.exe",
        "winvnc.exe",
        "xvnc",
    }
)
"""Names that can never be a strong indicator, in lower case."""

_LEAST_LITERAL = 4
_OWNER_LABELS = 2
_MOST_PORTS = 256
_STRONGEST = {
    IndicatorKind.PORT: Strength.WEAK,
    IndicatorKind.DOMAIN: Strength.SUPPORTING,
    IndicatorKind.TEAM_ID: Strength.SUPPORTING,
    IndicatorKind.SIGNER: Strength.SUPPORTING,
    IndicatorKind.COMPANY: Strength.SUPPORTING,
    IndicatorKind.PRODUCT_NAME: Strength.SUPPORTING,
    IndicatorKind.WIRE: Strength.SUPPORTING,
    IndicatorKind.ARGUMENTS: Strength.SUPPORTING,
}
_WHY_NOT = {
    IndicatorKind.PORT: "anything may listen on a port",
    IndicatorKind.DOMAIN: "a name that is looked up does not show who asked",
    IndicatorKind.TEAM_ID: "a maker signs more than one program",
    IndicatorKind.SIGNER: "a maker signs more than one program",
    IndicatorKind.COMPANY: "anybody can write it into a program",
    IndicatorKind.PRODUCT_NAME: "anybody can write it into a program",
    IndicatorKind.WIRE: "a protocol is spoken by more than one program",
    IndicatorKind.ARGUMENTS: "whoever starts a program chooses its arguments",
}


def entry_problems(document: Document) -> list[Problem]:
    """Check one entry that holds to the schema, by itself."""
    data = document.data
    problems = []
    if data["id"] != document.file.stem:
        problems.append(document.problem(("id",), f"id {data['id']!r} is not the file's name {document.file.stem!r}"))
    for index, item in enumerate(data["indicators"]):
        problems.extend(_indicator_problems(document, index, item))
    for key in ("listens", "connects"):
        for index, item in enumerate(data.get(key, ())):
            problems.extend(_port_problems(document, (key, index), item))
    for index, item in enumerate(data.get("unsafe", ())):
        problems.extend(_day_problems(document, ("unsafe", index), item))
    for family, recipes in data.get("uninstall", {}).items():
        for index, item in enumerate(recipes):
            problems.extend(_day_problems(document, ("uninstall", family, index), item))
    problems.extend(_bare_problems(document))
    problems.extend(_depth_problems(document))
    return problems


def _bare_problems(document: Document) -> Iterator[Problem]:
    """Refuse a product that nothing but ports and looked-up names speak for."""
    kinds = {item["kind"] for item in document.data["indicators"]}
    if kinds <= {IndicatorKind.PORT, IndicatorKind.DOMAIN, IndicatorKind.WIRE} and not document.data.get("fallback"):
        yield document.problem(
            ("indicators",),
            f"{', '.join(sorted(kinds))} alone cannot tell a product; name a program, package or service",
        )


def _depth_problems(document: Document) -> Iterator[Problem]:
    """Hold an entry of depth A to all its parts: each is there, or said to be absent and why."""
    data = document.data
    if data["depth"] != Depth.A:
        return
    absent = data.get("absent", {})
    families = {item["os"] for item in data["indicators"]}
    there = {
        "ports": bool(data.get("listens") or data.get("connects")),
        "domains": any(item["kind"] == IndicatorKind.DOMAIN for item in data["indicators"]),
        "tenants": bool(data.get("tenants")),
        "unsafe": bool(data.get("unsafe")),
        "uninstall": families <= set(data.get("uninstall", {})),
    }
    for part, is_there in there.items():
        if not is_there and part not in absent:
            missing = ", ".join(sorted(families - set(data.get("uninstall", {})))) if part == "uninstall" else ""
            where = f" for {missing}" if missing else ""
            yield document.problem(
                ("depth",), f"depth A and no {part}{where}; write it, or say under `absent` why there is none"
            )
        elif is_there and part in absent:
            yield document.problem(("absent", part), f"{part} are said to be absent, and are there")


def _day_problems(document: Document, place: tuple[str | int, ...], item: Mapping[str, Any]) -> Iterator[Problem]:
    try:
        date.fromisoformat(item["verified"])
    except ValueError:
        yield document.problem((*place, "verified"), f"{item['verified']} is not a day")


def _port_problems(document: Document, place: tuple[str, int], item: Mapping[str, Any]) -> Iterator[Problem]:
    try:
        _, first, last = parse_port(str(item["port"]))
    except ValueError as error:
        yield document.problem((*place, "port"), str(error))
    else:
        if place[0] == "connects" and last - first >= _MOST_PORTS and not item.get("shared"):
            message = f"{last - first + 1} ports are more than a filter can be asked about; say `shared: true`"
            yield document.problem((*place, "port"), message)
    try:
        date.fromisoformat(item.get("verified", date.min.isoformat()))
    except ValueError:
        yield document.problem((*place, "verified"), f"{item['verified']} is not a day")


def _indicator_problems(document: Document, index: int, item: Mapping[str, Any]) -> Iterator[Problem]:
    kind, strength = IndicatorKind(item["kind"]), Strength(item["strength"])
    try:
        date.fromisoformat(item["verified"])
    except ValueError:
        yield document.problem(("indicators", index, "verified"), f"{item['verified']} is not a day")
    strongest = _STRONGEST.get(kind, Strength.STRONG)
    if strength.rank < strongest.rank:
        yield document.problem(
            ("indicators", index, "strength"), f"a {kind} is never {strength}: {_WHY_NOT[kind]}; say {strongest}"
        )
    for position, value in enumerate(item["values"]):
        place = ("indicators", index, "values", position)
        if kind is IndicatorKind.PORT:
            try:
                parse_port(value)
            except ValueError as error:
                yield document.problem(place, str(error))
        elif kind is IndicatorKind.DOMAIN and not names_an_owner(value):
            yield document.problem(place, f"{value!r} is not the domain of one owner; write out at least two labels")
        elif not value.strip("*"):
            yield document.problem(place, f"{value!r} matches everything")
        elif strength is Strength.STRONG and value.casefold() in GENERIC:
            yield document.problem(place, f"{value!r} is a generic name and cannot be strong; say supporting or weak")
        elif strength is Strength.STRONG and len(value.replace("*", "")) < _LEAST_LITERAL:
            yield document.problem(place, f"{value!r} says too little to be strong; say supporting or weak")


def names_an_owner(domain: str) -> bool:
    """Tell whether the last two labels of a domain are written out, so that it is not half the internet."""
    labels = domain.split(".")[-2:]
    return len(labels) == len([label for label in labels if label and "*" not in label]) == _OWNER_LABELS


def catalogue_problems(documents: Sequence[Document], known: Sequence[str]) -> list[Problem]:
    """Check entries against each other; ``known`` are the ids there are, of files with other faults too."""
    return [
        *_repeated_ids(documents),
        *_twice_strong(documents),
        *_unknown_ids(documents, known),
        *_replacing_each_other(documents),
    ]


def _repeated_ids(documents: Iterable[Document]) -> Iterator[Problem]:
    first: dict[str, Document] = {}
    for document in documents:
        other = first.setdefault(document.data["id"], document)
        if other is not document:
            yield document.problem(("id",), f"id {document.data['id']!r} is taken by {other.file.name}")


def _twice_strong(documents: Iterable[Document]) -> Iterator[Problem]:
    """Find values that two products call strong: one of them must be wrong."""
    claimed: dict[tuple[str, str, str], str] = {}
    for document in documents:
        for index, item in enumerate(document.data["indicators"]):
            if item["strength"] != Strength.STRONG:
                continue
            for position, value in enumerate(item["values"]):
                key = (item["os"], item["kind"], value.casefold())
                owner = claimed.setdefault(key, document.data["id"])
                if owner != document.data["id"]:
                    place = ("indicators", index, "values", position)
                    message = (
                        f"{item['kind']} {value!r} is strong for {owner!r} already; at most one product may say so"
                    )
                    yield document.problem(place, message)


def _unknown_ids(documents: Iterable[Document], known: Sequence[str]) -> Iterator[Problem]:
    for document in documents:
        for key in ("replaced_by", "brand_of"):
            other = document.data.get(key)
            if other is not None and other not in known:
                yield document.problem((key,), f"unknown product {other!r}{did_you_mean(other, known)}")


def _replacing_each_other(documents: Sequence[Document]) -> Iterator[Problem]:
    """Find retired products of which none carries on: their findings and exceptions would go nowhere."""
    replaced_by = {
        document.data["id"]: document.data["replaced_by"]
        for document in documents
        if isinstance(document.data.get("replaced_by"), str)
    }
    for document in documents:
        passed = chain(replaced_by, document.data["id"])
        if len(passed) > 1 and passed[-1] == passed[0]:
            yield document.problem(("replaced_by",), f"no product carries on: {' → '.join(passed)}")
