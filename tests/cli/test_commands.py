"""The commands as a person uses them: this machine audited, the lists printed, mistakes named."""

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from auditor.cli.main import COMMANDS, main, parser_for
from auditor.report.results_json import schema

FORMULA = "=cmd|' /C calc'!A0"


def auditor(*words: str, folder: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "auditor.cli.main", *words],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "XDG_CACHE_HOME": str(folder / ".cache"),
            **(env or {}),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Audit this very machine and return the folder it was done in."""
    folder = tmp_path_factory.mktemp("audited")
    ran = auditor("audit", "local", folder=folder)
    assert ran.returncode in (0, 1, 3), ran.stderr
    for title in ("Verdicts", "Remote-access software", "Listening ports", "hosts in scope fully assessed"):
        assert title in ran.stdout
    assert "index.html" in ran.stderr
    return folder


def test_firewall_explain_reads_the_run_that_was_kept(audited: Path) -> None:
    (host,) = [row["host"] for row in json.loads(auditor("hosts", "--format", "json", folder=audited).stdout)]
    ran = auditor("firewall", "explain", host, "--to", "5900/tcp", "--format", "json", folder=audited)
    if ran.returncode == 0:
        answers = {row["answer"] for row in json.loads(ran.stdout)}
        assert answers <= {"reaches it", "does not reach it", "cannot be told"}
    else:
        assert (ran.returncode, "packet filters could not be read" in ran.stderr) == (2, True)
    assert "did you mean" in auditor("firewall", "explain", f"{host}x", "--to", "5900", folder=audited).stderr


def test_the_results_fit_their_schema(audited: Path) -> None:
    (results,) = audited.glob("reports/*/results.json")
    data = json.loads(results.read_text())
    jsonschema.Draft202012Validator(schema()).validate(data)
    lines = (results.parent / "hosts.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == data["hosts"]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Make a folder that everybody may write; pytest's own are for one user."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


def test_a_rootless_audit_says_how_to_see_more(open_folder: Path) -> None:
    words = [sys.executable, "-m", "auditor.cli.main"]
    if os.geteuid() == 0:
        if not _reachable_by_others(Path(sys.executable)):
            pytest.skip("the Python of the tests cannot be reached without root's rights; the lab asks as `plain`")
        words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *words]
    ran = subprocess.run(
        [*words, "audit", "local"],
        cwd=open_folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(open_folder),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 3, ran.stderr
    assert "What could not be seen" in ran.stdout
    assert "sudo" in ran.stdout


def _reachable_by_others(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in [path.resolve(), *path.resolve().parents])


@pytest.mark.slow
def test_a_population_is_sealed_and_its_differences_are_named(tmp_path: Path) -> None:
    (tmp_path / "cmdb.txt").write_text("forgotten\n", encoding="utf-8")
    ran = auditor("audit", "local", "--population", "cmdb.txt", "--format", "json,csv", folder=tmp_path)
    assert ran.returncode in (0, 1, 3), ran.stderr
    assert "1 not in the inventory, so nobody audits them: forgotten" in ran.stdout
    (results,) = tmp_path.glob("reports/*/results.json")
    data = json.loads(results.read_text())
    jsonschema.Draft202012Validator(schema()).validate(data)
    population = data["run"]["population"]
    assert (population["only_in_population"], population["source"]) == (["forgotten"], "cmdb.txt")
    assert population["sha256"] == hashlib.sha256(b"forgotten\n").hexdigest()
    assert (results.parent / "csv" / "population.csv").read_text().splitlines()[
        1
    ] == '"forgotten","only_in_population",""'


@pytest.mark.parametrize("name", ["runs", "hosts", "findings", "software", "listeners"])
def test_lists_print_tables_json_and_csv(audited: Path, name: str) -> None:
    rows = json.loads(auditor(name, "--format", "json", folder=audited).stdout)
    assert isinstance(rows, list)
    table = auditor(name, folder=audited)
    commas = auditor(name, "--format", "csv", folder=audited)
    assert (table.returncode, commas.returncode) == (0, 0)
    if rows:
        assert set(next(csv.reader(io.StringIO(commas.stdout)))) == set(rows[0])
        assert len(table.stdout.splitlines()) == len(rows) + 1


def test_reports_can_be_written_again_elsewhere(audited: Path, tmp_path: Path) -> None:
    ran = auditor("report", "-o", str(tmp_path / "again"), "--format", "json", folder=audited)
    assert ran.returncode == 0, ran.stderr
    (first,) = audited.glob("reports/*/results.json")
    (second,) = tmp_path.glob("again/*/results.json")
    assert first.read_bytes() == second.read_bytes()


def test_a_second_run_goes_on_from_the_first(audited: Path) -> None:
    before = json.loads(auditor("findings", "--format", "json", folder=audited).stdout)
    assert auditor("audit", "local", "--format", "json", folder=audited).returncode in (0, 1, 3)
    after = json.loads(auditor("findings", "--format", "json", folder=audited).stdout)
    first_seen = {row["fingerprint"]: row["first_seen"] for row in before}
    for row in after:
        assert row["first_seen"] == first_seen.get(row["fingerprint"], row["first_seen"])
    assert [row["sequence"] for row in json.loads(auditor("runs", "--format", "json", folder=audited).stdout)] == [2, 1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["audti"], "no command 'audti' (did you mean 'audit'?)", id="command"),
        pytest.param(["audit", "--polcy", "x", "local"], "did you mean '--policy'?", id="option"),
        pytest.param(["audit"], "which hosts?", id="no-hosts"),
        pytest.param(["audit", "local", "--format", "htlm"], "did you mean 'html'?", id="format"),
        pytest.param(["audit", "local", "--workers", "0"], "at least one host", id="workers"),
        pytest.param(["audit", "local", "--per-subnet", "0"], "at least one host of a subnet", id="per-subnet"),
        pytest.param(["audit", "local", "--site-rate", "0"], "--site-rate 0: hosts a second", id="rate"),
        pytest.param(["audit", "local", "--rate", "nan"], "--rate nan: hosts a second", id="rate-nan"),
        pytest.param(["audit", "local", "--retries", "-1"], "--retries -1", id="retries"),
        pytest.param(["audit", "local", "--connect-timeout", "0"], "needs some time", id="connect-timeout"),
        pytest.param(["audit", "local", "--window", "8"], "such as 90m, 8h or 2d", id="window-unit"),
        pytest.param(["audit", "local", "--window", "90d"], "31 days", id="window-length"),
        pytest.param(["audit", "-i", "nowhere.csv"], "nowhere.csv", id="inventory-missing"),
        pytest.param(["audit", "local", "-p", "nowhere.yml"], "nowhere.yml", id="policy-missing"),
        pytest.param(["audit", "local", "-o", "/proc/reports"], "reports cannot be written", id="output"),
        pytest.param(["audit", "local", "--store", "/proc/store.sqlite"], "/proc/store.sqlite", id="store"),
        pytest.param(["report", "2020"], "no run '2020'", id="run"),
        pytest.param(["catalogue", "show", "any-desk"], "did you mean 'anydesk'?", id="product"),
        pytest.param(["explain", "unaproved_product"], "did you mean 'unapproved_product'?", id="control"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_done(tmp_path: Path, words: list[str], said: str) -> None:
    ran = auditor(*words, folder=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not list(tmp_path.glob("reports/*"))


def test_an_inventory_with_mistakes_names_every_one_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "hosts.csv").write_text("host,adress,port\nweb1,192.0.2.1,99999\nweb1,192.0.2.2,22\n")
    ran = auditor("audit", "-i", "hosts.csv", folder=tmp_path)
    assert ran.returncode == 2
    assert "hosts.csv:1:" in ran.stderr
    assert "did you mean 'address'?" in ran.stderr


def test_an_unknown_pattern_names_the_nearest_host(tmp_path: Path) -> None:
    (tmp_path / "hosts.csv").write_text("host,connection\nwebserver,local\n")
    ran = auditor("audit", "-i", "hosts.csv", "websrver", folder=tmp_path)
    assert (ran.returncode, "did you mean 'webserver'?" in ran.stderr) == (2, True)


def test_hosts_may_have_hostile_names(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text(
        json.dumps([{"host": name, "connection": "local"} for name in ("<script>alert(1)</script>", FORMULA)])
    )
    ran = auditor("audit", "-i", "hosts.yml", folder=tmp_path)
    assert ran.returncode in (0, 1, 3), ran.stderr
    for page in tmp_path.glob("reports/*/html/**/*.html"):
        assert "<script>alert(1)" not in page.read_text()
    for table in tmp_path.glob("reports/*/csv/*.csv"):
        assert f"\n{FORMULA}" not in table.read_text()


def test_policy_check_names_every_mistake(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yml"
    policy.write_text(
        "name: x\napprovals:\n  - id: a\n    product: any-desk\n    reason: r\n    owner: o\n    review_by: soon\n"
    )
    ran = auditor("policy", "check", str(policy), folder=tmp_path)
    assert ran.returncode == 2
    assert "policy.yml:" in ran.stderr


def test_policy_packs_are_listed_shown_and_checked(tmp_path: Path) -> None:
    listed = auditor("policy", "list", folder=tmp_path)
    assert [line.split()[0] for line in listed.stdout.splitlines()[1:]] == ["managed", "strict", "vnc-lab"]
    shown = auditor("policy", "show", "managed", folder=tmp_path)
    copy = tmp_path / "copy.yml"
    copy.write_text(shown.stdout)
    checked = auditor("policy", "check", "copy.yml", "strict", folder=tmp_path)
    assert checked.returncode == 0
    assert [line.partition(": ")[2] for line in checked.stderr.splitlines()] == [
        "1 approvals, no problem found",
        "0 approvals, no problem found",
        "0 exceptions, no problem found",
    ]
    for words, said in (
        (("show", "manged"), "(did you mean 'managed'?)"),
        (("show",), "takes one pack: managed, strict, vnc-lab"),
        (("check",), "which files?"),
        (("check", "strikt"), "no policy pack of that name (did you mean 'strict'?)"),
        (("list", "strict"), "takes no names"),
    ):
        refused = auditor("policy", *words, folder=tmp_path)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert said in refused.stderr


def test_probe_show_prints_what_is_sent_with_its_digest(tmp_path: Path) -> None:
    ran = auditor("probe", "show", "sh", folder=tmp_path)
    assert ran.stdout.startswith("#!/bin/sh\n")
    assert len(ran.stderr.split()[-1]) == 64


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parser_for(name).parse_args(["--help"])
    assert left.value.code == 0
    assert f"auditor {name}" in capsys.readouterr().out


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert main(["--version"]) == 0
    assert main([]) == 2
    printed = capsys.readouterr().out
    assert all(name in printed for name in COMMANDS)
