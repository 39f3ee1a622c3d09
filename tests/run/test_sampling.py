"""A sample is drawn by a seed, and by a few lines of any language again."""

import shutil
import subprocess
from pathlib import Path

import pytest

from auditor.errors import UsageError
from auditor.inventory.scope import scope_digest
from auditor.run.sampling import allotted, draw, draw_of_each

HOSTS = [f"host-{number:03}.example.org" for number in range(200)]
POPULATION = scope_digest(HOSTS)


def names(size: int, seed: str) -> list[str]:
    return [one.host for one in draw(HOSTS, POPULATION, size=size, seed=seed)]


def test_the_same_seed_draws_the_same_hosts_whatever_their_order() -> None:
    again = [one.host for one in draw(HOSTS[::-1], POPULATION, size=25, seed="Q1 2027")]
    assert names(25, "Q1 2027") == again
    assert len(set(again)) == 25
    assert set(names(25, "Q2 2027")) != set(again)


def test_a_larger_sample_holds_the_smaller_one() -> None:
    assert names(40, "x")[:10] == names(10, "x")


def test_the_digest_of_the_population_is_part_of_the_draw() -> None:
    other = [one.host for one in draw(HOSTS, scope_digest(HOSTS[1:]), size=25, seed="x")]
    assert set(other) != set(names(25, "x"))


def test_no_host_is_favoured() -> None:
    """Of 2,000 seeds each host is drawn by about one in eight: 250 each, and the odds of 150 or 350 are below 1e-9."""
    drawn = [host for seed in range(2000) for host in names(25, f"seed {seed}")]
    assert all(150 < drawn.count(host) < 350 for host in HOSTS)


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not installed")
def test_the_lines_of_the_docs_draw_the_same_hosts(tmp_path: Path) -> None:
    blocks = (Path(__file__).parents[2] / "docs" / "signoff.md").read_text().split("```sh\n")[1:]
    (script,) = [text for block in blocks if "sort | head" in (text := block.partition("```")[0])]
    (tmp_path / "population.txt").write_text("".join(f"{host}\n" for host in HOSTS))
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == names(25, "Q1 2027")


def test_each_stratum_has_its_share_and_one_at_the_least() -> None:
    strata = {"Berlin": HOSTS[:120], "Lyon": HOSTS[120:198], "Oslo": HOSTS[198:]}
    drawn = draw_of_each(strata, POPULATION, size=20, seed="x")
    counted = {name: sum(one.stratum == name for one in drawn) for name in strata}
    assert counted == {"Berlin": 12, "Lyon": 7, "Oslo": 1}
    assert all(one.host in strata[one.stratum or ""] for one in drawn)
    assert [one.rank for one in drawn if one.stratum == "Berlin"] == sorted(
        one.rank for one in drawn if one.stratum == "Berlin"
    )


def test_no_stratum_gives_more_than_it_has() -> None:
    assert allotted({"a": 1, "b": 1, "c": 10}, 12) == {"a": 1, "b": 1, "c": 10}
    assert allotted({"b": 5, "a": 5}, 3) == {"a": 2, "b": 1}


@pytest.mark.parametrize(
    ("size", "seed", "words"),
    [
        (0, "x", "the population has 200 hosts"),
        (201, "x", "the population has 200 hosts"),
        (5, " ", "--seed: a line"),
        (5, "a\nb", "--seed: a line"),
        (5, "x" * 201, "--seed: a line"),
    ],
)
def test_what_cannot_be_drawn_is_said(size: int, seed: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        draw(HOSTS, POPULATION, size=size, seed=seed)


def test_fewer_than_there_are_strata_is_refused() -> None:
    with pytest.raises(UsageError, match="there are 2 strata"):
        allotted({"a": 1, "b": 1}, 1)


def test_a_name_of_several_lines_is_refused() -> None:
    with pytest.raises(UsageError, match="several lines"):
        draw(["a\nb"], POPULATION, size=1, seed="x")
