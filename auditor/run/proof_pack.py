"""A proof pack: what a real host answered, scrubbed, for those who make readers; a folder that stands for itself."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from auditor import __version__
from auditor.errors import OutputError
from auditor.report.visible import visible
from auditor.run.scrubbing import Scrubbed

ANSWER, DESCRIPTION, SUMS = "answer.probe", "case.toml", "SHA256SUMS"
"""Files of a pack: the answer, what it is, and the digest of each of the others."""
_OWN = 0o700


def write_pack(made: Scrubbed, folder: Path, recorded: datetime) -> None:
    """Write a pack, whole or not at all; OutputError where it cannot be, or something is there already.

    Nothing that names the host is in it, nor in its name.
    """
    draft = folder.with_name(f".writing-{folder.name}")
    files = {ANSWER: made.stdout, DESCRIPTION: "\n".join(_description(made, recorded)).encode() + b"\n"}
    if made.stderr:
        files[f"{ANSWER}.stderr"] = made.stderr
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items()))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft.mkdir(mode=_OWN)
        for name, data in {**files, SUMS: sums.encode()}.items():
            (draft / name).write_bytes(data)
        if os.path.lexists(folder):
            raise OutputError(f"{folder}: is there already")
        draft.rename(folder)
    except OSError as error:
        raise OutputError(
            f"{folder}: the proof pack cannot be written: {error.strerror}; name another folder with -o"
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def differences(made: Scrubbed) -> list[str]:
    """Say where the scrubbed answer does not tell the same as the host did."""
    found = [
        f"{one.id} (the host: {one.differs}; here: {one.outcome}, {one.items} items, {one.unread} lines not understood)"
        for one in made.sections
        if one.differs
    ]
    if made.products_differ:
        shown = "; ".join(made.products) or "none"
        found.append(f"products (the host: {made.products_differ}; here: {shown})")
    return found


def _description(made: Scrubbed, recorded: datetime) -> Iterator[str]:
    """Describe a pack in TOML: what a case of a golden test says, and what is read from the answer."""
    yield "# A proof pack of auditor: what a real host answered, scrubbed. See docs/doctor.md."
    about = {
        "os": made.os,
        "version": made.version,
        "kernel": made.kernel,
        "tool": f"auditor {__version__}",
        "probe_sha256": made.probe_sha256,
        "date": recorded.date().isoformat(),
        "how": f"auditor doctor --record, rights: {made.rights}; scrubbed",
    }
    yield from (f"{name} = {_text(value)}" for name, value in about.items())
    yield "synthetic = false"
    yield f"products = [{', '.join(map(_text, made.products))}]"
    yield f"differs = [{', '.join(map(_text, differences(made)))}]"
    yield ""
    yield "[replaced]"
    yield from (f"{_text(name)} = {count}" for name, count in made.counts.items())
    for one in made.sections:
        yield ""
        yield f"[sections.{_text(one.id)}]"
        yield f"outcome = {_text(one.outcome)}"
        yield f"items = {one.items}"
        yield f"unread = {one.unread}"
        yield f"same = {'false' if one.differs else 'true'}"
        kinds = ", ".join(f"{_text(kind)} = {count}" for kind, count in one.kinds.items())
        yield f"facts = {{{kinds}}}"


def _text(value: str) -> str:
    """Write a string of TOML as JSON writes one: both agree on printable characters."""
    return json.dumps(visible(value), ensure_ascii=False)
