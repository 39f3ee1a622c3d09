"""A signature put into the text of an exceptions file or a policy: nothing else in it changes, comments included."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from auditor.errors import Problem
from auditor.located import read_document
from auditor.model.record import Record


class Entry(Record, kw_only=True):
    """What is signed, by its place in a file."""

    list: str
    """Key of the list that holds it: ``exceptions`` or ``accepted_limits``."""
    key: str
    """Key of its name."""
    name: str
    """Its name."""


_BOM = "\ufeff"
_STEP = "  "
_LAST = "-----END SSH SIGNATURE-----"


def block_to_paste(role: str, signature: str) -> str:
    """Return the lines that a person pastes into an entry, between its other keys."""
    return "\n".join(["signatures:", *_lines(_STEP, role, signature)])


def with_signature(text: str, entry: Entry, role: str, signature: str) -> str | None:
    """Return the text with a signature in its entry, in place of an earlier one; None where it cannot be put there.

    It can wherever the entry and its signatures are written a key a line. The result is read again: it has to say what
    the text said, and the signature, and no more.
    """
    bare = text.removeprefix(_BOM)
    made = _put(bare, entry, role, signature)
    if made is None or _data(made) != _expected(bare, entry, role, signature):
        return None
    return text[: len(text) - len(bare)] + made


def _lines(indent: str, role: str, signature: str) -> list[str]:
    return [f"{indent}{role}: |", *(f"{indent}{_STEP}{line}" for line in signature.strip().splitlines())]


def _put(text: str, entry: Entry, role: str, signature: str) -> str | None:
    node = next((one for one in _entry_nodes(text, entry.list) if _value(one, entry.key) == entry.name), None)
    if node is None or node.flow_style:
        return None
    lines = text.splitlines(keepends=True)
    indent = " " * node.value[0][0].start_mark.column
    there = _pair(node, "signatures")
    if there is None:
        after = _pair(node, "end")
        if after is None or after[1].start_mark.line != after[0].start_mark.line:
            return None
        new = [f"{indent}signatures:", *_lines(indent + _STEP, role, signature)]
        return _spliced(lines, after[0].start_mark.line + 1, 0, new)
    signatures = there[1]
    if not isinstance(signatures, yaml.MappingNode) or signatures.flow_style:
        return None
    new = _lines(" " * signatures.value[0][0].start_mark.column, role, signature)
    old = _pair(signatures, role)
    begin = (old or signatures.value[-1])[0].start_mark.line
    end = next((at + 1 for at in range(begin, len(lines)) if lines[at].strip() == _LAST), None)
    if end is None:
        return None
    return _spliced(lines, end, 0, new) if old is None else _spliced(lines, begin, end - begin, new)


def _spliced(lines: Sequence[str], at: int, count: int, new: Sequence[str]) -> str:
    """Put new lines in place of some, with the line ends that the file has."""
    line_end = "\r\n" if lines[0].endswith("\r\n") else "\n"
    before = "".join(lines[:at])
    if not before.endswith("\n"):
        before += line_end
    return before + "".join(line + line_end for line in new) + "".join(lines[at + count :])


def _entry_nodes(text: str, wanted: str) -> Iterator[yaml.MappingNode]:
    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    found = _pair(root, wanted) if isinstance(root, yaml.MappingNode) else None
    if found is not None and isinstance(found[1], yaml.SequenceNode):
        yield from (node for node in found[1].value if isinstance(node, yaml.MappingNode))


def _pair(node: yaml.MappingNode, name: str) -> tuple[yaml.Node, Any] | None:
    return next(((key, value) for key, value in node.value if key.value == name), None)


def _value(node: yaml.MappingNode, name: str) -> object:
    found = _pair(node, name)
    return None if found is None else found[1].value


def _expected(text: str, entry: Entry, role: str, signature: str) -> object:
    data: Any = deepcopy(_data(text))
    for one in data[entry.list]:
        if one[entry.key] == entry.name:
            one.setdefault("signatures", {})[role] = signature.strip() + "\n"
    return data


def _data(text: str) -> object:
    document = read_document(text, Path("exceptions.yml"), dates_as_text=True)
    return None if isinstance(document, Problem) else document.data
