"""The application firewall of macOS: no verdict is another than Apple's documents give."""

from typing import Any

import pytest

from auditor.firewall.dialects.macos_application import DIALECT, read_application
from auditor.firewall.dialects.macos_application_text import read_listing
from auditor.firewall.protocol import Answers
from tests.firewall.documented import assert_answered, assert_sourced
from tests.firewall.macos_case import application_section, question, vectors

_CASES = vectors("macos_application_vectors.yml")


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in _CASES])
def test_what_is_documented_is_what_is_answered(case: dict[str, Any]) -> None:
    assert_answered(case, Answers().answer(question(case)))


def test_the_vectors_say_where_they_come_from() -> None:
    assert_sourced(_CASES, DIALECT, least=40)


_WHOLE = application_section({"apps": {"/Applications/A: B.app": True, "/usr/bin/x": False}})


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        pytest.param("# asked\n", "", "ends before its end", id="cut"),
        pytest.param("# asked\n", "# asked\nx\n", "after the end", id="more-behind-the-end"),
        pytest.param("(State = 1)", "(State = 7)", "unknown answer", id="another-state"),
        pytest.param("# globalstate\nFirewall is enabled. (State = 1)\n", "", "whether it is on", id="no-state"),
        pytest.param("set to disabled.", "set to maybe.", "unknown answer", id="another-answer"),
        pytest.param("apps = 2", "apps = 3", "3 programs are counted", id="a-program-is-missing"),
        pytest.param("2 : /usr", "3 : /usr", "no program of the list", id="a-number-is-missing"),
        pytest.param("(Allow incoming", "(Ask for incoming", "unknown answer", id="another-deed"),
        pytest.param("stealth mode is on", "stealth mode is odd", "unknown answer", id="another-stealth"),
        pytest.param("downloaded signed software", "built-in signed software", "told before", id="told-twice"),
        pytest.param("# stealthmode\n", "# other\n", "unknown question", id="another-question"),
        pytest.param("# stealthmode\nFirewall stealth mode is on\n", "", "whether it is stealthy", id="no-stealth"),
    ],
)
def test_what_is_not_whole_is_no_ruleset(old: str, new: str, reason: str) -> None:
    assert old in _WHOLE
    with pytest.raises(ValueError, match=reason):
        read_application(_WHOLE.replace(old, new, 1))


def test_a_section_that_is_not_there_is_no_ruleset() -> None:
    with pytest.raises(ValueError, match="was not asked about"):
        DIALECT.read({})
    assert DIALECT.read({"firewall.application": _WHOLE}).doubts == ()


_OLDER = """# globalstate
Firewall is enabled. (State = 1)
# blockall
Block all DISABLED!
# allowsigned
Automatically allow signed built-in software ENABLED
Automatically allow downloaded signed software DISABLED
# stealthmode
Stealth mode enabled
# listapps
ALF: total number of apps = 2

1 :  /Applications/A.app
 \t ( Allow incoming connections )

2 :  /usr/local/bin/b
 \t ( Block incoming connections )

# asked
"""


def test_older_versions_word_it_otherwise() -> None:
    """Of macOS 13 and 14 by what is published of their answers."""
    listing = read_listing(_OLDER)
    assert listing.apps == [("/Applications/A.app", True), ("/usr/local/bin/b", False)]
    assert listing.allows == {"system": True, "developer": False}
    assert (listing.state, listing.blocks_all, listing.is_stealth) == ("on", False, True)


def test_what_is_off_need_not_say_more() -> None:
    assert read_application("# globalstate\nFirewall is disabled. (State = 0)\n# asked\n").bases == ()
