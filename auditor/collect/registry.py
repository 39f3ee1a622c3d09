"""Which collectors there are: every ``auditor/collect/<folder>/<file>.py`` that defines PLUGIN."""

import importlib
import pkgutil
from functools import cache

from auditor import collect
from auditor.collect.collector import Collector


@cache
def collectors() -> dict[str, Collector]:
    """Return every collector by its id, sorted; an id that is not its file's name is a fault of ours."""
    found: dict[str, Collector] = {}
    for folder in pkgutil.iter_modules(collect.__path__):
        if not folder.ispkg:
            continue
        package = importlib.import_module(f"{collect.__name__}.{folder.name}")
        for file in pkgutil.iter_modules(package.__path__):
            plugin = getattr(importlib.import_module(f"{package.__name__}.{file.name}"), "PLUGIN", None)
            if plugin is None:
                continue
            if plugin.id != f"{folder.name}.{file.name}":
                message = f"collector {plugin.id!r} lives in {folder.name}/{file.name}.py"
                raise AssertionError(message)
            found[plugin.id] = plugin
    return dict(sorted(found.items()))
