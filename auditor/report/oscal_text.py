"""The words of OSCAL documents: identities that stay the same, and text of hosts that is text in Markdown too."""

import json
import re
import uuid
from collections.abc import Iterable

from auditor.report.rows import Row
from auditor.report.visible import visible

_ROOT = uuid.UUID("1d144c4e-c44c-4e39-9621-89479a1437a6")
"""Namespace of every identity here, drawn once; also names our properties, which mean nothing elsewhere."""
NAMESPACE = f"urn:uuid:{_ROOT}"
"""Namespace of properties that are ours, as a URI."""

# OSCAL, "Markup data types": Markdown with {{ }} for parameters. CommonMark 0.31, 2.4: every ASCII punctuation
# character may stand behind a backslash. `<`, `>` and `&` become entities, which HTML without Markdown reads as well.
_ESCAPED = str.maketrans(
    {**{sign: f"\\{sign}" for sign in "\\`*_{}[]|~^$!"}, "<": "&lt;", ">": "&gt;", "&": "&amp;"},
)
# What would begin a heading, a list, a quotation or a rule.
_BLOCK = re.compile(r"[-+=#:]|[0-9]{1,9}(?=[.)])")
# GitHub's Markdown makes links of these without being asked.
_LINKS = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
_SPACE = "⟨U+0020⟩"


def identity(*parts: str) -> str:
    """Return the UUID (version 5) of what these parts name, the same in every document and run that names it so."""
    # JSON keeps parts apart whatever a host calls itself.
    return str(uuid.uuid5(_ROOT, json.dumps(parts)))


def markup(text: str) -> str:
    """Return text on one line that Markdown and HTML show as it is, nothing in it a link, an element or a parameter."""
    shown = _LINKS.sub(lambda found: f"\\{found[0]}", visible(text).translate(_ESCAPED))
    block = _BLOCK.match(shown)
    if block:
        # A digit cannot be escaped, the sign behind it can.
        shown = f"{block[0]}\\{shown[block.end() :]}" if block[0].isdigit() else f"\\{shown}"
    return _ends(shown)


def string(text: str) -> str:
    """Return text as OSCAL's string: one line, something in it, no space at either end. It is no Markdown."""
    return _ends(visible(text))


def _ends(shown: str) -> str:
    inner = shown.strip(" ")
    if inner == shown and inner:
        return shown
    # Two names that differ in a space at the end stay two names.
    before = len(shown) - len(shown.lstrip(" "))
    after = 0 if not inner else len(shown) - len(shown.rstrip(" "))
    return (_SPACE * before + inner + _SPACE * after) or "⟨empty⟩"


def prop(name: str, value: object) -> Row:
    """Return a property of ours."""
    return {"name": name, "ns": NAMESPACE, "value": _value(value)}


def standard_prop(name: str, value: object) -> Row:
    """Return a property whose name and meaning OSCAL itself defines."""
    return {"name": name, "value": _value(value)}


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return string(str(value))


def props(found: Iterable[tuple[str, object | None]]) -> list[Row]:
    """Return properties of ours for what is known."""
    return [prop(name, value) for name, value in found if value is not None]
