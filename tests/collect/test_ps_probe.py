"""The probe for Windows: PowerShell that a constrained language takes, and an answer that survives any code page."""

import base64
import re

import pytest
import tree_sitter
import tree_sitter_powershell

from auditor.collect.envelope import open_envelope
from auditor.collect.probe import sections_of
from auditor.collect.ps_probe import PS_LAUNCHER, ps_call, ps_probe, ps_probe_sha256
from auditor.collect.seal import seal
from auditor.errors import HostError, Reason
from auditor.model.evidence import Outcome, Rights
from auditor.model.host import OsFamily
from auditor.model.probe import ProbeLimits

TOKEN = "00112233445566778899aabbccddeeff"
# What ConstrainedLanguage refuses (about_Language_Modes): types that are called, objects, COM, compiled code. Casts
# to the types it knows ([string], [int], ...) are allowed.
_REFUSED = re.compile(
    r"\]::|New-Object|Add-Type|\[pscustomobject\]|Invoke-CimMethod|Start-Process|\bcmd(\.exe)? /c", re.IGNORECASE
)
# What would change the host, or leave something on it.
_CHANGES = re.compile(
    r"\b(Set|New|Remove|Add|Out|Export|Start|Stop|Clear|Enable|Disable|Restart)-(?!Location\b)[A-Z]\w+|>"
)


def _command() -> str:
    return base64.b64decode(PS_LAUNCHER.rpartition(" ")[2]).decode("utf-16-le")


def _code(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


@pytest.mark.parametrize("text", [pytest.param(ps_probe(), id="probe"), pytest.param(_command(), id="launcher")])
def test_it_is_powershell(text: str) -> None:
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
    assert not parser.parse(text.encode()).root_node.has_error
    assert parser.parse(f"{text} (".encode()).root_node.has_error, "the grammar finds nothing"


def test_a_constrained_language_takes_it_and_nothing_is_changed() -> None:
    code = _code(ps_probe())
    assert _REFUSED.findall(code) == []
    assert _CHANGES.findall(code) == []
    assert _REFUSED.search("[Console]::Out")
    assert _CHANGES.search("Set-ItemProperty")


def test_it_is_ascii_and_its_lines_are_ended_alike() -> None:
    assert ps_probe().isascii()
    assert "\r" not in ps_probe()
    # The script ends where the last @@p: begins.
    assert "@@p:" not in ps_probe()


def test_the_launcher_reads_its_input_and_is_short() -> None:
    assert len(PS_LAUNCHER) < 1000
    assert "$input" in _command(), "PowerShell would leave its input unread"


def test_the_same_text_goes_to_every_host() -> None:
    calls = [ps_call(limits=ProbeLimits(), deadline=60, output_limit=10**7) for _ in range(2)]
    assert calls[0].token != calls[1].token
    assert {call.script_sha256 for call in calls} == {ps_probe_sha256()}
    assert calls[0].stdin.decode() == f"{ps_probe()}@@p:{calls[0].token} 8 4000000 45 none@@w:"


def test_every_section_is_asked_once() -> None:
    asked = re.findall(r"^ {4}Section '([a-z_.]+)' \{$", ps_probe(), re.MULTILINE)
    assert tuple(asked) == sections_of(OsFamily.WINDOWS)


def answer(*lines: str, head: str = "@head kernel Windows_NT 10.0.20348\n@head hostname WIN1\n") -> bytes:
    text = f"auditor-probe 1 {TOKEN} ascii\n{head}" + "".join(f"{line}\n" for line in lines) + "@finish\n"
    return text.replace("\n", "\r\n").encode()


def test_what_is_no_ascii_comes_back() -> None:
    data = answer("@begin software.uninstall", "|^u00c4mter ^u005e ^ud83d^ude00 ^ud800", "@end software.uninstall 0")
    envelope = open_envelope(stdout=b"\xef\xbb\xbfbanner\r\n" + data, stderr=b"", token=TOKEN, limit=10_000)
    assert envelope.answers[0].text == "Ämter ^ \N{GRINNING FACE} \N{REPLACEMENT CHARACTER}\n"


@pytest.mark.parametrize("code", ["000a", "000d", "001b", "0085", "009b", "2028", "007f"])
def test_what_ends_a_line_or_controls_a_terminal_stays_as_it_is_written(code: str) -> None:
    data = answer("@begin software.uninstall", f"|a^u{code}@begin x", "@end software.uninstall 0")
    envelope = open_envelope(stdout=data, stderr=b"", token=TOKEN, limit=10_000)
    assert [one.text for one in envelope.answers] == [f"a^u{code}@begin x\n"]


@pytest.mark.parametrize("text", ["^u12", "^uXYZW", "^", "^u", "^u00C4"])
def test_what_is_no_escape_stays(text: str) -> None:
    data = answer("@begin software.uninstall", f"|{text}", "@end software.uninstall 0")
    assert open_envelope(stdout=data, stderr=b"", token=TOKEN, limit=10_000).answers[0].text == f"{text}\n"


def test_an_answer_that_is_cut_is_noticed() -> None:
    data = answer("@begin software.uninstall", "|row")
    with pytest.raises(HostError) as raised:
        open_envelope(stdout=data[:-12], stderr=b"", token=TOKEN, limit=10_000)
    assert raised.value.reason is Reason.CUT_SHORT


@pytest.mark.parametrize(
    ("level", "rights"),
    [pytest.param("administrator", Rights.ROOT, id="whole"), pytest.param("limited", Rights.USER, id="filtered")],
)
def test_the_token_of_the_account_is_its_rights(level: str, rights: Rights) -> None:
    from datetime import UTC, datetime  # noqa: PLC0415

    head = f"@head kernel Windows_NT 10.0.20348\n@head hostname WIN1\n@head uid {level}\n@head clock 1795600000\n"
    lines = ("@begin services.windows", "@outcome denied Access denied", "@end services.windows 0")
    envelope = open_envelope(stdout=answer(*lines, head=head), stderr=b"", token=TOKEN, limit=10_000)
    evidence = seal(
        envelope, host="win-1", user="EXAMPLE\\audit", collected_at=datetime(2026, 11, 26, tzinfo=UTC),
        probe_sha256=None, tool_version="1", host_key=None,
    )  # fmt: skip
    assert (evidence.head.os, evidence.head.rights, evidence.head.user) == (OsFamily.WINDOWS, rights, "EXAMPLE\\audit")
    assert evidence.sections[0].outcome is Outcome.DENIED
