"""A bundle comes from outside: what lies in it is refused in a sentence or judged, and nothing is done elsewhere."""

import copy
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.cli.main import main
from auditor.errors import OperatorError, Reason, UsageError
from auditor.report.earlier_runs import COUNTS
from auditor.report.words import OUTCOMES
from auditor.run.bundle import INPUT_FILES
from auditor.run.history import PAST_INSTANTS, Histories
from auditor.run.manifest import SMALL_FILE, are_digests, is_digest, write_manifest
from auditor.run.merge import merged, merged_history
from auditor.run.open_bundle import Bundle
from tests.run.evidence_sets import Seen, make_set

Value = Any
_STRANGE: tuple[Value, ...] = (None, True, -1, 1e400, "x", "\ud800", [1], {"x": 1})


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("AUDITOR_STORE", str(tmp_path / "work" / "store.sqlite"))
    hosts = [Seen(name="db", host_key="SHA256:x"), Seen(name="web"), Seen(name="off", reason=Reason.TIMEOUT)]
    return make_set(tmp_path / "set", hosts)


def again(folder: Path, name: str, change: Callable[[Value], Value]) -> None:
    """Change a file of JSON or of lines of it, and make a manifest that holds over it, as a forger would."""
    file = folder / name
    if name.endswith("jsonl"):
        rows = change([json.loads(line) for line in file.read_text().splitlines()])
        text = "".join(json.dumps(row, sort_keys=True, separators=(",", ":")) + "\n" for row in rows)
    else:
        text = json.dumps(change(json.loads(file.read_text())))
    file.write_text(text)
    write_manifest(folder, None)


def in_manifest(change: Callable[[Value], object]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        file = folder / "manifest.json"
        manifest = json.loads(file.read_text())
        change(manifest)
        file.write_text(json.dumps(manifest))

    return spoil


def named(path: Value) -> Callable[[Path], None]:
    return in_manifest(lambda manifest: manifest["files"].append({"path": path, "size": 1, "sha256": "0" * 64}))


def with_lines(name: str, change: Callable[[list[Value]], object]) -> Callable[[Path], None]:
    def changed(rows: list[Value]) -> list[Value]:
        change(rows)
        return rows

    return lambda folder: again(folder, name, changed)


def with_run(**values: Value) -> Callable[[Path], None]:
    return lambda folder: again(folder, "inputs/run.json", lambda run: run | values)


def replaced(name: str, data: bytes) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / name).write_bytes(data)
        write_manifest_over(folder)

    return spoil


def write_manifest_over(folder: Path) -> None:
    """Name the files as they lie there, whatever they are: our own writer may refuse to read them."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for entry in manifest["files"]:
        data = (folder / entry["path"]).read_bytes()
        entry |= {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def instead(name: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        file = folder / name
        file.rename(folder.parent / "elsewhere")
        make(file)

    return spoil


def a_link_to(target: str) -> Callable[[Path], object]:
    return lambda file: file.symlink_to(target if target.startswith("/") else file.parents[0] / target)


def twice(key: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        file = folder / "manifest.json"
        file.write_text(f'{{"{key}": [],' + file.read_text().lstrip()[1:])

    return spoil


def a_bomb(folder: Path) -> None:
    """Let a section unpack to more than a whole answer may have."""
    packed = zlib.compress(bytes(65 * 1024 * 1024), 9)
    (folder / "evidence" / "sections.pack").write_bytes(packed)

    def swollen(rows: list[Value]) -> list[Value]:
        return [rows[0] | {"offset": 0, "length": len(packed)}]

    again(folder, "evidence/sections.jsonl", swollen)


SPOILT = {
    "a-path-that-leads-out": (named("../../escaped"), "is no path within a bundle"),
    "an-absolute-path": (named("/etc/passwd"), "is no path within a bundle"),
    "a-path-that-is-none": (named(7), "is no path within a bundle"),
    "a-path-named-twice": (named("inputs/run.json"), "names 'inputs/run.json' twice"),
    "two-lists-of-files": (twice("files"), "'files' stands in it twice"),
    "another-format": (in_manifest(lambda manifest: manifest.update(format=3)), "a format that this version"),
    "no-seal": (in_manifest(lambda manifest: manifest.update(seal="x")), "its seals are none"),
    "a-manifest-nested-without-end": (lambda f: (f / "manifest.json").write_text("[" * 200_000), "nested without end"),
    "a-manifest-that-is-no-utf-8": (
        lambda f: (f / "manifest.json").write_bytes(b'{"a": "\xff"}'),
        "codec can't decode",
    ),
    "a-huge-manifest": (lambda f: os.truncate(f / "manifest.json", SMALL_FILE + 1), "none of its kind has more"),
    "a-manifest-that-is-a-link": (instead("manifest.json", a_link_to("/dev/zero")), "not a plain file"),
    "a-manifest-that-is-a-pipe": (instead("manifest.json", os.mkfifo), "not a plain file"),
    "an-input-that-is-a-link": (instead("inputs/run.json", a_link_to("../../elsewhere")), "not a plain file"),
    "an-input-that-never-ends": (instead("inputs/hosts.json", a_link_to("/dev/zero")), "not a plain file"),
    "evidence-that-is-a-pipe": (instead("evidence/sections.pack", os.mkfifo), "not a plain file"),
    "a-folder-that-is-a-link": (instead("inputs", a_link_to("../elsewhere")), "is missing"),
    "another-run": (with_run(id="../../escaped", tool_version="9"), "of another version"),
    "an-instant-that-is-none": (with_run(as_of="yesterday"), "Invalid isoformat"),
    "an-instant-of-nowhere": (with_run(as_of="2026-11-25T12:00:00"), "does not say its offset"),
    "an-input-from-elsewhere": (
        with_run(inputs={"../../etc/passwd": "0" * 64}),
        "inputs that this version does not know",
    ),
    "half-of-the-inputs": (with_run(inputs={"policy": "0" * 64}), "it was judged without attack"),
    "a-scope-that-is-smaller": (with_run(scope={"count": 1, "sha256": "0" * 64, "source": ""}), "hosts are missing"),
    "no-lines": (replaced("evidence/hosts.jsonl", b""), "hosts are missing or were put in"),
    "lines-that-are-no-utf-8": (replaced("evidence/hosts.jsonl", b'{"host":"\xff"}\n'), "codec can't decode"),
    "a-line-without-end": (replaced("evidence/hosts.jsonl", b" " * (1 << 23)), "a line is cut off, or longer than"),
    "a-host-twice": (
        with_lines("evidence/hosts.jsonl", lambda rows: rows.append(rows[0])),
        "hosts are missing or were",
    ),
    "a-host-listed-twice": (
        lambda folder: again(folder, "inputs/hosts.json", lambda rows: [*rows, rows[0]]),
        "hosts are missing or were put in",
    ),
    "two-hosts-of-one-identity": (
        lambda folder: again(folder, "inputs/hosts.json", lambda rows: [row | {"key": "one"} for row in rows]),
        "share one identity",
    ),
    "evidence-and-a-reason-for-none": (
        with_lines("evidence/hosts.jsonl", lambda rows: rows[0].update(reason="timeout")),
        "evidence and a reason for none",
    ),
    "a-section-that-is-missing": (
        with_lines("evidence/hosts.jsonl", lambda rows: rows[0].update(sections=["0" * 64])),
        f"section {'0' * 64} of db is missing",
    ),
    "a-section-before-the-pack": (
        with_lines("evidence/sections.jsonl", lambda rows: rows[0].update(offset=-1)),
        "what none is",
    ),
    "a-section-beyond-the-pack": (
        with_lines("evidence/sections.jsonl", lambda rows: rows[0].update(length=10**12)),
        "not as long as its sections",
    ),
    "a-section-twice": (with_lines("evidence/sections.jsonl", lambda rows: rows.append(rows[0])), "out of its order"),
    "half-of-a-character": (
        with_lines("evidence/sections.jsonl", lambda rows: rows[0].update(stderr="\ud800")),
        "surrogates not allowed",
    ),
    "a-section-that-swells": (a_bomb, "unpacks to more than an answer may have"),
}
"""What is spoilt, and the words that say so."""
SPOILT["another-run"] = (
    lambda folder: (with_run(id="../../escaped")(folder), in_manifest(lambda one: one.update(run="set"))(folder)),
    "of another run than the manifest",
)


@pytest.mark.parametrize("what", SPOILT)
def test_it_is_refused_in_a_sentence_and_nothing_is_written(
    bundle: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, words = SPOILT[what]
    spoil(bundle)
    assert main(["assess", str(bundle), "-o", "out"]) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert main(["verify", str(bundle)]) in (2, 4)
    verified = capsys.readouterr()
    assert words in verified.out + verified.err
    assert "Traceback" not in said.err + verified.err
    assert {path.name for path in Path.cwd().rglob("*")} <= {"out", "store.sqlite"}
    assert {path.name for path in bundle.parent.iterdir()} <= {"set", "work", "elsewhere"}


def test_an_archive_is_no_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = tmp_path / "set.zip"
    archive.write_bytes(b"PK\x03\x04")
    for command in ("assess", "verify"):
        assert main([command, str(archive)]) == 2
        assert "unpack it first, a bundle is a folder" in capsys.readouterr().err


def test_a_file_whose_name_is_no_text_is_named(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path(os.fsdecode(os.fsencode(bundle) + b"/html-\xff\x1b[2J")).write_text("x")
    assert main(["verify", str(bundle)]) == 4
    printed = capsys.readouterr().out
    assert "is not in the manifest" in printed
    assert "\x1b" not in printed


def test_names_from_outside_act_nowhere(tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hosts = [Seen(name="../../../escaped", host_key="SHA256:\x1b[2J"), Seen(name="a\x1b[2Jb"), Seen(name="=cmd|x")]
    other = make_set(tmp_path / "strange", hosts, minutes=1)
    assert main(["assess", str(bundle), str(other), "-o", "out"]) in (1, 3)
    printed = capsys.readouterr()
    assert "\x1b" not in printed.out + printed.err
    made = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")}
    assert made == {"set", "strange", "work"}
    (run,) = Path("out").iterdir()
    assert {path.name for path in run.iterdir()} == {
        *("manifest.json", "inputs", "evidence", "results.json", "hosts.jsonl", "results.schema.json", "html", "csv")
    }
    assert main(["verify", str(run), "--recompute"]) == 0


def _places(value: Value, place: tuple[Value, ...] = ()) -> Iterator[tuple[Value, ...]]:
    if place:
        yield place
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from _places(value[key], (*place, key))


def _with(value: Value, place: tuple[Value, ...], strange: Value) -> Value:
    made = copy.deepcopy(value)
    inner = made
    for key in place[:-1]:
        inner = inner[key]
    if strange == "x" and isinstance(inner, dict):
        del inner[place[-1]]
    else:
        inner[place[-1]] = strange
    return made


def _read_all(folder: Path) -> None:
    bundle = Bundle(folder)
    merged([bundle])
    list(bundle.problems())
    for answer in bundle.answers():
        try:
            bundle.evidence(answer)
        except UsageError:
            continue


@pytest.mark.parametrize(
    "name", ["inputs/run.json", "inputs/hosts.json", "evidence/hosts.jsonl", "evidence/sections.jsonl"]
)
def test_no_value_of_another_kind_is_a_surprise(bundle: Path, name: str) -> None:
    file = bundle / name
    is_lines = name.endswith("jsonl")
    before = file.read_text()
    value = [json.loads(line) for line in before.splitlines()] if is_lines else json.loads(before)
    refused = 0
    for place in list(_places(value)):
        for strange in _STRANGE:
            changed = _with(value, place, strange)
            lines = [json.dumps(row, sort_keys=True, separators=(",", ":")) for row in changed] if is_lines else []
            file.write_text("".join(f"{line}\n" for line in lines) if is_lines else json.dumps(changed))
            write_manifest_over(bundle)
            try:
                _read_all(bundle)
            except OperatorError:
                refused += 1
    assert refused > len(list(_places(value)))


def test_no_input_of_another_kind_is_a_surprise(bundle: Path) -> None:
    """What verdicts and reports rest on is held to its kind before a host is judged."""
    when = "2026-01-01T00:00:00Z"
    finding = dict.fromkeys(("fingerprint", "host", "control", "subject", "severity", "reason"), "x") | {
        **dict.fromkeys(("product", "failing_since", "due", "closed_at", "exception", "owner")),
        "first_seen": when,
        "state": "open",
    }
    past = dict.fromkeys(PAST_INSTANTS, when) | {"idle_runs": 0}
    texts = {
        "history": {
            "hosts": {"web": [when, when]},
            "findings": [finding],
            "pasts": {"web": {"complete_runs": 1, "told_by": ["0", "c"], "products": {"anydesk": past}}},
            "runs": [
                {
                    "run": "r",
                    "sequence": 1,
                    "as_of": when,
                    "tool_version": "0",
                    "policy": "0" * 64,
                    "seal": "0" * 64,
                    "scope": {"count": 1, "sha256": "0" * 64},
                    "outcomes": dict.fromkeys(OUTCOMES, 1),
                    "coverage": {"scope": 1, "assessed": 1, "wanted": 1.0},
                    "findings": dict.fromkeys(COUNTS, 1),
                }
            ],
        },
        "population_comparison": {
            "source": "cmdb.csv",
            "sha256": "0" * 64,
            "count": 1,
            "out_of_scope": 0,
            "only_in_inventory": ["a"],
            "only_in_population": ["b"],
            "ambiguous": [{"population": "c", "inventory": ["d"]}],
        },
    }
    opened = Bundle(bundle)
    for name, value in texts.items():
        file = bundle / "inputs" / INPUT_FILES[name]
        refused = 0
        for place in ((), *_places(value)):
            for strange in _STRANGE:
                file.write_text(json.dumps(_with(value, place, strange) if place else value))
                opened.run["inputs"][name] = hashlib.sha256(file.read_bytes()).hexdigest()
                try:
                    text = opened.text(name)
                except UsageError:
                    refused += 1
                    continue
                if name == "history":
                    merged_history(text or "", [opened])
                    assert all(known.first_seen for known in Histories(text or "", ["0", "c"]).values())
        assert refused > len(list(_places(value)))


_ONE, _OTHER = "0123456789abcdef" * 4, "f" * 64


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([], id="none"),
        pytest.param([_ONE, _OTHER], id="digests"),
        pytest.param([f"{_ONE}\n{_OTHER}"], id="two-in-one-text"),
        pytest.param([f"{_ONE}\n{_OTHER}", ""], id="two-in-one-text-and-an-empty-one"),
        pytest.param([f"{_ONE}\n"], id="a-line"),
        pytest.param([_ONE.upper()], id="capitals"),
        pytest.param([_ONE[1:], f"{_OTHER}0"], id="one-shorter-one-longer"),
        pytest.param([_ONE, None], id="null"),
        pytest.param([_ONE, 7], id="a-number"),
        pytest.param([[_ONE]], id="a-list"),
        pytest.param(["\u0660" * 64], id="digits-of-another-script"),
    ],
)
def test_a_list_is_of_digests_where_each_of_it_is_one(values: list[Value]) -> None:
    assert are_digests(values) is all(map(is_digest, values))


@pytest.mark.parametrize("value", [None, _ONE, {_ONE: 1}, 7])
def test_what_is_no_list_is_none_of_digests(value: Value) -> None:
    assert not are_digests(value)
