"""What the data of the auditor is made of: immutable records with named fields.

A record is a ``msgspec.Struct``: as strict as a frozen dataclass, made in a twelfth of the time, and its class in a
fortieth. An audit makes millions of the first, and hundreds of the second before its first word (ADR 0054).
"""

from functools import cache
from inspect import get_annotations
from typing import Annotated, TypeVar, dataclass_transform

from msgspec import Struct, field
from msgspec.structs import asdict, replace

__all__ = ["Draft", "Record", "Unshown", "asdict", "field", "replace"]

T = TypeVar("T")
_UNSHOWN = "unshown"

Unshown = Annotated[T, _UNSHOWN]
"""A field that no ``repr`` shows: a secret, or a text too long for a message."""


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Record(Struct, frozen=True):
    """Data that stays as it was made: fields by name, equal by their values, a hash where all of them have one.

    ``replace`` gives a copy with other values; ``asdict`` its fields by name, where a record among them stays one. A
    ``repr``, and so a traceback or a log, shows no field that is declared as ``Unshown[…]``.
    """

    def __repr__(self) -> str:
        """Return its class and its fields, but for those that are not to be shown."""
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in _shown(type(self)))})"


class Draft(Struct):
    """Data while it is read: as a record, but that its fields may be set, and made as quickly."""


@cache
def _shown(kind: type[Record]) -> tuple[str, ...]:
    """Return the fields that a ``repr`` shows."""
    hidden = {
        name
        for above in kind.__mro__
        for name, said in get_annotations(above).items()
        if _UNSHOWN in getattr(said, "__metadata__", ())
    }
    return tuple(name for name in kind.__struct_fields__ if name not in hidden)
