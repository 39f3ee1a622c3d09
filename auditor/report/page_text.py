"""How a value stands in a page: what it says made visible and escaped, once however often it comes.

Jinja2 makes an object of each value, several calls of Python's own, and escapes that. Imported only by what renders: it
loads Jinja2.
"""

from typing import Any

from jinja2 import Environment
from jinja2.compiler import CodeGenerator

from auditor.report.host_page import Rendered
from auditor.report.visible import visible

_KEPT, _KEPT_LENGTH = 20_000, 200
"""Texts that are kept as they stand in a page, and the characters that one may have to be kept."""
_KEPT_PROSE, _LONG_PROSE = 2000, 1000
"""The same of texts that hold code."""


def shown(value: object) -> object:
    """Make every value a template prints harmless and visible; what is not known is a dash."""
    if value is None:
        return "—"
    if type(value) is str:
        return value if value.isascii() and value.isprintable() else visible(value)
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return visible(str(value))
    return value


def escaped(text: str) -> str:
    """Escape a text as Jinja2 does."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("'", "&#39;").replace('"', "&#34;")


class _Texts(dict[str, str]):
    """Texts as they stand in a page, by themselves: most of what one page says stands in many."""

    def __missing__(self, text: str) -> str:
        made = escaped(str(shown(text)))
        if len(text) <= _KEPT_LENGTH and len(self) < _KEPT:
            self[text] = made
        return made


_TEXTS = _Texts()


def written(value: Any) -> str:  # noqa: ANN401 — whatever a template prints
    """Return what stands in a page for a value: always what Jinja2's ``escape`` makes of what is ``shown`` of it."""
    kind = type(value)
    if kind is str:
        return _TEXTS[value]
    if kind is int:
        return str(value)
    made = shown(value)
    return str(made.__html__()) if hasattr(made, "__html__") else escaped(str(made))


class _Prose(dict[str, Rendered]):
    """Texts that hold code, as they stand in a page."""

    def __missing__(self, text: str) -> Rendered:
        parts = [written(part) for part in text.split("`")]
        is_paired = len(parts) % 2 == 1
        coded = (f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))
        made = Rendered("".join(coded) if is_paired else written(text))
        if len(text) <= _LONG_PROSE and len(self) < _KEPT_PROSE:
            self[text] = made
        return made


_PROSE = _Prose()


def prose(text: str | None) -> Rendered:
    """Write a text with code between backticks; one with an odd number of them is written as it is."""
    return _PROSE[text or ""]


class _Writer(CodeGenerator):
    """Has templates call ``written`` for each value.

    Where a later Jinja2 does not ask here, its own code escapes what is ``shown``, by ``finalize``.
    """

    def _output_child_pre(self, *_: Any) -> None:  # noqa: ANN401 — Jinja2's own types
        self.write("environment.written(")

    def _output_child_post(self, *_: Any) -> None:  # noqa: ANN401
        self.write(")")


class Pages(Environment):
    """Templates whose every value is ``written``."""

    code_generator_class = _Writer
    written = staticmethod(written)
