"""Whether runs that are at hand are one unbroken chain: each follows the one that it says it follows.

A chain shows what lacks in its middle. It cannot show that its last runs were dropped, or the first ones of a part:
that takes a seal which was kept elsewhere (an anchor).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from auditor.model.record import Record
from auditor.report.visible import visible
from auditor.store.record import RunRecord

_SHORT = 12


class Link(Record, kw_only=True):
    """One sealed run, as a bundle or a store tells of it."""

    run: str
    """Id of the run."""
    sequence: int
    """Its number in its store."""
    seal: str
    """Its seal."""
    previous: tuple[str, str] | None
    """Id and seal of the run that it follows; None where it begins a chain."""
    place: str
    """Where it stands: the bundle's folder, or the store."""

    @property
    def words(self) -> str:
        """Name it to a person."""
        return f"run {visible(self.run)} (number {self.sequence})"


class Chain(Record, kw_only=True):
    """What runs that are at hand show of their chain."""

    problems: tuple[str, ...]
    """What does not hold."""
    notes: tuple[str, ...]
    """What should be known beside it."""
    ends: tuple[Link, ...]
    """The runs that none of them follows: of one whole chain, one."""
    count: int
    """How many runs there are."""


def link_of_manifest(manifest: Mapping[str, Any], folder: Path) -> Link:
    """Return a bundle's place in the chain."""
    previous = manifest["previous"]
    return Link(
        run=manifest["run"],
        sequence=manifest["sequence"],
        seal=manifest["seal"],
        previous=None if previous is None else (previous["run"], previous["seal"]),
        place=visible(str(folder)),
    )


def links_of_store(runs: Iterable[RunRecord]) -> list[Link]:
    """Return the sealed runs of a store."""
    summaries: Iterator[tuple[RunRecord, dict[str, Any]]] = ((run, run.summary) for run in runs)
    return [
        Link(
            run=run.id,
            sequence=run.sequence,
            seal=summary["seal"],
            previous=(before["run"], before["seal"]) if (before := summary.get("previous")) else None,
            # Its address may hold a password.
            place="the store",
        )
        for run, summary in summaries
        if "seal" in summary
    ]


def chain_of(links: Iterable[Link], anchors: Sequence[str] = ()) -> Chain:
    """Hold runs to each other, and to seals that were kept elsewhere; one that is given twice counts once."""
    known = {link.seal: link for link in sorted(links, key=lambda one: (one.sequence, one.run), reverse=True)}
    ordered = sorted(known.values(), key=lambda one: (one.sequence, one.run))
    followed = {link.previous[1] for link in ordered if link.previous is not None}
    return Chain(
        problems=(
            *_of_one_name(ordered),
            *_forks(ordered),
            *_breaks(ordered, known),
            *(
                f"seal {anchor}: none of these runs has it or follows it: runs were dropped or changed since"
                for anchor in anchors
                if anchor not in known and anchor not in followed
            ),
        ),
        notes=tuple(_beginnings(ordered, known)),
        ends=tuple(link for link in ordered if link.seal not in followed),
        count=len(ordered),
    )


def missing_from(links: Iterable[Link], kept: Iterable[Link]) -> Iterator[str]:
    """Yield how bundles differ from the seals that a store keeps."""
    here = {link.run: link for link in links}
    for link in sorted(kept, key=lambda one: one.sequence):
        found = here.get(link.run)
        if found is None:
            yield f"{link.words} is missing here: {link.place} keeps its seal {link.seal[:_SHORT]}…"
        elif found.seal != link.seal:
            yield (
                f"{found.place}: {link.words} has the seal {found.seal[:_SHORT]}…, and {link.place} keeps "
                f"{link.seal[:_SHORT]}…: it was changed since"
            )


def _of_one_name(ordered: Sequence[Link]) -> Iterator[str]:
    for name, count in Counter(link.run for link in ordered).items():
        if count > 1:
            places = ", ".join(link.place for link in ordered if link.run == name)
            yield f"run {visible(name)} stands here with {count} seals: {places}"


def _forks(ordered: Sequence[Link]) -> Iterator[str]:
    """Yield runs that several follow: our store lets one follow, so a store was copied, restored, or written over."""
    counted = Counter(link.previous for link in ordered if link.previous is not None)
    for previous, count in counted.items():
        if count > 1:
            names = " and ".join(link.words for link in ordered if link.previous == previous)
            yield f"{names} both follow run {visible(previous[0])}: the chain was forked"


def _first(ordered: Sequence[Link], known: Mapping[str, Link]) -> Link | None:
    """Return where a part of a chain begins: the first whose forerunner is not here, unless the whole began before."""
    for link in ordered:
        if link.previous is None:
            return None
        if link.previous[1] not in known:
            return link
    return None


def _breaks(ordered: Sequence[Link], known: Mapping[str, Link]) -> Iterator[str]:
    first = _first(ordered, known)
    for link in ordered:
        if link.previous is None or (link is first and all(one.run != link.previous[0] for one in ordered)):
            continue
        name, seal = link.previous
        before = known.get(seal)
        if before is not None:
            if before.run != name:
                yield f"{link.place}: {link.words} says that it follows {visible(name)}, whose seal is another's"
            continue
        changed = next((one for one in ordered if one.run == name), None)
        if changed is not None:
            yield (
                f"{link.place}: {link.words} follows run {visible(name)} with the seal {seal[:_SHORT]}…, and that run "
                f"has the seal {changed.seal[:_SHORT]}… here: it was changed since"
            )
        else:
            yield (
                f"run {visible(name)} (seal {seal[:_SHORT]}…) is missing: {link.words} follows it. Was it dropped, or "
                "are these runs of several stores? Those are verified each by itself"
            )


def _beginnings(ordered: Sequence[Link], known: Mapping[str, Link]) -> Iterator[str]:
    """Yield where the chain begins, if not with the first run of a store."""
    first = _first(ordered, known)
    for link in ordered:
        if link.previous is None and link.sequence > 1:
            yield f"{link.words} names no run before it, though its store had numbered others"
        elif link is first and link.previous is not None:
            yield (
                f"{link.words} follows run {visible(link.previous[0])}, which is not here: whether it and those "
                f"before it are whole, these runs do not show (its seal: {link.previous[1]})"
            )
