"""The bench of the reports still measures what the store and the reports of today are."""

import sys

import pytest

from tests.bench.reporting import main


@pytest.mark.slow
def test_the_bench_writes_every_report_that_it_measures(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["reporting", "25"])
    main()
    heading, _, figures = capsys.readouterr().out.splitlines()
    assert heading == "html,csv,json"
    hosts, *_, files, _ = figures.split()
    assert (hosts, int(files) > int(hosts)) == ("25", True)
