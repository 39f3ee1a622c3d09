"""Which programs a command line of Windows starts."""

import time

import pytest

from auditor.catalogue.windows_command import started

AGENT = "C:\\Program Files\\Agent\\agent.exe"


@pytest.mark.parametrize(
    ("command", "programs"),
    [
        pytest.param(f'"{AGENT}" --service', (AGENT,), id="quoted"),
        pytest.param(f"{AGENT} --service", (AGENT,), id="with-a-space-and-no-quotes"),
        pytest.param("agent.exe --service", ("agent.exe",), id="a-name"),
        pytest.param("", (), id="nothing"),
        pytest.param('"', (), id="a-quote-alone"),
        pytest.param("C:/Tools/agent.exe -x", ("C:\\Tools\\agent.exe",), id="slashes"),
        pytest.param("\\??\\C:\\drivers\\a.sys", ("C:\\drivers\\a.sys",), id="the-mark-of-a-device"),
        pytest.param("%ProgramFiles%\\A B\\a.exe -x", ("%ProgramFiles%\\A B\\a.exe",), id="a-variable"),
        pytest.param("C:\\tools\\agent -x", ("C:\\tools\\agent",), id="without-an-ending"),
        pytest.param(f'cmd.exe /c start "" "{AGENT}"', ("cmd.exe", AGENT), id="what-a-shell-passes-on"),
        pytest.param(
            "C:\\Windows\\System32\\rundll32.exe C:\\x\\a.dll,Entry",
            ("C:\\Windows\\System32\\rundll32.exe", "C:\\x\\a.dll"),
            id="a-library-that-is-run",
        ),
        pytest.param("powershell -File C:\\x\\a.ps1", ("powershell", "C:\\x\\a.ps1"), id="a-script"),
        pytest.param("agent.exe C:\\x\\other.exe", ("agent.exe",), id="an-argument-is-not-started"),
    ],
)
def test_what_a_command_starts(command: str, programs: tuple[str, ...]) -> None:
    assert started(command) == programs


def test_a_long_command_costs_little() -> None:
    before = time.process_time()
    for _ in range(50):
        started("C:\\" + " a" * 50_000)
    assert time.process_time() - before < 2
