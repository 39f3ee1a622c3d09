"""Which dialects there are: every file beside this one that defines DIALECT."""

import importlib
import pkgutil
from functools import cache

from auditor.firewall.dialects import __name__ as package
from auditor.firewall.dialects import __path__ as folder
from auditor.firewall.dialects.dialect import Dialect


@cache
def dialects() -> dict[str, Dialect]:
    """Return every dialect by its id, sorted; an id that is not its file's name is a fault of ours."""
    found: dict[str, Dialect] = {}
    for file in pkgutil.iter_modules(folder):
        dialect = getattr(importlib.import_module(f"{package}.{file.name}"), "DIALECT", None)
        if dialect is None:
            continue
        if dialect.id != file.name:
            raise AssertionError(f"dialect {dialect.id!r} lives in {file.name}.py")
        found[dialect.id] = dialect
    return dict(sorted(found.items()))
