"""What ``assess`` and ``verify`` share: by what sealed evidence is judged, and a run of it."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from auditor.catalogue.entry import catalogue_of, catalogue_text
from auditor.catalogue.load import load_catalogue
from auditor.catalogue.product import Catalogue
from auditor.cli.files import read_text
from auditor.controls.attack import attack_data, attack_of
from auditor.controls.registry import controls
from auditor.errors import UsageError
from auditor.policy.load import parse_exceptions, parse_policy
from auditor.policy.locate import locate
from auditor.run.audit import Population, Sealed
from auditor.run.merge import merged, merged_history
from auditor.run.open_bundle import Bundle
from auditor.run.pipeline import Rules
from auditor.run.readers import Readers
from auditor.run.reassess import Judging, begin_again, reassess
from auditor.store.record import RunRecord
from auditor.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the operator gives anew; None leaves a judged run its own."""

    policy: Path | None = None
    """Policy file."""
    exceptions: Path | None = None
    """Exceptions file."""
    as_of: datetime | None = None
    """Instant to judge at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """By what evidence is judged."""

    rules: Rules
    """The rules, parsed."""
    sealed: Sealed
    """Their texts."""
    own: Bundle | None
    """The one judged run that its own rules are taken from; None where evidence is judged anew."""
    again: bool
    """Whether nothing is given anew, so that its verdicts must come out as they were."""


def rules_for(bundles: Sequence[Bundle], given: Given) -> Ruled:
    """Return the rules: what is given, else what one bundle was judged by, else the working folder's."""
    own = bundles[0] if len(bundles) == 1 and bundles[0].is_judged else None
    catalogue = _catalogue(bundles)
    policy_text, policy_file = _text(given.policy, own, "policy")
    exceptions_text, exceptions_file = _text(given.exceptions, own, "exceptions")
    parsed = parse_policy(policy_text, policy_file, products=[product.id for product in catalogue.products])
    excused = parse_exceptions(exceptions_text, exceptions_file, controls=list(controls()), settings=parsed.settings)
    latest = max(bundle.as_of for bundle in bundles)
    return Ruled(
        rules=Rules(policy=parsed, exceptions=excused, catalogue=catalogue, as_of=given.as_of or latest),
        sealed=Sealed(
            policy=policy_text,
            exceptions=exceptions_text,
            catalogue=catalogue_text(catalogue),
            attack=_attack(own),
            population=None if own is None else _population(own),
        ),
        own=own,
        again=own is not None and given == Given(),
    )


def _text(named: Path | None, own: Bundle | None, name: str) -> tuple[str, Path]:
    sealed = own.text(name) if named is None and own is not None else None
    if own is not None and sealed is not None:
        return sealed, own.folder / "inputs" / f"{name}.yml"
    file = locate(f"{name}.yml", named)
    return read_text(file), file


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


def _population(own: Bundle) -> Population | None:
    text, comparison = own.text("population"), own.text("population_comparison")
    return None if text is None or comparison is None else Population(text=text, comparison=comparison)


def judging_of(bundles: Sequence[Bundle], by: Ruled, known: str) -> Judging:
    """Choose what is judged; ``known`` is what the store knows of the hosts, where they are judged anew."""
    own = None if by.own is None else by.own.text("history")
    history = merged_history(known, bundles) if own is None else own
    return Judging(bundles=tuple(bundles), hosts=tuple(merged(bundles)), history=history, again=by.again)


def judge(store: Store, judging: Judging, by: Ruled, operator: str) -> RunRecord:
    """Judge evidence in a run of the store; a run that does not come to its end is not kept."""
    with closing(Readers(min(2, os.cpu_count() or 1), by.rules)) as readers:
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
