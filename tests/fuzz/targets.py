"""Every reader of what somebody hostile may have chosen: by what it is called, with what it reads and may refuse.

The tests try each with a number of inputs made by chance; `make fuzz` searches longer, led by the code that is reached.
"""

from functools import cache

from auditor.collect.envelope import open_envelope
from auditor.errors import HostError, OperatorError, UsageError
from auditor.model.host import OsFamily
from tests.fuzz import answers, brought, envelope, words
from tests.fuzz.target import Target

_TOKEN = "ab" * 16
_IPTABLES = ("firewall.iptables_legacy", "firewall.ip6tables_legacy", "firewall.iptables_nft")


def _whole_answer(data: bytes) -> None:
    open_envelope(stdout=data, stderr=data[:2000], token=_TOKEN, limit=1 << 22)


@cache
def targets() -> dict[str, Target]:
    """Return every target by its name."""
    return {**_of_hosts(), **_of_logs(), **_of_ours()}


def _of_hosts() -> dict[str, Target]:
    """Return the readers of what hosts answer."""
    return {
        "envelope": Target(
            reads="a host's answer, from its bytes to the row of a report: sealed, redacted, parsed, judged",
            read=envelope.judge,
            refuses=(HostError,),
            seeds=envelope.seeds,
            words=envelope.DICTIONARY,
            tries=400,
            changed=envelope.mutants,
        ),
        "packing": Target(
            reads="how an answer is packed: plain, gzip, printable signs",
            read=_whole_answer,
            refuses=(HostError,),
            seeds=lambda: [*map(_ours, answers.packed_answers())],
            words=words.HEAD,
        ),
        "nft": _filter(
            "nft_json", ("firewall.nft", "firewall.nft_text"), "`nft -j list ruleset`, and its text", words.NFT
        ),
        "iptables": _filter("iptables_save", _IPTABLES, "iptables-save, ip6tables-save", words.SAVE),
        "ipset": _filter("iptables_save", ("firewall.ipset",), "`ipset save`, beside rules that use sets", words.SETS),
        "pf": _filter("pf", ("firewall.pf",), "`pfctl -s rules` and its tables", words.PF),
        "macos-filter": _filter(
            "macos_application", ("firewall.application",), "macOS's application firewall", words.ROWS
        ),
        "windows-filter": _filter(
            "windows", ("firewall.windows",), "Windows' firewall, as the registry holds its rules", words.WINDOWS_RULES
        ),
        "windows": _sections(OsFamily.WINDOWS, "every section of a Windows host, those of the registry among them"),
        "linux": _sections(OsFamily.LINUX, "every section of a Linux host"),
        "macos": _sections(OsFamily.MACOS, "every section of a Mac, property lists among them"),
        "ws-man": Target(
            reads="WS-Man: SOAP messages, faults, and what is none of it. CLIXML within stays text",
            read=answers.ws_man,
            refuses=(HostError,),
            seeds=answers.ws_man_seeds,
            words=words.SOAP,
        ),
        "certificate": Target(
            reads="SSH host certificates",
            read=answers.certificate,
            refuses=(ValueError,),
            seeds=answers.certificate_seeds,
            words=(b"ssh-rsa", b"ssh-ed25519"),
        ),
    }


def _of_logs() -> dict[str, Target]:
    """Return the readers of events and flows."""
    return {
        "evtx": Target(
            reads="EVTX",
            read=brought.events,
            refuses=(UsageError,),
            seeds=brought.event_files(".evtx"),
            words=(b"ElfChnk\0", b"**\0\0", b"\x0f\1\1\0"),
            tries=60,
            most=100_000,
        ),
        "events": Target(
            reads="events in JSON and CSV: Defender, Sysmon, Windows' logs, journald",
            read=brought.events,
            refuses=(UsageError,),
            seeds=brought.event_records,
            words=words.EVENTS,
        ),
        "auditd": Target(
            reads="auditd and ausearch",
            read=brought.events,
            refuses=(UsageError,),
            seeds=brought.auditd,
            words=words.AUDIT,
        ),
        "flows": Target(
            reads="NetFlow v5, v9 and IPFIX, as messages and in captures",
            read=brought.flows,
            refuses=(UsageError,),
            seeds=brought.flow_messages,
            words=words.MESSAGES,
        ),
        "flow-tables": Target(
            reads="flows in text: Zeek, nfdump's CSV, AWS, Azure, Google",
            read=brought.flows,
            refuses=(UsageError,),
            seeds=brought.flow_tables,
            words=words.TABLES,
        ),
    }


def _of_ours() -> dict[str, Target]:
    """Return the readers of what we sealed, what workers and others send, and what operators write."""
    return {
        "sightings": Target(
            reads="sealed sightings",
            read=brought.sightings,
            refuses=(UsageError,),
            seeds=brought.sighting_seeds,
            words=words.JSON,
        ),
        "bundle": Target(
            reads="every file of a set of evidence, under a manifest that holds",
            read=brought.bundle,
            refuses=(OperatorError,),
            seeds=brought.bundle_seeds,
            words=words.JSON,
            tries=100,
        ),
        "messages": Target(
            reads="results and evidence of workers, statements of a sign-off, SSH signatures, answers of registries",
            read=brought.messages,
            refuses=(ValueError, HostError),
            seeds=brought.message_seeds,
            words=words.JSON,
        ),
        "operator": Target(
            reads="operators' files: policy, exceptions, people, workers, suppressions, notifications, plans, "
            "products, inventories in CSV and YAML, lists to compare with",
            read=brought.operator_files,
            refuses=(OperatorError,),
            seeds=brought.operator_seeds,
            words=words.YAML,
        ),
    }


def _ours(answer: bytes) -> bytes:
    """Let a recorded answer be one to our own call."""
    opening, _, body = answer.partition(b"\n")
    words = opening.split(b" ")
    return b" ".join([*words[:2], _TOKEN.encode(), *words[3:]]) + b"\n" + body


def _filter(dialect: str, sections: tuple[str, ...], reads: str, known: tuple[bytes, ...]) -> Target:
    read = None

    def lazily(data: bytes) -> None:
        nonlocal read
        read = read or answers.dialect(dialect, sections)
        read(data)

    return Target(
        reads=f"{reads}: read, and asked who gets in",
        read=lazily,
        refuses=(ValueError,),
        seeds=answers.dialect_seeds(sections),
        words=known,
        tries=120,
    )


def _sections(system: OsFamily, reads: str) -> Target:
    return Target(
        reads=f"{reads}: redacted and parsed",
        read=answers.sections(system),
        refuses=(),
        seeds=answers.section_seeds(system),
        words=words.ROWS,
        tries=400,
    )
