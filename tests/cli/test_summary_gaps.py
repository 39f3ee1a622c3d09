"""What an audit could not see is told once for one way to see it, however many sections say so."""

from argparse import Namespace
from collections import Counter

import pytest

from auditor.cli.summary import _gap_list

HOMES = "only root can look into the home folders of others"
SETTINGS = "Run the audit as root or with sudo: settings in the homes of others are closed."
EXTENSIONS = "Run the audit as root: browsers keep extensions in home folders."
NFTABLES = "Run the audit as root or with sudo, and install nftables: only nft can list what nf_tables holds."


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")


def printed(gaps: dict[tuple[str, str], int], capsys: pytest.CaptureFixture[str]) -> list[str]:
    _gap_list(Counter(gaps), Namespace(no_color=True, quiet=False), single=False)
    return capsys.readouterr().out.splitlines()


def test_the_same_thing_to_do_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    gaps = {(HOMES, f"{SETTINGS} {number}."): 34 for number in range(4)}
    gaps[("only root may list the filter", NFTABLES)] = 34
    gaps[("the server does not answer", "Look there by hand.")] = 2
    assert [line for line in printed(gaps, capsys) if line.startswith(("-", " "))] == [
        f"- {HOMES} (34 hosts)",
        "- only root may list the filter (34 hosts)",
        "  → Run the audit as root or with sudo; the report says what each needs beside it.",
        "- the server does not answer (2 hosts)",
        "  → Look there by hand.",
    ]


def test_a_few_ways_are_said_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    gaps = {
        (HOMES, SETTINGS): 1,
        ("a sandbox", "Run the audit as root or with sudo; what is left, a sandbox hides."): 1,
    }
    told = [line for line in printed(gaps, capsys) if line.startswith("  →")]
    assert sorted(told) == sorted(f"  → {advice}" for _, advice in gaps)


def test_one_way_is_said_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed({(HOMES, EXTENSIONS): 1}, capsys)[1:3] == [f"- {HOMES} (1 host)", f"  → {EXTENSIONS}"]
