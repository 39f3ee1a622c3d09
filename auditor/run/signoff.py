"""The sign-off that lies in a bundle: a sample, what its preparer and reviewer say, and whether all of it still fits.

``signoff/`` lies outside the manifest, for it is about the manifest: each file in it is held to the sample or signed.
"""

import hashlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from auditor.errors import UsageError
from auditor.model.record import Record
from auditor.report.visible import visible
from auditor.run.manifest import MANIFEST, read_manifest, read_small
from auditor.run.open_bundle import Bundle
from auditor.run.workpaper import asked_by, workpaper
from auditor.trust.people import People
from auditor.trust.signoff import About, Paper, Role, Signoff, SignoffState, Worth, weigh

FOLDER = "signoff"
SAMPLE = "sample.json"


class FoundSignoff(Record, kw_only=True):
    """What lies in a bundle's ``signoff/``."""

    signoff: Signoff
    """What its statements are worth."""
    has_sample: bool
    """Whether a sample was drawn."""
    problems: tuple[str, ...]
    """What does not fit, each a sentence that names the file."""


def paper_file(bundle: Path, role: Role) -> Path:
    """Return where a statement lies; its signature lies beside it, as ``FILE.sig``."""
    return bundle / FOLDER / f"{role}.json"


def about_of(bundle: Path) -> About:
    """Return what a sign-off of a bundle is about, as it lies there now."""
    manifest = read_manifest(bundle)
    sample = bundle / FOLDER / SAMPLE
    return About(
        run=manifest["run"],
        seal=manifest["seal"],
        manifest_sha256=hashlib.sha256(read_small(bundle / MANIFEST)).hexdigest(),
        sample_sha256=hashlib.sha256(_read(sample)).hexdigest() if _is_there(sample) else None,
    )


def signoff_of(bundle: Path, people: People, day: date) -> Signoff:
    """Say how far the sign-off of a bundle is and what it is worth on a day; its sample's files are not read."""
    papers = {}
    for role in Role:
        file = paper_file(bundle, role)
        signature = file.with_name(f"{file.name}.sig")
        if _is_there(file):
            signed = _read(signature).decode("utf-8", "replace") if _is_there(signature) else None
            papers[role] = Paper(data=_read(file), signature=signed)
    return weigh(papers, about_of(bundle), people, day)


def has_signoff(bundle: Path) -> bool:
    """Tell whether anything lies where sign-offs do."""
    return _is_there(bundle / FOLDER)


def found_signoff(bundle: Path, people: People, day: date) -> FoundSignoff | None:
    """Check all that lies in ``signoff/``: the sample is drawn again; None where there is no such folder."""
    folder = bundle / FOLDER
    if not _is_there(folder):
        return None
    signoff = Signoff(state=SignoffState.VOID)
    if folder.is_symlink() or not folder.is_dir():
        said = f"{visible(str(folder))}: is not a plain folder"
        return FoundSignoff(signoff=signoff, has_sample=False, problems=(said,))
    problems = []
    try:
        signoff = signoff_of(bundle, people, day)
        problems += list(_sample_problems(bundle))
    except UsageError as error:
        problems.append(str(error))
    for paper in signoff.papers:
        if paper.worth is Worth.VOID:
            problems.append(f"{visible(str(paper_file(bundle, paper.role)))}: is void: {visible(paper.why or '')}")
    return FoundSignoff(signoff=signoff, has_sample=_is_there(folder / SAMPLE), problems=tuple(problems))


def _sample_problems(bundle: Path) -> Iterator[str]:
    """Yield where ``signoff/`` is not what the sample and the statements leave there."""
    folder = bundle / FOLDER
    papers = [paper_file(Path(), role).name for role in Role]
    expected = {name for paper in papers for name in (paper, f"{paper}.sig") if _is_there(folder / paper)}
    file = folder / SAMPLE
    if _is_there(file):
        try:
            asked = asked_by(_read(file))
        except ValueError as error:
            yield f"{visible(str(file))}: cannot be read as a sample: {visible(str(error))}"
            return
        for name, data in workpaper(Bundle(bundle), asked):
            expected.add(name)
            if not _is_there(folder / name):
                yield f"{visible(str(folder / name))}: is missing in the workpaper"
            elif _read(folder / name) != data:
                yield f"{visible(str(folder / name))}: is not what the bundle and the seed give"
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name not in expected and (path.is_symlink() or not path.is_dir()):
            yield f"{visible(str(path))}: is no part of a sign-off"


def _is_there(file: Path) -> bool:
    return file.exists() or file.is_symlink()


def _read(file: Path) -> bytes:
    try:
        return read_small(file)
    except (OSError, ValueError) as error:
        raise UsageError(f"{visible(str(file))}: {visible(str(error))}") from error
