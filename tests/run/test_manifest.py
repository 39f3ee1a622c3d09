"""A manifest names every file as it is, however large, and is made of what has reached the disk."""

import hashlib
import os
from pathlib import Path

import pytest

from auditor.errors import OutputError
from auditor.run import manifest
from auditor.run.manifest import list_files, settled
from tests.run.evidence_sets import Seen, make_set


def test_large_files_are_named_among_small_ones_in_the_order_of_their_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "_LARGE", 100)
    for number in range(12):
        folder = tmp_path / str(number % 3)
        folder.mkdir(exist_ok=True)
        (folder / str(number)).write_bytes(os.urandom(number * 25))
    (tmp_path / "0" / "link").symlink_to("0")
    (tmp_path / "1" / "large-link").symlink_to("10")
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if not path.is_dir())
    listed = list(list_files(tmp_path))
    assert [entry["path"] for entry in listed] == files
    for entry in listed:
        data = (tmp_path / entry["path"]).read_bytes()
        if "link" in entry["path"]:
            assert entry["sha256"] == "is not a plain file"
        else:
            assert (entry["size"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())


def test_what_has_not_reached_the_disk_is_not_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_set(tmp_path / "set", [Seen(name="web")])

    def lost(folder: Path) -> None:
        raise OutputError(f"{folder}: has not reached the disk: Input/output error")

    monkeypatch.setattr(manifest, "settle", lost)
    with pytest.raises(OutputError, match="has not reached the disk"):
        settled(made, None)
