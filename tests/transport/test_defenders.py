"""What the hosts' defenders are told to look for is what the auditor does."""

import re
from pathlib import Path
from typing import Any

import yaml

from auditor.collect.probe import LAUNCHER, sh_call
from auditor.collect.ps_probe import PS_LAUNCHER
from auditor.model.mark import ssh_identification, user_agent
from auditor.model.probe import ProbeLimits

_PAGE = (Path(__file__).parents[2] / "docs" / "defenders.md").read_text()
_RUN = "2026-11-28T012233Z-ab12"


def _rules() -> dict[str, dict[str, Any]]:
    rules = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", _PAGE, re.DOTALL)]
    return {rule["logsource"]["product"]: rule for rule in rules}


def _finds(rule: dict[str, Any], line: str) -> bool:
    assert rule["detection"]["condition"] == "probe"
    return all(part in line for part in rule["detection"]["probe"]["CommandLine|contains|all"])


def test_the_rules_of_sigma_find_the_probe_and_not_another_command() -> None:
    call = sh_call(limits=ProbeLimits(), deadline=9, output_limit=1, become=False, become_password=None, run=_RUN)
    # What the log has are the arguments, without the quotes of the shell that started them.
    line = call.launcher.removeprefix("exec ").replace("'", "")
    rules = _rules()
    assert _finds(rules["linux"], line)
    assert _finds(rules["windows"], f"C:\\Windows\\system32\\cmd.exe /C {PS_LAUNCHER}")
    assert not _finds(rules["linux"], "/bin/sh -c id")
    assert not _finds(rules["windows"], "powershell.exe -NonInteractive -EncodedCommand JABhAD0AMQA=")


def test_the_query_of_kql_takes_the_run_out_of_it() -> None:
    (found,) = set(re.findall(r'extract\(@"(.*?)", 1', _PAGE))
    match = re.search(found, f"{LAUNCHER} run={_RUN}")
    assert match is not None
    assert match[1] == _RUN


def test_what_is_said_of_names_is_what_is_sent() -> None:
    assert re.fullmatch(r"SSH-2\.0-auditor_\S+ run=RUN", ssh_identification("1.0-rc1", "RUN"))
    assert "`SSH-2.0-auditor_VERSION run=RUN`" in _PAGE
    assert re.fullmatch(r"auditor/\S+ \(run=RUN\)", user_agent("1.0", "RUN"))
    assert "`User-Agent: auditor/VERSION (run=RUN)`" in _PAGE
