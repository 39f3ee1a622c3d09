"""Which report formats there are: every file beside this one that defines FORMAT."""

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType

from auditor import report
from auditor.report.format import Format


def _discover() -> dict[str, Format]:
    found: dict[str, Format] = {}
    for file in pkgutil.iter_modules(report.__path__):
        name = f"{report.__name__}.{file.name}"
        if file.ispkg or name == __name__:
            continue
        candidate = getattr(importlib.import_module(name), "FORMAT", None)
        if isinstance(candidate, Format):
            if candidate.id in found:
                message = f"two report formats are called {candidate.id!r}; the second is in {name}"
                raise AssertionError(message)
            found[candidate.id] = candidate
    return dict(sorted(found.items()))


FORMATS: Mapping[str, Format] = MappingProxyType(_discover())
"""Every format by the word ``--format`` takes, sorted."""
