"""The list of dpkg's packages is read alike in bulk, as it nearly always is, and row by row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.software import dpkg

_NAMES = st.sampled_from(["bash", "vino", "x11vnc", "tigervnc-standalone-server"])
_ROWS = st.builds(
    "{}\t{}\t{}\t{}".format,
    st.sampled_from(["installed", "config-files", "not-installed", "unpacked", "strange"]),
    _NAMES,
    st.sampled_from(["1.0-1", "2:4.3+dfsg1-1"]),
    st.sampled_from(["amd64", "all"]),
)
_LINES = st.lists(_ROWS | st.sampled_from(["", "installed\tonly three\tfields", "x" * 300]), max_size=8)


@given(_LINES)
def test_in_bulk_it_is_read_as_row_by_row(lines: list[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    read = dpkg.PLUGIN.parse(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dpkg, "_plainly", lambda _: None)
        assert dpkg.PLUGIN.parse(text) == read


def test_a_plain_list_is_read_in_bulk() -> None:
    lines = ["installed\tbash\t5.2\tamd64", "config-files\tvino\t3.22\tamd64", "installed\tbash\t5.2\ti386"]
    facts = dpkg._plainly(lines)
    assert facts is not None
    assert [(line, package.name) for line, package in facts] == [(1, "bash"), (2, "vino"), (3, "bash")]
    assert dpkg._plainly([*lines, lines[0]]) is None
    assert dpkg._plainly([]) is None
