"""Runs that are at hand, held to each other: what lacks is named, and what cannot be known is said."""

import hashlib
from collections.abc import Callable, Sequence

import pytest

from auditor.model.record import replace
from auditor.run.chain import Link, chain_of, missing_from


def seal(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def a_chain(count: int) -> list[Link]:
    links = []
    for number in range(1, count + 1):
        before = None if number == 1 else (f"r{number - 1}", seal(f"r{number - 1}"))
        links.append(
            Link(run=f"r{number}", sequence=number, seal=seal(f"r{number}"), previous=before, place=f"d{number}")
        )
    return links


def test_a_whole_chain_holds_in_any_order_and_given_twice() -> None:
    links = a_chain(5)
    chain = chain_of([*reversed(links), links[2]])
    assert (chain.problems, chain.notes, chain.count) == ((), (), 5)
    assert [link.run for link in chain.ends] == ["r5"]


@pytest.mark.parametrize("lost", [2, 3, 4])
def test_a_run_that_is_missing_in_the_middle_is_named(lost: int) -> None:
    (problem,) = chain_of([link for link in a_chain(5) if link.sequence != lost]).problems
    assert problem.startswith(
        f"run r{lost} (seal {seal(f'r{lost}')[:12]}…) is missing: run r{lost + 1} (number {lost + 1})"
    )


def test_of_several_that_are_missing_the_last_is_named() -> None:
    (problem,) = chain_of([link for link in a_chain(6) if link.sequence not in (3, 4)]).problems
    assert problem.startswith("run r4 ")


def test_what_lies_before_the_first_is_no_fault_and_is_said() -> None:
    chain = chain_of(a_chain(5)[2:])
    assert chain.problems == ()
    assert [note.partition(",")[0] for note in chain.notes] == ["run r3 (number 3) follows run r2"]


def test_the_tail_is_shown_by_an_anchor_alone() -> None:
    links = a_chain(5)
    assert chain_of(links[:3]).problems == ()
    (problem,) = chain_of(links[:3], [seal("r5")]).problems
    assert seal("r5") in problem
    assert chain_of(links[:3], [seal("r3"), seal("r1")]).problems == ()
    assert chain_of(links[2:], [seal("r2")]).problems == ()


def _changed(links: list[Link]) -> list[Link]:
    return [replace(link, seal=seal("changed")) if link.sequence == 3 else link for link in links]


def _forked(links: list[Link]) -> list[Link]:
    return [*links, replace(links[3], run="other", seal=seal("other"))]


def _two_seals(links: list[Link]) -> list[Link]:
    return [*links, replace(links[4], seal=seal("again"), previous=(links[4].run, links[4].seal))]


def _another_name(links: list[Link]) -> list[Link]:
    return [replace(link, previous=("elsewhere", seal("r3"))) if link.sequence == 4 else link for link in links]


def _changed_at_the_start(links: list[Link]) -> list[Link]:
    return [replace(link, seal=seal("changed")) if link.sequence == 3 else link for link in links[2:]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_changed, "and that run has the seal"),
        (_changed_at_the_start, "and that run has the seal"),
        (_forked, "both follow run r3: the chain was forked"),
        (_two_seals, "run r5 stands here with 2 seals: d5, d5"),
        (_another_name, "says that it follows elsewhere, whose seal is another's"),
    ],
)
def test_what_does_not_fit_is_named(change: Callable[[list[Link]], Sequence[Link]], words: str) -> None:
    problems = chain_of(change(a_chain(5))).problems
    assert [problem for problem in problems if words in problem] == list(problems)
    assert problems


def test_runs_that_ended_in_another_order_than_they_began_are_a_chain() -> None:
    one, two, three, four = a_chain(4)
    late = replace(two, previous=(three.run, three.seal))
    third, last = replace(three, previous=(one.run, one.seal)), replace(four, previous=(late.run, late.seal))
    chain = chain_of([one, late, third, last])
    assert (chain.problems, [link.run for link in chain.ends]) == ((), ["r4"])
    assert chain_of([late, third, last]).problems == ()
    assert [problem[:6] for problem in chain_of([one, third, last]).problems] == ["run r2"]


def test_a_run_that_names_none_before_it_is_said() -> None:
    links = a_chain(2)
    alone = replace(a_chain(4)[3], previous=None)
    chain = chain_of([*links, alone])
    assert chain.problems == ()
    assert chain.notes == ("run r4 (number 4) names no run before it, though its store had numbered others",)


def test_bundles_are_held_to_the_seals_that_a_store_keeps() -> None:
    kept = a_chain(4)
    here = [replace(kept[0], seal=seal("x")), *kept[1:3]]
    said = list(missing_from(here, kept))
    assert [line.partition(" keeps")[0] for line in said] == [
        f"d1: run r1 (number 1) has the seal {seal('x')[:12]}…, and d1",
        "run r4 (number 4) is missing here: d4",
    ]
