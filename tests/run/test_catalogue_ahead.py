"""A catalogue that is compiled beside other work is the same, whatever becomes of the process."""

import os
import signal
from pathlib import Path

import pytest

from auditor.catalogue.cache import has_kept
from auditor.catalogue.load import load_catalogue
from auditor.run.catalogue_ahead import CatalogueAhead, catalogue_ahead


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "auditor"


def test_it_is_kept_when_the_process_has_ended(place: Path) -> None:
    with catalogue_ahead() as ahead:
        assert ahead._pid is not None
    assert has_kept(place)
    (kept,) = place.iterdir()
    written = kept.stat().st_mtime_ns
    assert ahead.load() == load_catalogue()
    assert kept.stat().st_mtime_ns == written


def test_where_one_is_kept_no_process_is_begun(place: Path) -> None:
    load_catalogue()
    assert has_kept(place)
    with catalogue_ahead() as ahead:
        assert ahead._pid is None
        assert ahead.load() == load_catalogue()


def test_a_process_that_is_killed_changes_nothing(place: Path) -> None:
    ahead = CatalogueAhead()
    assert ahead._pid is not None
    os.kill(ahead._pid, signal.SIGKILL)
    assert ahead.load() == load_catalogue()
    assert has_kept(place)


def test_nor_does_a_place_that_cannot_be_written(place: Path) -> None:
    place.write_text("a file, and no folder")
    with catalogue_ahead() as ahead:
        assert ahead.load() == load_catalogue()


def test_without_a_home_no_process_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    with catalogue_ahead() as ahead:
        assert ahead._pid is None
