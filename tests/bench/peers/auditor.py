"""The auditor: its transport with the same three questions, `auditor collect`, and a whole `auditor audit`."""

import sys
from collections.abc import Mapping
from pathlib import Path

from auditor import __version__
from auditor.collect.envelope import open_envelope
from auditor.model.evidence import Evidence
from auditor.run.open_bundle import Bundle
from tests.bench.peers.peer import AT_ONCE, Order, Peer, Seen, rules_in
from tests.bench.spent import Command

ROOT = Path(__file__).resolve().parents[3]
FORMATS = "html,csv,json"
_CLIENT = "tests.bench.peers.clients.run_auditor"
_UNPACKED = 64 * 1024 * 1024


def run_python(order: Order, *words: str) -> Command:
    """Run a module of ours with the Python that the bench itself runs with."""
    settings = {"PYTHONPATH": str(ROOT), "HOME": str(order.folder)}
    return Command(words=[sys.executable, "-m", *words], environment=settings, folder=order.folder)


def asking(order: Order, *, keep: bool) -> Command:
    """Put the three questions, and keep what comes; or the whole probe, and drop it."""
    place = str(order.answers) if keep else "-"
    return run_python(order, _CLIENT, str(order.csv()), str(AT_ONCE), place)


def collect(order: Order) -> Command:
    """Run `auditor collect`."""
    words = ["-i", str(order.csv()), "-o", str(order.folder / "evidence"), "--workers", str(AT_ONCE), "-q"]
    return run_python(order, "auditor.cli.main", "collect", *words)


def audit(order: Order) -> Command:
    """Run `auditor audit` with reports as people read them."""
    words = ["-i", str(order.csv()), "--store", str(order.folder / "store.sqlite"), "--format", FORMATS]
    words += ["-o", str(order.folder / "reports"), "--workers", str(AT_ONCE), "-q"]
    return run_python(order, "auditor.cli.main", "audit", *words)


def _seen(order: Order) -> dict[str, Seen]:
    return {file.name: _answer(file.read_bytes()) for file in order.answers.iterdir()}


def _answer(data: bytes) -> Seen:
    token, _, stdout = data.partition(b"\n")
    envelope = open_envelope(stdout=stdout, stderr=b"", token=token.decode(), limit=_UNPACKED)
    return _counted({answer.id: answer.text for answer in envelope.answers})


def _seen_in_bundle(order: Order) -> dict[str, Seen]:
    """Count in the sealed evidence that an audit wrote."""
    bundle = Bundle(next((order.folder / "reports").glob("*/results.json")).parent)
    found = {answer.facts.name: bundle.evidence(answer) for answer in bundle.answers()}
    return {name: _sealed(evidence) for name, evidence in found.items() if evidence is not None}


def _sealed(evidence: Evidence) -> Seen:
    return _counted({section.id: section.text for section in evidence.sections})


def _counted(texts: Mapping[str, str]) -> Seen:
    return Seen(
        packages=sum(line.startswith("installed\t") for line in texts["software.dpkg"].splitlines()),
        listeners=texts["sockets.ss"].count("users:("),
        rules=rules_in(texts["firewall.nft"]),
    )


PEERS = (
    Peer(
        id="auditor",
        title=f"the auditor's transport and fan-out, {AT_ONCE} at once",
        command=lambda order: asking(order, keep=True),
        seen=_seen,
        version=lambda: __version__,
        is_ours=True,
    ),
    Peer(
        id="audit",
        title="`auditor audit`: all sections, verdicts, HTML, CSV and JSON",
        command=audit,
        seen=_seen_in_bundle,
        version=lambda: __version__,
        is_ours=True,
    ),
)
