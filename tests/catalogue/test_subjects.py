"""Names in the subjects of certificates: of makers that write them as they should, and of those that mean harm."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.catalogue.subjects import names_in

_SPECIAL = ',+="\n<>#;'
_NAME = st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)


def _as_windows(value: str) -> str:
    """Write a value as Windows does: quoted where it has to be, a quote in it doubled."""
    if set(value) & set(_SPECIAL) or value != value.strip(" "):
        return '"' + value.replace('"', '""') + '"'
    return value


@pytest.mark.parametrize(
    ("subject", "names"),
    [
        pytest.param(
            "CN=AnyDesk Software GmbH, O=AnyDesk Software GmbH, L=Stuttgart, S=Baden-Württemberg, C=DE",
            ("AnyDesk Software GmbH",),
            id="as-windows-writes-it",
        ),
        pytest.param('CN="Projector.is, Inc.", O="Projector.is, Inc."', ("Projector.is, Inc.",), id="quoted-comma"),
        pytest.param('CN="Made ""Up"" Ltd", O=x', ('Made "Up" Ltd', "x"), id="doubled-quotes"),
        pytest.param("CN=Made Up\\, Inc.,O=Made Up", ("Made Up, Inc.", "Made Up"), id="escaped-comma"),
        pytest.param("cn=a + o=b,C=DE", ("a", "b"), id="several-in-one-part-and-small-letters"),
        pytest.param("O=M\\C3\\BCller GmbH", ("Müller GmbH",), id="bytes"),
        pytest.param("O= x  , CN=\\ y\\ ", ("x", " y "), id="blanks-around-are-none-of-it"),
        pytest.param("OID.2.5.4.15=Private, SERIALNUMBER=1, CN=q", ("q",), id="other-parts"),
        pytest.param("CN=, O=z", ("z",), id="an-empty-one"),
        pytest.param("E=a@example.org, OU=AnyDesk Software GmbH", (), id="a-unit-is-no-organisation"),
    ],
)
def test_common_name_and_organisation_are_read(subject: str, names: tuple[str, ...]) -> None:
    assert names_in(subject) == names


@pytest.mark.parametrize(
    ("subject", "names"),
    [
        pytest.param('CN="Evil"", O=AnyDesk Software GmbH"', ('Evil", O=AnyDesk Software GmbH',), id="within-quotes"),
        pytest.param("CN=Evil\\, O=AnyDesk Software GmbH", ("Evil, O=AnyDesk Software GmbH",), id="behind-a-backslash"),
        pytest.param('CN="Evil" O=AnyDesk', (), id="more-behind-quotes"),
        pytest.param('CN="Evil, O=AnyDesk', (), id="quotes-that-do-not-end"),
        pytest.param('CN=Ev"il, O=AnyDesk', (), id="a-quote-within"),
        pytest.param("O=AnyDesk,", (), id="nothing-behind-the-last-comma"),
        pytest.param("AnyDesk Software GmbH", (), id="no-subject-at-all"),
        pytest.param("=x, O=AnyDesk", (), id="a-part-without-a-name"),
        pytest.param("O=AnyDesk, x y=z", (), id="a-part-with-an-odd-name"),
        pytest.param("CN=\\ff", (), id="bytes-that-are-no-text"),
        pytest.param("CN=\ud800, O=AnyDesk", (), id="half-a-character"),
        pytest.param("", (), id="nothing"),
        pytest.param("O=AnyDesk, CN=" + "x" * 5000, (), id="beyond-any-length"),
    ],
)
def test_what_is_no_subject_names_nobody(subject: str, names: tuple[str, ...]) -> None:
    assert names_in(subject) == names


@given(common=_NAME, organisation=_NAME, unit=_NAME)
def test_what_windows_writes_is_read_back(common: str, organisation: str, unit: str) -> None:
    if "\\" in common + organisation + unit:
        return  # not quoted by Windows, and RFC 4514's escape
    subject = f"CN={_as_windows(common)}, OU={_as_windows(unit)}, O={_as_windows(organisation)}"
    assert names_in(subject) == tuple(dict.fromkeys((common, organisation)))


@given(st.text(max_size=200))
def test_no_text_is_fallen_over(text: str) -> None:
    assert all(isinstance(name, str) for name in names_in(text))


@pytest.mark.parametrize("piece", ['""', "\\,", "CN=a,", ", ", '"', "=", "\\", "a+"])
def test_it_takes_one_pass(piece: str) -> None:
    subject = ("CN=" + piece * 4096)[:4096]
    began = time.process_time()
    names_in(subject)
    assert time.process_time() - began < 0.05
