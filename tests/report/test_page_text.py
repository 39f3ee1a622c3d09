"""What stands in a page for a value is always what Jinja2 itself would escape of what is shown of it."""

from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import DictLoader, Environment, StrictUndefined, UndefinedError
from markupsafe import Markup, escape

from auditor.report.host_page import Rendered
from auditor.report.page_text import Pages, prose, shown, written


class Word(StrEnum):
    """A text that is none of Python's own."""

    SIGNS = "<&>'\"\u202e"


VALUES = st.one_of(
    st.text(),
    st.text(alphabet="&<>'\"a\u202e\n—"),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.lists(st.text()),
    st.text().map(Markup),
    st.just(Word.SIGNS),
)


@given(VALUES)
def test_a_value_is_written_as_jinja2_escapes_it(value: object) -> None:
    assert written(value) == str(escape(shown(value)))
    assert written(value) == str(escape(shown(value))), "the second time too"


def test_a_text_at_length_is_written_alike() -> None:
    text = "<b>" * 1000
    assert written(text) == str(escape(text))


def test_what_is_rendered_is_taken_as_it_is() -> None:
    assert written(Rendered("<b>")) == str(escape(Rendered("<b>"))) == "<b>"


TEMPLATE = """{% macro m(a) %}[{{ a }}{{ "<" }}]{% endmacro %}{{ value }}{{ "&" }}{{ m(value) }}{{ m(m(value)) }}
{%- set s %}{{ value }}{% endset %}{{ s }}{% for one in [value, 1, 2.5, none, true] %}{{ one }}{% endfor %}"""


@given(VALUES)
def test_a_template_renders_alike(value: object) -> None:
    pages = [
        kind(loader=DictLoader({"a": TEMPLATE}), autoescape=True, undefined=StrictUndefined, finalize=shown)
        for kind in (Environment, Pages)
    ]
    jinja2s, ours = (one.get_template("a").render(value=value) for one in pages)
    assert ours == jinja2s


def test_templates_are_compiled_to_ask_us() -> None:
    code = Pages(autoescape=True, finalize=shown).compile("{{ value }}", raw=True)
    assert "environment.written(" in code
    assert "finalize" not in code


def test_an_unknown_name_stays_an_error() -> None:
    template = Pages(autoescape=True, finalize=shown, undefined=StrictUndefined).from_string("{{ value }}")
    with pytest.raises(UndefinedError):
        template.render()


_MACRO = """{% set parts = (text or "").split("`") %}{% if parts | length is odd %}{% for part in parts %}
{%- if loop.index is odd %}{{ part }}{% else %}<code>{{ part }}</code>{% endif %}{% endfor %}
{%- else %}{{ text }}{% endif %}"""


@given(st.one_of(st.none(), st.text(), st.text(alphabet="`<a& ")))
def test_code_stands_between_backticks(text: str | None) -> None:
    template = Environment(autoescape=True, finalize=shown).from_string(_MACRO)
    assert prose(text) == template.render(text=text)
