"""``auditor verify``: check that bundles are what their manifests, seals and verdicts say, and that none is missing."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from auditor import __version__
from auditor.cli.bundle_signature import Signed, add_key_options, signature_of
from auditor.cli.command import Command
from auditor.cli.recompute import differences
from auditor.cli.signoff import state_words
from auditor.cli.stored import open_store
from auditor.cli.terminal import say
from auditor.errors import UsageError
from auditor.model.record import replace
from auditor.model.retention import Kept
from auditor.policy.faults import read_text
from auditor.policy.load_people import parse_people
from auditor.policy.locate import locate
from auditor.report.visible import visible
from auditor.run.chain import Link, chain_of, link_of_manifest, links_of_store, missing_from
from auditor.run.manifest import (
    MANIFEST,
    is_digest,
    is_of_first_format,
    manifest_problems,
    manifest_text,
    read_manifest,
    read_small,
)
from auditor.run.open_bundle import Bundle
from auditor.run.signoff import FoundSignoff, found_signoff, has_signoff, paper_file
from auditor.run.strict_json import strict_json
from auditor.run.this_tool import tool_digest
from auditor.trust.signoff import Worth

DOES_NOT_HOLD = 4
_MOST = 20
_LEAVINGS = ("inputs", "evidence", "results.json", "hosts.jsonl")
"""What a bundle whose manifest was taken away still has."""


def _options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "bundles", nargs="*", type=Path, metavar="BUNDLE", help="folder of a run, of evidence, or of several of them"
    )
    add_key_options(parser)
    parser.add_argument("--recompute", action="store_true", help="judge its evidence again and compare the verdicts")
    parser.add_argument(
        "--anchor",
        action="append",
        default=[],
        metavar="SEAL",
        help="a seal that was kept elsewhere: the chain must hold it; may be given again",
    )
    parser.add_argument(
        "--store", metavar="URL", help="hold the chain of this store too, and BUNDLE to the seals that it keeps"
    )


def _run(options: Namespace) -> int:
    for anchor in options.anchor:
        if not is_digest(anchor):
            raise UsageError(f"--anchor {anchor}: a seal is wanted, 64 hexadecimal digits, as `auditor verify` prints")
    folders, holds = _folders(options.bundles)
    if not folders and holds and options.store is None:
        raise UsageError("verify what? `auditor verify reports/RUN`, a folder of runs, or --store URL")
    links: list[Link] = []
    for folder in folders:
        link = _verified(folder, options)
        holds = holds and link is not None
        links += [] if link is None else [link]
    if options.store is not None and folders:
        links += _removed(links, options)
    if len(folders) > 1 or options.anchor:
        holds = _say_chain(links, options.anchor, "these bundles", options) and holds
    if options.store is not None:
        holds = _holds_to_store(links, bool(folders), options) and holds
    return 0 if holds else DOES_NOT_HOLD


def _folders(named: Sequence[Path]) -> tuple[list[Path], bool]:
    """Return the bundles that are meant: a folder that is none stands for those in it; and whether none is damaged."""
    found: list[Path] = []
    holds = True
    for folder in named:
        inner = [] if _is_bundle(folder) or not folder.is_dir() else sorted(one for one in folder.iterdir())
        bundles = [one for one in inner if _is_bundle(one)]
        for one in inner if bundles else ():
            if one not in bundles and any((one / name).exists() for name in _LEAVINGS):
                print(f"{visible(str(one))}: is no bundle any more: it has no {MANIFEST}")
                holds = False
        found += bundles or [folder]
    return list(dict.fromkeys(found)), holds


def _is_bundle(folder: Path) -> bool:
    file = folder / MANIFEST
    return file.exists() or file.is_symlink()


def _verified(folder: Path, options: Namespace) -> Link | None:
    """Say whether one bundle holds, and return its place in the chain; None when it does not hold."""
    place = visible(str(folder))
    try:
        manifest = read_manifest(folder)
    except UsageError as error:
        if not _is_bundle(folder):
            raise
        print(f"{error}\n{place}: does NOT hold: 1 problem")
        return None
    signed = signature_of(folder, options)
    problems = [*signed.problems, *manifest_problems(folder, manifest)]
    if not problems:
        problems = _problems(folder, recompute=options.recompute)
    if not is_of_first_format(manifest) and read_small(folder / MANIFEST) != manifest_text(manifest).encode():
        problems.append(f"{visible(str(folder / MANIFEST))}: is not written as a manifest is: it was edited")
    found = _signed_off(folder, options)
    problems += [] if found is None else found.problems
    for problem in problems:
        print(problem)
    if problems:
        print(f"{place}: does NOT hold: {len(problems)} problem{'s' if len(problems) > 1 else ''}")
        return None
    again = ", its verdicts come out the same" if options.recompute else ""
    print(f"{place}: holds: {len(manifest['files'])} files, every seal{again}")
    print(f"{place}: {signed.words}" if signed.is_established else f"{place}: integrity holds, {signed.words}")
    if found is not None:
        print(f"{place}: {state_words(found)}")
    _say_limits(folder, manifest, signed, options)
    return link_of_manifest(manifest, folder)


def _signed_off(folder: Path, options: Namespace) -> FoundSignoff | None:
    """Check the sign-off of a bundle, by the people who are named or known; None where there is none."""
    if not has_signoff(folder):
        return None
    file = locate("people.yml", options.people)
    found = found_signoff(folder, parse_people(read_text(file), file), datetime.now(UTC).date())
    if found is None or options.people is None:
        return found
    strange = [
        f"{visible(str(paper_file(folder, paper.role)))}: {paper.why}"
        for paper in found.signoff.papers
        if paper.worth is Worth.NOT_ESTABLISHED
    ]
    return replace(found, problems=(*found.problems, *strange))


def _say_limits(folder: Path, manifest: dict[str, Any], signed: Signed, options: Namespace) -> None:
    """Say what was not shown."""
    who = "when it was signed" if signed.is_established else "who wrote it"
    say(
        options,
        f"Not shown by this: {who}, that whoever holds the key did not write all of it anew, and that no later run was "
        f"dropped from the chain. Compare the seal with one that was kept elsewhere (--anchor): {manifest['seal']}",
    )
    made_by = manifest.get("tool_sha256")
    if options.recompute and made_by is not None and made_by != tool_digest():
        say(options, f"judged again by another build of auditor {__version__} than the run's ({made_by})")
    run = strict_json(read_small(folder / "inputs" / "run.json"))
    sources = run["sources"] or []
    for one in sources[:_MOST]:
        say(
            options,
            f"judged from {visible(one['run'])}, {one['judged']} hosts of {one['hosts']}: its seal {one['seal']}",
        )
    if len(sources) > _MOST:
        say(options, f"… and {len(sources) - _MOST} more, in run.sources of results.json")


def _problems(folder: Path, *, recompute: bool) -> list[str]:
    try:
        bundle = Bundle(folder)
        problems = list(bundle.problems())
    except UsageError as error:
        return str(error).splitlines()
    if recompute and not problems:
        problems += differences(bundle)
    return problems


def _say_chain(links: Sequence[Link], anchors: Sequence[str], of: str, options: Namespace) -> bool:
    """Say whether runs are one chain, and where it ends."""
    chain = chain_of(links, anchors)
    for problem in chain.problems:
        print(problem)
    if chain.problems:
        print(f"the chain of {of}: does NOT hold: {len(chain.problems)} of its links")
        return False
    for note in chain.notes:
        say(options, note)
    for end in chain.ends:
        print(f"the chain of {of} ends with {end.words}: its seal {end.seal}")
    anchored = f", and {len(anchors)} seals that were kept elsewhere" if anchors else ""
    print(f"the chain of {of}: holds: {chain.count} runs{anchored}")
    if not anchors:
        say(options, "Not shown by this: that no later run was dropped. A seal that was kept elsewhere does (--anchor)")
    return True


def _removed(links: Sequence[Link], options: Namespace) -> list[Link]:
    """Return the runs whose folders were removed as the policy said, by the store's word, and say so of each.

    What follows such a run names its seal: a store that tells of another one breaks the chain all the same.
    """
    here = {link.run for link in links}
    with open_store(options) as store:
        told = {one.run: one for one in store.retained.removals() if one.kind is Kept.BUNDLE and one.run not in here}
        gone = [link for link in links_of_store(store.runs()) if link.run in told]
    for link in gone:
        entry = told[link.run]
        say(
            options,
            f"{link.words} is not here: its folder was removed on {entry.at:%Y-%m-%d} by {visible(entry.by)}, as the "
            f"policy's retention said (entry {entry.number} of the store's removals; `auditor retention log`)",
        )
    return gone


def _holds_to_store(links: Sequence[Link], has_bundles: bool, options: Namespace) -> bool:  # noqa: FBT001
    """Say whether a store's own chain holds, and whether bundles are those whose seals it keeps."""
    with open_store(options) as store:
        kept = links_of_store(store.runs())
    holds = _say_chain(kept, options.anchor, "the store", options)
    strange = list(missing_from(links, kept)) if has_bundles else []
    for line in strange:
        print(line)
    return holds and not strange


COMMAND = Command(
    help="check bundles against their manifests, seals and chain",
    description="Check that every file of a bundle is what its manifest says, that every seal is over what it "
    "seals, that a signature which is there is one of the manifest, and with --recompute that the evidence gives the "
    "same verdicts again. Several bundles, or a folder of them, must be one chain too: a run that is missing in it is "
    "named. Nothing but the bundles is needed: no store, no network. Exit code 4 when something does not hold. With "
    "--key or --people it must be signed by them.\n\n"
    "Examples:\n"
    "  auditor verify reports/RUN --recompute               one run, and its verdicts again\n"
    "  auditor verify reports --people people.yml           all runs of a folder, and that none lacks\n"
    "  auditor verify reports --anchor SEAL                 and the one whose seal was kept elsewhere\n"
    "  auditor verify reports --store store.sqlite          and all that the store knows of\n",
    options=_options,
    run=_run,
)
