"""The manual page of a control as blocks that a page can set: headings, paragraphs, lists, and what is code in them."""

from collections.abc import Iterator

from auditor.model.record import Record

_HEADING, _ITEM = "## ", "* "


class Block(Record, kw_only=True):
    """One block of a manual page."""

    kind: str
    """``heading``, ``paragraph`` or ``list``."""
    items: tuple[tuple[tuple[bool, str], ...], ...]
    """Its items (one, but for a list), each as pieces of text and whether a piece is code."""


def blocks_of(manual: str) -> tuple[Block, ...]:
    """Read a manual page, its first sentence left out: that is the control's title."""
    return tuple(_blocks(manual.strip().partition("\n")[2].splitlines()))


def _blocks(lines: list[str]) -> Iterator[Block]:
    kind, items = "", list[str]()
    for line in [*lines, ""]:
        text = line.strip()
        is_list = line.startswith(_ITEM)
        if items and (not text or line.startswith(_HEADING) or (is_list and kind != "list")):
            yield Block(kind=kind, items=tuple(_pieces(item) for item in items))
            items = []
        if line.startswith(_HEADING):
            yield Block(kind="heading", items=(_pieces(line.removeprefix(_HEADING).strip()),))
        elif is_list:
            kind = "list"
            items.append(line.removeprefix(_ITEM).strip())
        elif text and items:
            items[-1] += f" {text}"
        elif text:
            kind, items = "paragraph", [text]


def _pieces(text: str) -> tuple[tuple[bool, str], ...]:
    """Part text at its backticks: every second piece is code."""
    return tuple((bool(number % 2), piece) for number, piece in enumerate(text.split("`")) if piece)
