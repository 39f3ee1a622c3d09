"""A run's folder as its bundle: what the verdicts rest on lies in it, and a manifest names every file with its digest.

``inputs/`` holds what a run was begun with, ``evidence/`` what the hosts said, redacted and sealed, each section once
by its hash, ``manifest.json`` every file's size and SHA-256 and the run's place in the chain of runs (docs/bundle.md).
"""

import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from auditor.collect.seal import canonical
from auditor.errors import OutputError, UsageError
from auditor.inventory.scope import scope_digest
from auditor.model.evidence import Outcome
from auditor.model.host import ConnectionKind, HostFacts
from auditor.report.format import Format
from auditor.report.run_rows import RunRows
from auditor.store.record import RunRecord, SectionRecord
from auditor.store.store import Store

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
_SIGNATURE, _SIGNOFF = "manifest.json.sig", "signoff"
"""What lies beside the manifest and is signed itself."""
INPUT_FILES: Mapping[str, str] = {
    "policy": "policy.yml",
    "exceptions": "exceptions.yml",
    "catalogue": "catalogue.json",
    "attack": "attack.yml",
    "history": "history.json",
    "population": "population.txt",
    "population_comparison": "population.json",
}
"""Input of a run to its file in ``inputs/``."""
_AT_ONCE = 500
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a bundle holds of one host: sealed evidence, or why there is none."""

    facts: HostFacts
    """The host."""
    sha256: str | None
    """Seal of its evidence."""
    head: dict[str, Any] | None
    """The evidence's head, as it is hashed."""
    sections: tuple[str, ...]
    """Hashes of its sections, in the order of the probe."""
    reason: str | None
    """Why there is no evidence (ledger)."""
    detail: str | None
    """The reason in one sentence."""
    attempts: int
    """How often the host was tried."""
    retried_after: str | None
    """What ended the try before the last."""


def evidence_format(store: Store, run: RunRecord) -> Format:
    """Return what writes the inputs and the evidence of a run, as a report format is written: whole or not at all."""
    return Format(id="bundle", title="what the verdicts rest on", write=partial(_write, store, run))


def _write(store: Store, run: RunRecord, _rows: RunRows, folder: Path) -> list[Path]:
    inputs, evidence = folder / "inputs", folder / "evidence"
    inputs.mkdir()
    evidence.mkdir()
    made = [_write_json(inputs / "run.json", run_head(run)), _write_json(inputs / "hosts.json", store.scope(run.id))]
    for name, sha256 in sorted(run.inputs.items()):
        file = inputs / INPUT_FILES[name]
        file.write_text(store.text(sha256), encoding="utf-8", newline="")
        made.append(file)
    return made + _write_evidence(store, run, evidence)


def run_head(run: RunRecord) -> dict[str, Any]:
    """Write what a run was begun with."""
    return {
        "id": run.id,
        "sequence": run.sequence,
        "started": run.started,
        "operator": run.operator,
        "tool_version": run.tool_version,
        "as_of": run.as_of,
        "scope": {"count": run.scope_count, "sha256": run.scope_sha256, "source": run.scope_source},
        "inputs": run.inputs,
        "sources": run.options.get("sources"),
    }


def _write_json(file: Path, value: object) -> Path:
    file.write_bytes(canonical(value) + b"\n")
    return file


def _write_evidence(store: Store, run: RunRecord, folder: Path) -> list[Path]:
    """Copy what the store keeps: sections as they are packed, each once, in the order of their hashes."""
    wanted: set[str] = set()
    hosts, index, texts = folder / "hosts.jsonl", folder / "sections.jsonl", folder / "sections.pack"
    with hosts.open("wb") as lines:
        for answer in store.answers(run.id):
            row = json.loads(answer.row)
            wanted.update(answer.sections)
            said = {name: row.get(name) for name in ("reason", "detail", "attempts", "retried_after")}
            head = None if answer.head is None else json.loads(answer.head)
            kept = {"host": answer.host, "sha256": answer.sha256, "head": head, "sections": answer.sections}
            lines.write(canonical(kept | said) + b"\n")
    ordered = sorted(wanted)
    offset = 0
    with index.open("wb") as lines, texts.open("wb") as pack:
        for start in range(0, len(ordered), _AT_ONCE):
            for section in store.sections(ordered[start : start + _AT_ONCE]):
                pack.write(section.packed)
                values = asdict(section)
                del values["packed"]
                lines.write(canonical(values | {"offset": offset, "length": len(section.packed)}) + b"\n")
                offset += len(section.packed)
    return [hosts, index, texts]


# ---- the manifest


def seal_of(folder: Path, previous: str | None) -> str:
    """Return the seal of a run: over what it was begun with, what it found, and the seal of the run before it."""
    run = json.loads((folder / "inputs" / "run.json").read_bytes())
    results = [folder / name for name in ("hosts.jsonl", "results.json")]
    evidence = folder / "evidence" / "hosts.jsonl"
    return hashlib.sha256(
        canonical(
            {
                "previous": previous,
                "run": run,
                "hosts": _file_digest(folder / "inputs" / "hosts.json"),
                "evidence": _file_digest(evidence),
                "results": [_file_digest(file) for file in results if file.exists()],
            }
        )
    ).hexdigest()


def write_manifest(folder: Path, previous: dict[str, Any] | None) -> str:
    """Name every file of a bundle with its size and digest, and return the run's seal.

    ``previous`` names the run before this one, as ``{"run": id, "seal": sha256}``.
    """
    run = json.loads((folder / "inputs" / "run.json").read_bytes())
    seal = seal_of(folder, None if previous is None else previous["seal"])
    manifest = {
        "format": FORMAT_VERSION,
        "run": run["id"],
        "sequence": run["sequence"],
        "tool_version": run["tool_version"],
        "previous": previous,
        "seal": seal,
        "files": list(list_files(folder)),
    }
    draft = folder / f".writing-{MANIFEST}"
    try:
        draft.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        draft.replace(folder / MANIFEST)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise OutputError(f"{folder / MANIFEST}: cannot be written: {error.strerror}") from error
    return seal


def list_files(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield path, size and SHA-256 of every file of a bundle, sorted by path; what is signed apart is left out."""
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
        place = path.relative_to(folder)
        if place.parts[0] in (MANIFEST, _SIGNATURE, _SIGNOFF) or place.parts[0].startswith("."):
            continue
        if path.is_symlink() or not path.is_dir():
            yield {"path": place.as_posix(), "size": path.lstat().st_size, "sha256": _file_digest(path)}


def _file_digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return a bundle's manifest; UsageError when the folder has none that can be read."""
    file = folder / MANIFEST
    try:
        manifest = json.loads(file.read_bytes())
        files = {entry["path"]: (entry["size"], entry["sha256"]) for entry in manifest["files"]}
        known = manifest["format"] == FORMAT_VERSION
    except FileNotFoundError as error:
        raise UsageError(f"{folder}: is no bundle: it has no {MANIFEST}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{file}: cannot be read as a manifest: {error}") from error
    if not known or len(files) != len(manifest["files"]):
        raise UsageError(f"{file}: is of a format that this version does not know, or names a file twice")
    return dict(manifest)


def manifest_problems(folder: Path, manifest: Mapping[str, Any], *, only: tuple[str, ...] = ("",)) -> list[str]:
    """Say how the files of a bundle differ from its manifest; ``only`` narrows the look to paths that begin so."""
    stated = {entry["path"]: entry for entry in manifest["files"] if entry["path"].startswith(only)}
    found = {entry["path"]: entry for entry in list_files(folder) if entry["path"].startswith(only)}
    problems = [f"{folder / path}: is missing" for path in sorted(stated.keys() - found.keys())]
    problems += [f"{folder / path}: is not in the manifest" for path in sorted(found.keys() - stated.keys())]
    problems += [
        f"{folder / path}: is not what the manifest says (SHA-256 {found[path]['sha256'][:12]}…, and should be "
        f"{str(stated[path]['sha256'])[:12]}…)"
        for path in sorted(stated.keys() & found.keys())
        if (found[path]["size"], found[path]["sha256"]) != (stated[path]["size"], stated[path]["sha256"])
    ]
    return problems


# ---- reading one


class Bundle:
    """A bundle that has been checked against its manifest; hosts and sections are read when asked for."""

    def __init__(self, folder: Path) -> None:
        """Open a bundle; UsageError with every file that is not what the manifest says."""
        self.folder = folder
        self.manifest = read_manifest(folder)
        problems = manifest_problems(folder, self.manifest, only=("inputs/", "evidence/"))
        if problems:
            raise UsageError("; ".join(problems) + ": nothing is judged from a damaged bundle")
        try:
            self.run: dict[str, Any] = json.loads((folder / "inputs" / "run.json").read_bytes())
            facts = json.loads((folder / "inputs" / "hosts.json").read_bytes())
            self.facts = {row["name"]: facts_of(row) for row in facts}
            self._index = dict(_index(folder / "evidence" / "sections.jsonl"))
            scope = self.run["scope"]
            with (folder / "evidence" / "hosts.jsonl").open("rb") as lines:
                told = [json.loads(line)["host"] for line in lines]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{folder}: cannot be read as a bundle: {error!r}") from error
        names = sorted(self.facts)
        if sorted(told) != names or len(facts) != len(names) or scope_digest(names) != scope["sha256"]:
            raise UsageError(
                f"{folder}: its scope holds {scope['count']} hosts, and it tells of {len(set(told))}: hosts are "
                "missing or were put in"
            )

    def text(self, name: str) -> str | None:
        """Return an input; None when the run had none."""
        sha256 = self.run["inputs"].get(name)
        if sha256 is None:
            return None
        text = (self.folder / "inputs" / INPUT_FILES[name]).read_bytes().decode()
        if hashlib.sha256(text.encode()).hexdigest() != sha256:
            raise UsageError(f"{self.folder / 'inputs' / INPUT_FILES[name]}: is not the input that the run names")
        return text

    def answers(self) -> Iterator[Answer]:
        """Yield what it holds of each host, in the ledger's order."""
        with (self.folder / "evidence" / "hosts.jsonl").open("rb") as lines:
            for line in lines:
                row = json.loads(line)
                yield Answer(
                    facts=self.facts[row["host"]],
                    sha256=row["sha256"],
                    head=row["head"],
                    sections=tuple(row["sections"]),
                    reason=row["reason"],
                    detail=row["detail"],
                    attempts=row["attempts"] or 1,
                    retried_after=row["retried_after"],
                )

    def sections(self, hashes: tuple[str, ...]) -> tuple[SectionRecord, ...]:
        """Return sections as the store keeps them; UsageError for one that is not there."""
        made = []
        with (self.folder / "evidence" / "sections.pack").open("rb") as pack:
            for sha256 in hashes:
                if sha256 not in self._index:
                    raise UsageError(f"{self.folder / 'evidence'}: section {sha256} is missing")
                values = dict(self._index[sha256])
                offset, length = values.pop("offset"), values.pop("length")
                pack.seek(offset)
                values["outcome"] = Outcome(values["outcome"])
                made.append(SectionRecord(**values, packed=pack.read(length)))
        return tuple(made)


def _index(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with file.open("rb") as lines:
        for line in lines:
            row = json.loads(line)
            yield row["sha256"], row


def facts_of(row: Mapping[str, Any]) -> HostFacts:
    """Read what is sealed of a host."""
    values = dict(row)
    values["groups"] = tuple(values["groups"])
    values["connection"] = ConnectionKind(values["connection"])
    return HostFacts(**values)


def unpacked(packed: bytes, limit: int) -> str:
    """Return a section's text; ValueError when it is damaged or unpacks beyond the limit."""
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, limit + 1)
    except zlib.error as error:
        raise ValueError(f"it is damaged: {error}") from error
    if len(text) > limit or not unpacker.eof:
        raise ValueError("it is cut off, or unpacks to more than an answer may have")
    return text.decode()
