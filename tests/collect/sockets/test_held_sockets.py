"""Who holds a socket is read alike whether the list was read before or not, whatever a process calls itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.sockets import ss_row

_NAMES = st.one_of(
    st.text(max_size=15),
    st.text(alphabet='",pid=1f)( ', max_size=15),
    st.sampled_from(['",pid=1,fd=3)) ', '",pid=1,fd=3)', "))", '")) ', "a)) b", "ü" * 7, "ü" * 8]),
)
_ENTRIES = st.builds('("{}",pid={},fd={})'.format, _NAMES, st.integers(0, 10**12), st.integers(0, 99))
_LISTS = st.builds(
    "users:({}{}".format,
    st.lists(_ENTRIES, min_size=1, max_size=3).map(",".join),
    st.sampled_from([") ino:7 sk:1", ")", "", "))", ") ", ')) x",pid=2,fd=1))']),
)


def _outcome(read: object, text: str) -> object:
    try:
        return read(text)  # type: ignore[operator]
    except ValueError as error:
        return str(error)


@given(st.one_of(_LISTS, st.text(alphabet='users:(",pid=1f)\n ').map(lambda rest: f'users:(("a{rest}')))
def test_a_list_is_read_as_if_for_the_first_time(text: str) -> None:
    expected = _outcome(ss_row._owners, text)
    assert [_outcome(ss_row._held, text) for _ in range(2)] == [expected, expected]


def test_a_name_that_ends_a_list_is_the_longer_one() -> None:
    (owner,), rest = ss_row._held('users:(("",pid=1,fd=3)) ",pid=77,fd=5)) ino:7')
    assert (owner.pid, owner.name, rest) == (77, '",pid=1,fd=3)) ', "ino:7")


@pytest.mark.parametrize("text", ["", "ino:7", "users:", "users:("])
def test_what_is_no_list_is_left(text: str) -> None:
    assert ss_row._held(text) == ((), text)
