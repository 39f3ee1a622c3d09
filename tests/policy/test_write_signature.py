"""A signature put into an exceptions file: everything else stays as it was."""

from pathlib import Path

import pytest
import yaml

from auditor.policy.write_signature import Entry, block_to_paste, with_signature

_SIGNATURE = "-----BEGIN SSH SIGNATURE-----\nAAAA\nBBBB==\n-----END SSH SIGNATURE-----\n"
_OTHER = _SIGNATURE.replace("AAAA", "CCCC")
_TEXT = """\
# Ours.
exceptions:
  # The first.
  - id: EX-1
    start: 2027-01-01
    end: 2027-12-31   # the contract
    # what follows is signed

  - {id: EX-2, start: 2027-01-01, end: 2027-12-31}
  -   end: '2027-12-31'
      id: EX-3
      reason: |
        several
        lines
"""


def signed(text: str, name: str = "EX-1", role: str = "requested_by", signature: str = _SIGNATURE) -> str:
    made = with_signature(text, Entry(list="exceptions", key="id", name=name), role, signature)
    assert made is not None
    return made


def test_a_signature_is_put_after_the_end_and_nothing_else_changes() -> None:
    block = (
        "    signatures:\n      requested_by: |\n        -----BEGIN SSH SIGNATURE-----\n        AAAA\n"
        "        BBBB==\n        -----END SSH SIGNATURE-----\n"
    )
    head, line, rest = _TEXT.partition("    end: 2027-12-31   # the contract\n")
    assert signed(_TEXT) == head + line + block + rest


def test_the_second_stands_after_the_first_and_a_new_one_takes_the_place_of_an_old_one() -> None:
    once = signed(_TEXT)
    twice = signed(once, role="approved_by", signature=_OTHER)
    assert twice.index("requested_by") < twice.index("approved_by")
    assert yaml.safe_load(twice)["exceptions"][0]["signatures"] == {"requested_by": _SIGNATURE, "approved_by": _OTHER}
    again = signed(twice, signature=_OTHER)
    assert again == twice.replace("AAAA", "CCCC")
    assert signed(again) == twice


def test_an_entry_may_be_indented_and_ordered_as_people_like() -> None:
    made = signed(_TEXT, "EX-3")
    assert yaml.safe_load(made)["exceptions"][2]["signatures"] == {"requested_by": _SIGNATURE}
    assert made.replace(made[made.index("      signatures:") : made.index("      id: EX-3")], "") == _TEXT


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_line_ends_are_those_of_the_file(line_end: str, bom: str) -> None:
    text = bom + _TEXT.replace("\n", line_end)
    made = signed(text)
    assert made == bom + signed(_TEXT).replace("\n", line_end)


def test_a_file_without_its_last_line_end_gets_it() -> None:
    text = "exceptions:\n- id: EX-1\n  end: 2027-12-31"
    assert signed(text).startswith(text + "\n  signatures:\n    requested_by: |\n")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param(_TEXT, "EX-2", id="an-entry-on-one-line"),
        pytest.param(_TEXT, "EX-4", id="no-such-entry"),
        pytest.param("exceptions:\n- id: EX-1\n  end:\n    2027-12-31\n", "EX-1", id="a-value-below-its-key"),
        pytest.param("exceptions:\n- id: EX-1\n  end: 2027-12-31\n  signatures: {}\n", "EX-1", id="on-one-line"),
        pytest.param("exceptions:\n- id: EX-1\n  reason: x\n", "EX-1", id="without-an-end"),
        pytest.param(
            "exceptions:\n- &a\n  id: EX-1\n  end: 2027-12-31\n- <<: *a\n  id: EX-2\n",
            "EX-1",
            id="what-another-inherits",
        ),
        pytest.param("exceptions: nothing\n", "EX-1", id="no-list"),
        pytest.param(
            "exceptions:\n- id: EX-1\n  end: 2027-12-31\n  signatures:\n    requested_by: x\n",
            "EX-1",
            id="no-signature",
        ),
    ],
)
def test_where_it_cannot_be_put_nothing_is_changed(text: str, name: str) -> None:
    entry = Entry(list="exceptions", key="id", name=name)
    assert with_signature(text, entry, "requested_by", _SIGNATURE) is None


def test_a_limit_of_a_policy_is_signed_in_its_place() -> None:
    text = "name: x\naccepted_limits:\n  - limit: walk-budget\n    end: 2027-12-31 # a year\n    owner: Ada\n"
    made = with_signature(text, Entry(list="accepted_limits", key="limit", name="walk-budget"), "owner", _SIGNATURE)
    assert made is not None
    assert yaml.safe_load(made)["accepted_limits"][0]["signatures"] == {"owner": _SIGNATURE}
    head, _, rest = made.partition("    signatures:\n")
    assert head + rest[rest.index("    owner: Ada") :] == text


def test_what_is_to_be_pasted_reads_as_what_is_meant() -> None:
    assert yaml.safe_load(block_to_paste("approved_by", _SIGNATURE)) == {"signatures": {"approved_by": _SIGNATURE[:-1]}}


def test_the_demos_file_was_made_so() -> None:
    file = Path(__file__).parents[2] / "auditor" / "demo" / "exceptions.yml"
    text = file.read_text(encoding="utf-8")
    for role, armour in yaml.safe_load(text)["exceptions"][0]["signatures"].items():
        assert signed(text, "press-7-until-replaced", role, armour) == text
