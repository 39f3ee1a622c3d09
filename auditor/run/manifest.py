"""The manifest of a bundle: every file with its size and SHA-256, the run's seal, and the run before it."""

import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from auditor.collect.seal import canonical
from auditor.errors import OutputError, UsageError
from auditor.report.visible import visible
from auditor.run.on_disk import settle, settle_names, write_settled
from auditor.run.strict_json import strict_json

FORMAT_VERSION = 2
_FIRST_VERSION = 1
"""What says of the run no more than its name, number and version, and seals neither its end nor the name before it."""
MANIFEST = "manifest.json"
SMALL_FILE = 64 * 1024 * 1024
"""Bytes that a file which is read as a whole may have: the manifest and every input."""
SIGNATURE, _SIGNOFF = "manifest.json.sig", "signoff"
"""What lies beside the manifest: its signature, and what is signed itself."""
_UNFINISHED = (".writing-", ".old-")
"""Beginnings of what a killed run left: never read, cleared away by the next."""
_NOT_PLAIN = "is not a plain file"
_BLOCK = 1 << 18
_LARGE, _AT_ONCE = 1 << 22, 2
"""Bytes from which on a file is read beside another, and how many are."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_DIGITS, _DIGEST_LENGTH = b"0123456789abcdef", 64
_PROBE = re.compile(rb'"probe_sha256": ?"([0-9a-f]{64})"')
STATED = ("sequence", "operator", "started", "as_of", "tool_version", "tool_sha256", "scope", "inputs")
"""What a manifest says of its run in the words of ``run.json``."""


def seal_of(folder: Path, manifest: Mapping[str, Any]) -> str:
    """Return the seal of a run: over what it was begun with, what it found, and the run before it."""
    return _seal(folder, manifest, lambda path: _file_digest(folder / path) if (folder / path).exists() else None)


def _seal(folder: Path, manifest: Mapping[str, Any], digest_of: Callable[[str], str | None]) -> str:
    run = strict_json((folder / "inputs" / "run.json").read_bytes())
    results = [digest_of(name) for name in ("hosts.jsonl", "results.json")]
    previous = manifest["previous"]
    sealed = {
        "previous": previous,
        "run": run,
        "hosts": digest_of("inputs/hosts.json"),
        "evidence": digest_of("evidence/hosts.jsonl"),
        "results": [sha256 for sha256 in results if sha256 is not None],
    }
    if manifest["format"] == _FIRST_VERSION:
        sealed["previous"] = None if previous is None else previous["seal"]
    else:
        sealed["finished"] = manifest["finished"]
    return hashlib.sha256(canonical(sealed)).hexdigest()


def write_manifest(folder: Path, previous: dict[str, Any] | None, *, finished: str | None = None) -> str:
    """Name every file of a bundle with its size and digest, and return the run's seal.

    ``previous`` names the run before this one, as ``{"run": id, "seal": sha256}``. Of a manifest that is there already
    the end of the run is kept, unless another is given.
    """
    return seal_manifest(folder, settled(folder, finished), previous)


def settled(folder: Path, finished: str | None) -> dict[str, Any]:
    """Return what ``described`` does, when all that it was read from has reached the disk.

    The disk takes its time while files are read from memory.
    """
    with ThreadPoolExecutor(1) as pool:
        on_disk = pool.submit(settle, folder)
        stated = described(folder, finished)
        on_disk.result()
    return stated


def described(folder: Path, finished: str | None) -> dict[str, Any]:
    """Return what a manifest says, but for the run before it and the seal: every file is read for it."""
    run = strict_json((folder / "inputs" / "run.json").read_bytes())
    return {
        "format": FORMAT_VERSION,
        "run": run["id"],
        **{name: run.get(name) for name in STATED},
        "finished": finished or _ended_before(folder),
        "probes": sorted(_probes(folder / "evidence" / "hosts.jsonl")),
        "files": list(list_files(folder)),
    }


def _ended_before(folder: Path) -> str | None:
    """Return when the run ended, as a manifest says that is there already."""
    file = folder / MANIFEST
    ended: str | None = strict_json(read_small(file)).get("finished") if file.is_file() else None
    return ended


def seal_manifest(folder: Path, stated: Mapping[str, Any], previous: Mapping[str, Any] | None) -> str:
    """Seal what was described, write it, and return the seal; no file is read again but one small one.

    Whoever calls has seen to it that all that it names has reached the disk; it does so before it has its name.
    """
    digests = {entry["path"]: entry["sha256"] for entry in stated["files"]}
    manifest = {**stated, "previous": previous}
    manifest["seal"] = seal = _seal(folder, manifest, digests.get)
    draft = folder / f".writing-{MANIFEST}"
    try:
        write_settled(draft, manifest_text(manifest).encode())
        draft.replace(folder / MANIFEST)
        settle_names(folder)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise OutputError(f"{folder / MANIFEST}: cannot be written: {error.strerror}") from error
    return seal


def manifest_text(manifest: Mapping[str, Any]) -> str:
    """Return the one way in which a manifest is written."""
    return json.dumps(manifest, indent=1, sort_keys=True) + "\n"


def _probes(hosts: Path) -> set[str]:
    """Return the digests of the probes that the evidence says it was asked for by."""
    # As we write it: within another text of the line its quotes would be escaped.
    with hosts.open("rb") as lines:
        return {found[1].decode() for line in lines if (found := _PROBE.search(line)) is not None}


def list_files(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield path, size and SHA-256 of every file of a bundle, sorted by path; what is signed apart is left out.

    Nothing is opened but plain files: of a link, a pipe or a device, ``sha256`` says that it is none. Of large files
    several are read at once.
    """
    states = {path: (folder / path).lstat() for path in sorted(_paths(folder))}
    large = [path for path, state in states.items() if stat.S_ISREG(state.st_mode) and state.st_size >= _LARGE]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        begun = {path: pool.submit(_file_digest, folder / path) for path in large}
        for path, state in states.items():
            if stat.S_ISREG(state.st_mode):
                sha256 = begun[path].result() if path in begun else _file_digest(folder / path)
                yield {"path": path, "size": state.st_size, "sha256": sha256}
            else:
                yield {"path": path, "size": 0, "sha256": _NOT_PLAIN}


def _paths(folder: Path) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        here = Path(place).relative_to(folder)
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        for name in (*files, *links):
            path = here / name
            if path.parts[0] not in (MANIFEST, SIGNATURE, _SIGNOFF) and not path.parts[0].startswith(_UNFINISHED):
                yield path.as_posix()


def _file_digest(path: Path) -> str:
    digest, block = hashlib.sha256(), memoryview(bytearray(_BLOCK))
    try:
        with path.open("rb", buffering=0) as stream:
            while size := stream.readinto(block):
                digest.update(block[:size])
    except OSError as error:
        raise UsageError(f"{visible(str(path))}: cannot be read: {error.strerror}") from error
    return digest.hexdigest()


def read_small(file: Path) -> bytes:
    """Return a file that is read as a whole; ValueError where it is too long for one, or not a plain file."""
    state = file.lstat()
    if not stat.S_ISREG(state.st_mode):
        raise ValueError(_NOT_PLAIN)
    if state.st_size > SMALL_FILE:
        raise ValueError(f"has {state.st_size} bytes, and none of its kind has more than {SMALL_FILE}")
    return file.read_bytes()


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return a bundle's manifest; UsageError when the folder has none that can be read."""
    file = folder / MANIFEST
    if not folder.is_dir():
        what = "is a file: unpack it first, a bundle is a folder" if folder.exists() else "there is no such folder"
        raise UsageError(f"{visible(str(folder))}: is no bundle: {what}")
    try:
        manifest: dict[str, Any] = strict_json(read_small(file))
        if manifest["format"] not in (_FIRST_VERSION, FORMAT_VERSION):
            raise UsageError(f"{file}: is of a format that this version does not know: {manifest['format']!r}")
        _check(manifest)
    except FileNotFoundError as error:
        raise UsageError(f"{folder}: is no bundle: it has no {MANIFEST}") from error
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UsageError(f"{file}: cannot be read as a manifest: {visible(str(error))}") from error
    return manifest


def statements(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Return which statements of a manifest are those of ``run.json``: the first format had two of them."""
    return ("sequence", "tool_version") if manifest["format"] == _FIRST_VERSION else STATED


def is_of_first_format(manifest: Mapping[str, Any]) -> bool:
    """Tell whether a manifest says neither when its run ended nor by which probes it asked."""
    return bool(manifest["format"] == _FIRST_VERSION)


def _check(manifest: Mapping[str, Any]) -> None:
    """Raise ValueError or TypeError for a manifest that names what no bundle of ours holds."""
    if not is_of_first_format(manifest):
        if not (manifest["finished"] is None or isinstance(manifest["finished"], str)):
            raise TypeError("it says no instant at which its run ended")
        if not isinstance(manifest["probes"], list) or not all(map(is_digest, manifest["probes"])):
            raise ValueError("its probes are none")
    if not (isinstance(manifest["run"], str) and isinstance(manifest["tool_version"], str)):
        raise TypeError("its run has no name")
    previous = manifest["previous"]
    seals = [manifest["seal"]] if previous is None else [manifest["seal"], previous["seal"]]
    if not (all(map(is_digest, seals)) and (previous is None or isinstance(previous["run"], str))):
        raise ValueError("its seals are none")
    paths = set()
    for entry in manifest["files"]:
        path = entry["path"]
        if not isinstance(path, str) or path.startswith("/") or {"", ".", ".."}.intersection(path.split("/")):
            raise ValueError(f"it names {path!r}, which is no path within a bundle")
        if path in paths:
            raise ValueError(f"it names {path!r} twice")
        paths.add(path)
        if not (type(entry["size"]) is int and isinstance(entry["sha256"], str)):
            raise ValueError(f"it says no size and SHA-256 of {path!r}")


def is_digest(value: object) -> bool:
    """Tell whether a value is a SHA-256 as we write it."""
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def are_digests(values: object) -> bool:
    """Tell whether a value is a list of SHA-256 as we write them; one look at all, for a host names some fifty."""
    if not isinstance(values, list) or not set(map(type, values)) <= {str}:
        return False
    if not set(map(len, values)) <= {_DIGEST_LENGTH}:
        return False
    text = "".join(values)
    return text.isascii() and not text.encode("ascii").translate(None, delete=_DIGITS)


def manifest_problems(folder: Path, manifest: Mapping[str, Any], *, only: tuple[str, ...] = ("",)) -> list[str]:
    """Say how the files of a bundle differ from its manifest; ``only`` narrows the look to paths that begin so."""
    stated = {entry["path"]: entry for entry in manifest["files"] if entry["path"].startswith(only)}
    found = {entry["path"]: entry for entry in list_files(folder) if entry["path"].startswith(only)}

    def shown(path: str) -> str:
        return visible(str(folder / path))

    problems = [f"{shown(path)}: is missing" for path in sorted(stated.keys() - found.keys())]
    problems += [
        f"{shown(name)}: is left of a writing that was cut off: `auditor report` clears it away"
        for name in sorted(entry.name for entry in folder.iterdir())
        if "" in only and name.startswith(_UNFINISHED)
    ]
    problems += [f"{shown(path)}: is not in the manifest" for path in sorted(found.keys() - stated.keys())]
    for path in sorted(stated.keys() & found.keys()):
        here, there = found[path], stated[path]
        if here["sha256"] == _NOT_PLAIN:
            problems.append(f"{shown(path)}: {_NOT_PLAIN}: nothing is read through it")
        elif (here["size"], here["sha256"]) != (there["size"], there["sha256"]):
            problems.append(
                f"{shown(path)}: is not what the manifest says (SHA-256 {here['sha256'][:12]}…, and should be "
                f"{visible(there['sha256'][:12])}…)"
            )
    return problems
