"""Read the sets and maps of nft's JSON as the fields that are looked up in them ask for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from auditor.firewall.dialects.nft_values import box, everything
from auditor.firewall.dialects.values import Json
from auditor.model.ruleset import Action, Box, Field, Keys, Truth

_PASSIVE = frozenset(("val", "timeout", "expires", "comment", "counter"))
_PAIR = 2


@dataclass(slots=True, kw_only=True)
class NamedSet:
    """A set or map of a table, its elements still as nft writes them."""

    elements: list[Json] = field(default_factory=list)
    """Elements: values, or pairs of value and data."""
    is_open: bool
    """Whether packets or time add members."""
    read: dict[tuple[Field, ...], Keys] = field(default_factory=dict)
    """What was made of it, by the fields that are looked up."""
    read_map: dict[tuple[Field, ...], tuple[tuple[Box, Action], ...]] = field(default_factory=dict)
    """The same for a verdict map."""


def read_set(named: NamedSet, fields: tuple[Field, ...], names: dict[str, int] | None = None) -> Keys:
    """Return a set's members; ValueError for an element that does not fit the fields."""
    known = named.read.get(fields)
    if known is None:
        entries = members(named.elements, fields, names)
        known = named.read[fields] = Keys(entries=entries, is_open=named.is_open)
    return known


def members(
    elements: Sequence[Json], fields: tuple[Field, ...], names: dict[str, int] | None = None
) -> tuple[tuple[Box, Truth], ...]:
    """Read the elements of a set; one with a condition of its own (a limit, a quota) may hold or not."""
    made: list[tuple[Box, Truth]] = []
    catch_all: list[tuple[Box, Truth]] = []
    for element in elements:
        value, is_plain = _bare(element)
        truth = Truth.YES if is_plain else Truth.MAYBE
        if value == "*":
            catch_all.append((everything(fields), truth))
        else:
            made.append((box(fields, value, names), truth))
    return (*made, *catch_all)


def pairs(
    elements: Sequence[Json],
    fields: tuple[Field, ...],
    read_action: Callable[[Json], Action],
    names: dict[str, int] | None = None,
) -> tuple[tuple[Box, Action], ...]:
    """Read the elements of a verdict map."""
    made: list[tuple[Box, Action]] = []
    catch_all: list[tuple[Box, Action]] = []
    for element in elements:
        if not isinstance(element, list) or len(element) != _PAIR:
            raise ValueError("an element of a map that is not a pair")
        value, is_plain = _bare(element[0])
        if not is_plain:
            raise ValueError("an element of a map with a condition of its own")
        action = read_action(element[1])
        if value == "*":
            catch_all.append((everything(fields), action))
        else:
            made.append((box(fields, value, names), action))
    return (*made, *catch_all)


def _bare(element: Json) -> tuple[Json, bool]:
    """Take an element out of what is said about it; False when that can keep it from matching."""
    if isinstance(element, dict) and len(element) == 1 and isinstance(element.get("elem"), dict):
        body = element["elem"]
        return body.get("val"), set(body) <= _PASSIVE
    return element, True
