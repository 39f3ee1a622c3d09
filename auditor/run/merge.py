"""Several sets of evidence as one: each machine once, by the set that saw it last, and what the others had to say."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import repeat
from typing import Any

from auditor.collect.seal import canonical
from auditor.errors import Reason, UsageError
from auditor.model.ledger import PassedOver, PassedOverWhy
from auditor.model.record import Record
from auditor.report.visible import visible
from auditor.run.history import merged_pasts
from auditor.run.open_bundle import Bundle, HostPlace
from auditor.run.sealed_rows import instant
from auditor.run.strict_json import strict_json


class Chosen(Record, kw_only=True):
    """One host of the merged scope."""

    name: str
    """What it is called in the set that has the word on it."""
    bundle: Bundle
    """That set."""
    place: int
    """Where in it the host's line begins."""
    at: datetime
    """When its evidence was collected; where there is none, when the host was asked."""
    is_silent: bool
    """Whether no set has evidence of it."""
    passed_over: tuple[PassedOver, ...] = ()
    """What the other sets had to say, the newest first."""
    conflicts: tuple[str, ...] = ()
    """What the sets disagree on, where it is who the host is."""


class _Word(Record, kw_only=True):
    """What one set has to say of one host, reduced to what the choice depends on."""

    bundle: Bundle
    name: str
    key: str
    place: int
    at: datetime
    sha256: str | None
    host_key: str | None
    reason: Reason | None
    detail: str | None

    @property
    def rank(self) -> tuple[bool, datetime, str, str]:
        """Evidence before none, the newer before the older; seal and name where both are of one instant."""
        return (self.sha256 is not None, self.at, self.sha256 or "", self.bundle.id)


def in_order(bundles: Iterable[Bundle]) -> tuple[Bundle, ...]:
    """Return sets of evidence from the oldest to the newest, in whatever order they were named.

    Raises UsageError for a set that is named twice, and for two that go by one name.
    """
    ordered = tuple(sorted(bundles, key=lambda one: (one.as_of, one.id, one.manifest["seal"])))
    known: dict[str, Bundle] = {}
    for bundle in ordered:
        other = known.setdefault(bundle.id, bundle)
        if other is not bundle:
            same = other.manifest["seal"] == bundle.manifest["seal"]
            raise UsageError(
                f"{visible(str(other.folder))} and {visible(str(bundle.folder))} are "
                + (
                    "the same set of evidence: name it once"
                    if same
                    else f"both called {visible(bundle.id)}, and differ"
                )
            )
    return ordered


def merged(bundles: Sequence[Bundle]) -> list[Chosen]:
    """Choose one word on each machine, sorted by name: evidence before none, and the newer before the older.

    A machine is known by its identity (``auditor_host_id``, else its name). Raises UsageError where sets do not
    agree on which machine is which: one name for two identities, or one identity for two machines.
    """
    if len(bundles) == 1:
        # Of one set nothing is passed over, and it was held to one word on each machine when it was opened.
        return sorted(map(_only, repeat(bundles[0]), bundles[0].places), key=lambda one: one.name)
    by_key: dict[str, list[_Word]] = defaultdict(list)
    owner: dict[str, _Word] = {}
    for bundle in bundles:
        for word in _words(bundle):
            other = owner.setdefault(word.name, word)
            if other.key != word.key:
                raise UsageError(
                    f"{_named(other)} is {visible(other.key)!r}, and {_named(word)} is {visible(word.key)!r}: one name "
                    "for two hosts cannot be merged; give the host one auditor_host_id, or judge the sets apart"
                )
            by_key[word.key].append(word)
    del owner
    chosen = [_choose(words) for words in by_key.values()]
    return sorted(chosen, key=lambda one: one.name)


def _only(bundle: Bundle, told: HostPlace) -> Chosen:
    return Chosen(
        name=told.facts.name,
        bundle=bundle,
        place=told.place,
        at=told.at or bundle.as_of,
        is_silent=told.at is None,
    )


def _words(bundle: Bundle) -> Iterator[_Word]:
    for answer in bundle.answers():
        head = answer.head
        yield _Word(
            bundle=bundle,
            name=answer.facts.name,
            key=answer.facts.key,
            place=answer.place,
            at=bundle.as_of if head is None else instant(head["collected_at"]),
            sha256=answer.sha256,
            host_key=None if head is None else head["host_key"],
            reason=answer.reason,
            detail=answer.detail,
        )


def _named(word: _Word) -> str:
    return f"{visible(word.name)} of {visible(word.bundle.id)}"


def _choose(words: list[_Word]) -> Chosen:
    best = max(words, key=lambda one: one.rank)
    others = sorted((one for one in words if one is not best), key=lambda one: one.rank, reverse=True)
    others.sort(key=lambda one: one.at, reverse=True)
    return Chosen(
        name=best.name,
        bundle=best.bundle,
        place=best.place,
        at=best.at,
        is_silent=best.sha256 is None,
        passed_over=tuple(_passed_over(one, best) for one in others),
        conflicts=tuple(_conflicts(words)),
    )


def _passed_over(one: _Word, best: _Word) -> PassedOver:
    if one.sha256 is None:
        why = PassedOverWhy.NO_ANSWER
    elif one.sha256 == best.sha256:
        why = PassedOverWhy.SAME_EVIDENCE
    elif one.at == best.at:
        why = PassedOverWhy.SAME_INSTANT
    else:
        why = PassedOverWhy.OLDER
    return PassedOver(run=one.bundle.id, host=one.name, why=why, at=one.at, reason=one.reason, detail=one.detail)


def _conflicts(words: Sequence[_Word]) -> Iterator[str]:
    """Say what the words on one machine disagree on; UsageError where they are on two machines."""
    shown: dict[str, _Word] = {}
    for word in words:
        if word.host_key is not None:
            shown.setdefault(word.host_key, word)
    called = {word.name: word for word in words}
    keys = ", ".join(f"{visible(key)} ({_named(word)})" for key, word in shown.items())
    if len(called) > 1:
        names = " and ".join(map(_named, called.values()))
        if len(shown) > 1:
            raise UsageError(
                f"{names} are both {visible(words[0].key)!r}, and showed different SSH host keys: {keys}; two machines "
                "under one auditor_host_id cannot be merged: correct it, or judge the sets apart"
            )
        yield f"one host by its auditor_host_id {visible(words[0].key)!r}: {names}"
    elif len(shown) > 1:
        yield (
            f"showed different SSH host keys: {keys}; its findings keep their lives only if it is the same machine, "
            "such as one that was set up anew"
        )


def merged_history(known: str, bundles: Sequence[Bundle]) -> str:
    """Put together what earlier runs know of the hosts in scope: the store's, then the sets' from old to new.

    Of one finding the last one's word counts, but for when it was first seen.
    """
    told_by_sets = [text for text in (one.text("history") for one in bundles) if text is not None]
    if not any(map(_tells_of_hosts, told_by_sets)):
        # As it is: of a large fleet it is long, and sets that `auditor collect` made know of no run before them.
        return known
    hosts: dict[str, Any] = {}
    findings: dict[str, dict[str, Any]] = {}
    all_told = [strict_json(text.encode()) for text in (known, *told_by_sets)]
    for told in all_told:
        for key, (first, last) in told["hosts"].items():
            older = hosts.get(key, (first, None))
            hosts[key] = [
                min(first, older[0], key=instant),
                max(filter(None, (last, older[1])), key=instant, default=None),
            ]
        for row in told["findings"]:
            before = findings.get(row["fingerprint"], row)
            first = min(row["first_seen"], before["first_seen"], key=instant)
            findings[row["fingerprint"]] = row | {"first_seen": first}
    ordered = sorted(findings.values(), key=lambda row: (row["host"], row["fingerprint"]))
    together = {"hosts": hosts, "findings": ordered, "pasts": merged_pasts(all_told)}
    # The runs before this one are those of its own scope: what a set was made after is another scope's story.
    runs = all_told[0].get("runs")
    return canonical(together if runs is None else together | {"runs": runs}).decode()


def _tells_of_hosts(history: str) -> bool:
    told = strict_json(history.encode())
    return bool(told["hosts"] or told["findings"] or told.get("pasts"))


def source_of(bundles: Iterable[Bundle]) -> str:
    """Say where the hosts of several sets come from, each place once."""
    return " + ".join(dict.fromkeys(str(bundle.run["scope"]["source"]) for bundle in bundles))


def sources_of(bundles: Sequence[Bundle], hosts: Sequence[Chosen]) -> list[dict[str, Any]]:
    """Say which sets of evidence were judged, and of how many hosts each has the word."""
    return [
        {
            "run": bundle.id,
            "as_of": bundle.run["as_of"],
            "tool_version": bundle.run["tool_version"],
            "seal": bundle.manifest["seal"],
            "hosts": len(bundle.facts),
            "judged": sum(1 for one in hosts if one.bundle is bundle),
        }
        for bundle in bundles
    ]
