"""``auditor ingest envelope``: take what the probe printed on hosts, brought as files."""

import os
import secrets
import tempfile
from argparse import Namespace
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from auditor.catalogue.entry import catalogue_text
from auditor.catalogue.load import load_catalogue
from auditor.cli.audit import check_writable, operator_name
from auditor.cli.evidence import write_evidence
from auditor.cli.files import read_text
from auditor.cli.inventory import hosts_of, kept_vault
from auditor.cli.terminal import say
from auditor.errors import HostError, Reason, UsageError, did_you_mean
from auditor.inventory.scope import fix_scope
from auditor.model.evidence import Delivery
from auditor.model.host import ConnectionKind, Host, host_facts
from auditor.model.past import History
from auditor.model.probe import RawOutput
from auditor.policy.load import parse_policy
from auditor.policy.locate import bundled
from auditor.run.audit import Limits, Sealed, new_run
from auditor.run.pipeline import Answered, Rules
from auditor.run.reader import ReadJob
from auditor.run.readers import Readers
from auditor.store.store import Store

_MAGIC = b"auditor-probe 1 "
_NO_EVIDENCE = 3
_BESIDE = ".stderr"
_STDERR_LIMIT = 65_536


def envelope(options: Namespace) -> int:
    """Read the files, judge nothing, and write a folder of sealed evidence; return the exit code."""
    output: Path = options.output or Path("evidence")
    files = _named(options)
    hosts = _hosts(options, files)
    as_of = datetime.now(UTC).replace(microsecond=0)
    check_writable(output)
    name = f"{as_of:%Y-%m-%dT%H%M%SZ}-{secrets.token_hex(2)}"
    catalogue = load_catalogue()
    policy_file = bundled("policy.yml")
    text = read_text(policy_file)
    policy = parse_policy(text, policy_file, products=[product.id for product in catalogue.products])
    rules = Rules(policy=policy, exceptions=(), catalogue=catalogue, as_of=as_of)
    sealed = Sealed(policy=text, exceptions=read_text(bundled("exceptions.yml")), catalogue=catalogue_text(catalogue))
    scope = fix_scope(tuple(hosts.values()), [], None, "envelopes")
    refused = 0
    with (
        tempfile.TemporaryDirectory(prefix="auditor-ingest-") as place,
        closing(Readers(min(2, os.cpu_count() or 1), rules)) as readers,
        closing(Store(str(Path(place) / "store.sqlite"))) as store,
    ):
        run = new_run(store, scope, rules, sealed, operator=operator_name(), options={}, name=name)
        for host in scope.hosts:
            record = readers.recorded(_job(host, files[host.name], as_of))
            if record.head is None:
                refused += 1
                say(options, f"{files[host.name]}: no evidence of {host.name}: {record.reason}")
            store.record(run.id, record)
        write_evidence(store, run, output / name)
    print(output / name)
    say(
        options,
        f"evidence of {len(hosts) - refused} of {len(hosts)} hosts, dated by their own clocks; "
        f"`auditor assess {output / name}` judges it",
    )
    return _NO_EVIDENCE if refused else 0


def _named(options: Namespace) -> dict[str, Path]:
    """Return each file by the host it is of; UsageError for two of one host."""
    named = options.host[0] if options.host else None
    if len(options.host) > 1 or (named is not None and len(options.files) > 1):
        raise UsageError(f"--host {named}: names the host of one file, and {len(options.files)} are given")
    files: dict[str, Path] = {}
    for file in options.files:
        if file.name.endswith(_BESIDE):
            answer = file.with_name(file.name.removesuffix(_BESIDE))
            if answer not in options.files:
                raise UsageError(f"{file}: is what was said beside {answer}: name that one, this is found by itself")
            continue
        name = named or file.name.removesuffix(".gz").rsplit(".", 1)[0]
        if name in files:
            raise UsageError(f"{file}: {files[name]} is of host {name} too: give one of them")
        if not file.is_file():
            raise UsageError(f"{file}: there is no such file")
        files[name] = file
    return files


def _hosts(options: Namespace, files: Mapping[str, Path]) -> dict[str, Host]:
    if options.inventory is None:
        return {name: Host(name=name, address=name, connection=ConnectionKind.REPLAY) for name in files}
    known = {host.name: host for host in hosts_of(options.inventory, kept_vault(options))}
    strange = [name for name in files if name not in known]
    if strange:
        near = did_you_mean(strange[0], list(known))
        raise UsageError(f"{files[strange[0]]}: {options.inventory} has no host {strange[0]!r}{near}")
    return {name: known[name] for name in files}


def _job(host: Host, file: Path, now: datetime) -> ReadJob:
    """Give a file to a reader as if its bytes had just come, but dated by what it says itself."""
    limits = Limits()
    facts = host_facts(host)
    try:
        data = _read(file, limits.output_bytes)
        token = _token(data, file)
        beside = file.with_name(file.name + _BESIDE)
        said, more = _begin(beside) if beside.is_file() else (b"", 0)
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from error
    except HostError as error:
        return ReadJob(host=facts, history=History(), error=error)
    raw = RawOutput(
        stdout=data, stderr=said, stderr_dropped=more, exit_status=None, started=now, finished=now, token=token
    )
    answered = Answered(
        host=facts,
        raw=raw,
        token=token,
        probe_sha256=None,
        unpacked_limit=limits.unpacked_bytes,
        delivered=Delivery.ENVELOPE,
    )
    return ReadJob(host=facts, history=History(), answered=answered)


def _read(file: Path, limit: int) -> bytes:
    with file.open("rb") as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise HostError(Reason.OUTPUT_LIMIT, f"{file} is longer than {limit} bytes")
    return data


def _begin(file: Path) -> tuple[bytes, int]:
    """Return what is kept of standard error, as of a host that is asked, and how many bytes are not."""
    with file.open("rb") as stream:
        said = stream.read(_STDERR_LIMIT)
    return said, max(0, file.stat().st_size - len(said))


def _token(data: bytes, file: Path) -> str:
    start = data.find(_MAGIC)
    words = data[start : start + 200].split(b"\n", 1)[0].split(b" ") if start >= 0 else []
    if len(words) != len((_MAGIC, b"1", b"token", b"packing")):
        raise HostError(Reason.MALFORMED, f"{file} is not what the probe prints")
    return words[2].decode("ascii", "replace")
