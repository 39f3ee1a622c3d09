"""What bash 3.2 of macOS cannot parse is not in the probe, although every newer shell takes it.

bash 3.2 does not parse a command substitution when it reads one: it looks for the bracket that ends it by counting
brackets outside of quotes, and before bash 4.0 the one after a pattern of ``case`` counts, too, unless another opened
it (bash 3.2, parse.y, ``parse_matched_pair``). One such place and no line of the script runs. No bash 3.2 is at hand,
so what it would take for the command is cut out as it does, and put to the bash that is.
"""

import re
import shutil
import subprocess
from collections.abc import Callable

import pytest

from auditor.collect.probe import LAUNCHER, entry_script, sh_probe

_ENDS = {"(": ")", "{": "}", "[": "]"}
_WORD_ENDS = " \t\n;&|()<>"


def _matched(text: str, at: int, *, opened: str, is_command: bool, found: list[str]) -> int:
    """Return where what ``opened`` before ``at`` is over for bash 3.2, and keep the commands that stand in it."""
    close = _ENDS.get(opened, opened)
    start, count = at, 1
    while at < len(text):
        letter = text[at]
        if is_command and letter == "#" and (at == start or text[at - 1] in " \t\n"):
            at = (text + "\n").index("\n", at)
            continue
        if letter == "\\" and opened != "'":
            at += 2
            continue
        at += 1
        if letter == close:
            count -= 1
            if not count:
                return at
        elif opened == "'":
            continue
        elif letter == "$" and opened != "`" and text[at : at + 1] in tuple(_ENDS):
            at = _group(text, at, is_command=False, found=found)
        elif letter == opened and opened != "{":
            count += 1
        elif letter in "'\"`" and opened in _ENDS:
            at = _matched(text, at, opened=letter, is_command=False, found=found)
    pytest.fail(f"bash 3.2 finds no end of {text[start - 2 : start + 80]!r}")


def _group(text: str, at: int, *, is_command: bool, found: list[str]) -> int:
    """Return where the group is over that a dollar begins, and keep it where it is a command."""
    end = _matched(text, at + 1, opened=text[at], is_command=is_command, found=found)
    if text[at] == "(" and text[at + 1] != "(":
        found.append(text[at + 1 : end - 1])
    return end


def _substitutions(script: str) -> list[str]:
    """Return the commands that bash 3.2 cuts out of a script, and out of the scripts that stand in its quotes."""
    found: list[str] = []
    at, is_word = 0, False
    while at < len(script):
        letter = script[at]
        at += 1
        if letter == "#" and not is_word:
            at = (script + "\n").index("\n", at)
        elif letter == "\\":
            at += 1
        elif letter in "'\"`":
            end = _matched(script, at, opened=letter, is_command=False, found=found)
            inner = script[at : end - 1]
            if letter == "'" and "$(" in inner and _complaint(inner) == "":
                found += _substitutions(inner)
            at = end
        elif letter == "$" and script[at : at + 1] in tuple(_ENDS):
            at = _group(script, at, is_command=True, found=found)
        is_word = letter not in _WORD_ENDS
    return found


def _complaint(script: str) -> str:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed: apt-get install bash")
    return subprocess.run([bash, "-n"], input=script, capture_output=True, text=True, check=False, timeout=60).stderr


def _broken(script: str) -> list[str]:
    """Return the commands that are cut out in the wrong place."""
    commands = _substitutions(script)
    whole = "".join(f"f{number}() {{\n{command}\n}}\n" for number, command in enumerate(commands))
    return [command for command in commands if _complaint(command)] if _complaint(whole) else []


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(sh_probe, id="probe"),
        pytest.param(lambda: LAUNCHER, id="launcher"),
        pytest.param(entry_script, id="entry"),
    ],
)
def test_bash_of_macos_finds_the_end_of_every_command_substitution(script: Callable[[], str]) -> None:
    text = script()
    assert len(_substitutions(text)) >= len(re.findall(r"=\$\([a-z$]", text)) > 0
    assert _broken(text) == []


@pytest.mark.parametrize(
    ("script", "is_broken"),
    [
        pytest.param("x=$(case a in a) echo yes ;; esac)", True, id="pattern"),
        pytest.param("x=$(case a in (a) echo yes ;; esac)", False, id="pattern-in-brackets"),
        pytest.param('x="${y#$(case a in a) echo yes ;; esac)}"', True, id="pattern-inside-of-quotes"),
        pytest.param("sh -c 'x=$(case a in a) echo yes ;; esac)'", True, id="pattern-in-a-script-in-quotes"),
        pytest.param("f() { case a in a) x=$(echo yes) ;; esac; }", False, id="substitution-inside-of-case"),
        pytest.param("x=$(awk '{ sub(/[)].*/, \"(\") }') y=$((2 * $#))", False, id="brackets-in-quotes"),
        pytest.param("x=$(\n# it's (one\necho)", False, id="comment"),
        pytest.param('x="$(echo "a)b" \'c)\')"', False, id="quotes-inside-of-quotes"),
    ],
)
def test_what_bash_of_macos_cannot_parse_is_known(script: str, is_broken: bool) -> None:
    assert _complaint(script) == ""
    assert bool(_broken(script)) == is_broken
