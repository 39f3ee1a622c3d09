"""Which controls there are: every file beside this one that defines CONTROL, and what replaces one that was retired."""

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType, ModuleType

from auditor import controls as package
from auditor.controls.control import Control
from auditor.model.succession import last_successors
from auditor.model.verdict import ControlInfo


@cache
def controls() -> dict[str, Control]:
    """Return every control by its id, sorted; an id that is not its file's name is a fault of ours."""
    found: dict[str, Control] = {}
    for name, module in _modules():
        control = getattr(module, "CONTROL", None)
        if control is None:
            continue
        if control.id != name:
            message = f"control {control.id!r} lives in {name}.py"
            raise AssertionError(message)
        found[control.id] = control
    return dict(sorted(found.items()))


@cache
def retired_controls() -> Mapping[str, str]:
    """Return every retired control id with the control that carries on: files that define REPLACED_BY instead."""
    return successors(_modules(), controls())


def successors(modules: Iterable[tuple[str, ModuleType]], known: Iterable[str]) -> dict[str, str]:
    """Follow what modules say replaces them; one that leads to no control is a fault of ours."""
    found = last_successors({name: module.REPLACED_BY for name, module in modules if hasattr(module, "REPLACED_BY")})
    there = set(known)
    for retired, successor in found.items():
        if successor not in there or retired in there:
            message = f"control {retired!r} is replaced by {successor!r}, which is no control, or is one itself"
            raise AssertionError(message)
    return found


def _modules() -> Iterable[tuple[str, ModuleType]]:
    return [
        (file.name, importlib.import_module(f"{package.__name__}.{file.name}"))
        for file in pkgutil.iter_modules(package.__path__)
    ]


@cache
def control_infos() -> Mapping[str, ControlInfo]:
    """Return what reports say of each control."""
    infos = {
        control.id: ControlInfo(
            id=control.id,
            title=control.title,
            mitigation=control.mitigation,
            techniques=control.techniques,
            programme=control.programme,
            crosswalk=dict(control.crosswalk),
            proof=control.proof,
        )
        for control in controls().values()
    }
    return MappingProxyType(infos)
