"""What a host said reaches a play as text, whatever it looks like (``test_ansible_plays`` asks Ansible itself)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.remediate.playing import PlayRefusedError
from auditor.remediate.unsafe import unsafe_json


def _read(value: Any) -> Any:
    """Read it as Ansible does; a text without a mark is a failure."""
    assert not isinstance(value, str)
    if isinstance(value, dict):
        if "__ansible_unsafe" in value:
            (text,) = value.values()
            return text
        return {key: _read(one) for key, one in value.items()}
    return [_read(one) for one in value] if isinstance(value, list) else value


_PLAIN = st.text() | st.integers() | st.booleans()
_NAMES = st.text().filter(lambda name: not name.startswith("__ansible"))


@given(st.dictionaries(_NAMES, _PLAIN | st.lists(_PLAIN | st.dictionaries(_NAMES, _PLAIN))))
def test_everything_reads_back_as_it_was_and_every_text_is_marked(values: dict[str, Any]) -> None:
    assert _read(json.loads(unsafe_json(values))) == values


@pytest.mark.parametrize("name", ["__ansible_unsafe", "__ansible_vault", "__ansible_type"])
def test_a_value_cannot_bring_a_mark_of_its_own(name: str) -> None:
    with pytest.raises(PlayRefusedError, match="mark of its own"):
        unsafe_json({"capsule": {"state": [{name: "!vault"}]}})
