"""What ``assess`` and ``verify`` share: by what sealed evidence is judged, and a run of it."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from auditor.catalogue.entry import catalogue_of, catalogue_text
from auditor.catalogue.load import load_catalogue
from auditor.catalogue.product import Catalogue
from auditor.cli.files import read_text
from auditor.controls.attack import attack_data, attack_of
from auditor.errors import UsageError
from auditor.model.host import Host
from auditor.model.record import Record, replace
from auditor.policy.locate import locate
from auditor.run.audit import Population, Sealed
from auditor.run.fleet_addresses import bundle_addresses
from auditor.run.merge import merged, merged_history
from auditor.run.open_bundle import Bundle
from auditor.run.outside import by_host, read_outside, sealed_outside, settled, strangers
from auditor.run.pipeline import Rules
from auditor.run.readers import Readers
from auditor.run.reassess import Judging, begin_again, reassess
from auditor.run.rules import RuleFile, RuleFiles, rules_of
from auditor.store.record import RunRecord
from auditor.store.store import Store


class Given(Record, kw_only=True):
    """What the operator gives anew; None leaves a judged run its own."""

    policy: Path | None = None
    """Policy file."""
    exceptions: Path | None = None
    """Exceptions file."""
    people: Path | None = None
    """People file."""
    as_of: datetime | None = None
    """Instant to judge at."""
    sightings: tuple[Path, ...] = ()
    """What records from outside show; none leaves a judged run its own."""


class Ruled(Record, kw_only=True):
    """By what evidence is judged."""

    rules: Rules
    """The rules, parsed."""
    sealed: Sealed
    """Their texts."""
    own: Bundle | None
    """The one judged run that its own rules are taken from; None where evidence is judged anew."""
    strangers: tuple[Host, ...] = ()
    """Devices that records from outside show, and that are no host of the evidence."""
    again: bool
    """Whether nothing is given anew, so that its verdicts must come out as they were."""
    notes: tuple[str, ...] = ()
    """What of the evidence could not be read for the hosts of sightings."""


def rules_for(bundles: Sequence[Bundle], given: Given) -> Ruled:
    """Return the rules: what is given, else what one bundle was judged by, else the working folder's."""
    own = bundles[0] if len(bundles) == 1 and bundles[0].is_judged else None
    catalogue = _catalogue(bundles)
    files = RuleFiles(
        policy=_file(given.policy, own, "policy"),
        exceptions=_file(given.exceptions, own, "exceptions"),
        people=_people(given.people, own),
    )
    latest = max(bundle.as_of for bundle in bundles)
    rules = rules_of(files, catalogue, given.as_of or latest)
    sightings, notes = _sightings(given, bundles, own, catalogue)
    records = None if sightings is None else sealed_outside(sightings, "the sightings")
    names = [name for bundle in bundles for name in bundle.facts]
    return Ruled(
        rules=rules if records is None else replace(rules, outside=by_host(records)),
        strangers=() if records is None else strangers(records, rules, names),
        sealed=Sealed(
            policy=files.policy.text,
            exceptions=files.exceptions.text,
            people=None if files.people is None else files.people.text,
            catalogue=catalogue_text(catalogue),
            attack=_attack(own),
            population=None if own is None else _population(own),
            sightings=sightings,
        ),
        own=own,
        again=own is not None and given == Given(),
        notes=notes,
    )


def _file(named: Path | None, own: Bundle | None, name: str) -> RuleFile:
    sealed = own.text(name) if named is None and own is not None else None
    if own is not None and sealed is not None:
        return RuleFile(text=sealed, file=own.folder / "inputs" / f"{name}.yml")
    file = locate(f"{name}.yml", named)
    return RuleFile(text=read_text(file), file=file)


def _people(named: Path | None, own: Bundle | None) -> RuleFile | None:
    """Return whose signatures count; a run that was begun without people is judged again without."""
    if named is None and own is not None and own.text("people") is None:
        return None
    return _file(named, own, "people")


def _catalogue(bundles: Sequence[Bundle]) -> Catalogue:
    """Return the catalogue that all bundles were judged by, else this version's own."""
    digests = {bundle.run["inputs"].get("catalogue") for bundle in bundles}
    text = bundles[0].text("catalogue") if len(digests) == 1 else None
    if text is None:
        return load_catalogue()
    try:
        return catalogue_of(text)
    except ValueError as error:
        raise UsageError(f"{bundles[0].folder}: its catalogue cannot be read by this version: {error}") from error


def _attack(own: Bundle | None) -> str:
    text = None if own is None else own.text("attack")
    if own is None or text is None:
        return attack_data().text
    try:
        attack_of(text)
    except ValueError as error:
        raise UsageError(f"{own.folder}: its ATT&CK data cannot be read by this version: {error}") from error
    return text


def _sightings(
    given: Given, bundles: Sequence[Bundle], own: Bundle | None, catalogue: Catalogue
) -> tuple[str | None, tuple[str, ...]]:
    """Return the sightings: those that are given, their hosts told by what the evidence says, else the bundle's own.

    Beside them, what of the evidence could not be read for it.
    """
    if not given.sightings:
        return None if own is None else own.text("sightings"), ()
    names = {name for bundle in bundles for name in bundle.facts}
    records = read_outside(given.sightings)
    addresses, notes = bundle_addresses(bundles, catalogue)
    return settled(records, addresses, names), notes


def _population(own: Bundle) -> Population | None:
    text, comparison = own.text("population"), own.text("population_comparison")
    return None if text is None or comparison is None else Population(text=text, comparison=comparison)


def judging_of(bundles: Sequence[Bundle], by: Ruled, known: str) -> Judging:
    """Choose what is judged; ``known`` is what the store knows of the hosts, where they are judged anew."""
    own = None if by.own is None else by.own.text("history")
    history = merged_history(known, bundles) if own is None else own
    return Judging(
        bundles=tuple(bundles),
        hosts=tuple(merged(bundles)),
        strangers=by.strangers,
        history=history,
        again=by.again,
    )


def judge(store: Store, judging: Judging, by: Ruled, operator: str) -> RunRecord:
    """Judge evidence in a run of the store; a run that does not come to its end is not kept."""
    with closing(Readers(min(2, os.cpu_count() or 1), by.rules, bundles=judging.bundles)) as readers:
        run = begin_again(store, judging, by.rules, by.sealed, operator)
        try:
            return reassess(store, run, judging, by.rules, readers)
        except BaseException:
            store.forget(run.id)
            raise


@contextmanager
def passing_store() -> Iterator[Store]:
    """Give a store that is gone afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="auditor-assess-") as place,
        closing(Store(str(Path(place) / "store.sqlite"))) as store,
    ):
        yield store
