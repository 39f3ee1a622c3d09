"""What is remembered of programs is what would be found anew, whatever stands in their command lines."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.catalogue.index import Index, index_of
from auditor.catalogue.load import load_catalogue
from auditor.catalogue.programs import first_word, is_script_run, program_of_process
from auditor.catalogue.running import _process_hits
from auditor.model.facts.processes import Process
from auditor.model.host import OsFamily

_PROGRAMS = ["anydesk", "x11vnc", "rustdesk", "python3.11", "bash", "-sh", "Python", "worker", "x0tigervncserver", ""]
_WORDS = st.sampled_from(
    [*_PROGRAMS, *(f"/usr/bin/{name}" for name in _PROGRAMS), "-c", "exec", "--id=1", "vncserver:", "a\\b", "  ", "\t"]
)
_ARGUMENTS = st.lists(_WORDS, max_size=5).map(" ".join)


def _process(executable: str | None, name: str, arguments: str) -> Process:
    return Process(pid=1, parent=0, user="root", name=name, executable=executable, arguments=arguments)


@pytest.fixture(scope="module", params=list(OsFamily))
def warm(request: pytest.FixtureRequest) -> Index:
    return index_of(load_catalogue(), request.param)


@given(st.one_of(st.none(), _WORDS), _WORDS, st.lists(_ARGUMENTS, min_size=1, max_size=4))
def test_what_is_remembered_is_what_would_be_found(
    warm: Index, executable: str | None, name: str, those: list[str]
) -> None:
    for arguments in those:
        fact = _process(executable, name, arguments)
        cold = replace(warm, process_hits={}, program_hits={})
        assert _process_hits(fact, warm) == _process_hits(fact, cold)


@given(st.one_of(st.none(), _WORDS), _WORDS, _ARGUMENTS)
def test_where_no_script_is_run_the_first_word_is_enough(executable: str | None, name: str, arguments: str) -> None:
    first = first_word(arguments)
    if not is_script_run(executable, name, first):
        assert program_of_process(executable, name, arguments) == program_of_process(executable, name, first)
