"""A run's folder as its bundle: what the verdicts rest on lies in it, and a manifest names every file with its digest.

``inputs/`` holds what a run was begun with, ``evidence/`` what the hosts said, redacted and sealed, each section once
by its hash, ``manifest.json`` every file's size and SHA-256 and the run's place in the chain of runs (docs/bundle.md).
"""

import json
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from auditor.collect.seal import canonical
from auditor.model.record import asdict
from auditor.report.format import Format
from auditor.report.gist import head_of
from auditor.report.run_rows import RunRows
from auditor.store.record import RunRecord
from auditor.store.store import Store

INPUT_FILES: Mapping[str, str] = {
    "policy": "policy.yml",
    "exceptions": "exceptions.yml",
    "people": "people.yml",
    "catalogue": "catalogue.json",
    "attack": "attack.yml",
    "history": "history.json",
    "population": "population.txt",
    "sightings": "sightings.json",
    "population_comparison": "population.json",
}
"""Input of a run to its file in ``inputs/``."""
_TOLD = ("reason", "detail", "attempts", "retried_after", "origin", "passed_over", "conflicts")
"""What is kept of a host beside its evidence: what its verdicts do not say again."""
_AT_ONCE = 500


def evidence_format(store: Store, run: RunRecord) -> Format:
    """Return what writes the inputs and the evidence of a run, as a report format is written: whole or not at all."""
    return Format(id="bundle", title="what the verdicts rest on", write=partial(_write, store, run))


def _write(store: Store, run: RunRecord, _rows: RunRows, folder: Path) -> list[Path]:
    inputs, evidence = folder / "inputs", folder / "evidence"
    inputs.mkdir()
    evidence.mkdir()
    made = [_write_json(inputs / "run.json", run_head(run)), _write_list(inputs / "hosts.json", store.facts(run.id))]
    for name, sha256 in sorted(run.inputs.items()):
        file = inputs / INPUT_FILES[name]
        with file.open("wb") as stream:
            stream.writelines(store.text_pieces(sha256))
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
        "tool_sha256": run.options.get("tool_sha256"),
        "as_of": run.as_of,
        "scope": {"count": run.scope_count, "sha256": run.scope_sha256, "source": run.scope_source},
        "inputs": run.inputs,
        "sources": run.options.get("sources"),
    }


def _write_json(file: Path, value: object) -> Path:
    file.write_bytes(canonical(value) + b"\n")
    return file


def _write_list(file: Path, rows: Iterable[object]) -> Path:
    """Write what ``_write_json`` would of a list, one row in memory at a time."""
    with file.open("wb") as stream:
        separator = b"["
        for row in rows:
            stream.write(separator + canonical(row))
            separator = b","
        stream.write(b"[]\n" if separator == b"[" else b"]\n")
    return file


def _write_evidence(store: Store, run: RunRecord, folder: Path) -> list[Path]:
    """Copy what the store keeps: sections as they are packed, each once, in the order of their hashes."""
    wanted: set[bytes] = set()
    hosts, index, texts = folder / "hosts.jsonl", folder / "sections.jsonl", folder / "sections.pack"
    with hosts.open("wb") as lines:
        for answer in store.answers(run.id):
            row = head_of(answer.gist)
            wanted.update(map(bytes.fromhex, answer.sections))
            said = {name: row.get(name) for name in _TOLD}
            head = None if answer.head is None else json.loads(answer.head)
            kept = {"host": answer.host, "sha256": answer.sha256, "head": head, "sections": answer.sections}
            lines.write(canonical(kept | said) + b"\n")
    ordered = sorted(wanted)
    offset = 0
    with index.open("wb") as lines, texts.open("wb") as pack:
        for start in range(0, len(ordered), _AT_ONCE):
            for section in store.sections([one.hex() for one in ordered[start : start + _AT_ONCE]]):
                pack.write(section.packed)
                values = asdict(section)
                del values["packed"]
                lines.write(canonical(values | {"offset": offset, "length": len(section.packed)}) + b"\n")
                offset += len(section.packed)
    return [hosts, index, texts]
