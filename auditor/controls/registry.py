"""Which controls there are: every file beside this one that defines CONTROL."""

import importlib
import pkgutil
from functools import cache

from auditor import controls as package
from auditor.controls.control import Control
from auditor.model.verdict import ControlInfo


@cache
def controls() -> dict[str, Control]:
    """Return every control by its id, sorted; an id that is not its file's name is a fault of ours."""
    found: dict[str, Control] = {}
    for file in pkgutil.iter_modules(package.__path__):
        control = getattr(importlib.import_module(f"{package.__name__}.{file.name}"), "CONTROL", None)
        if control is None:
            continue
        if control.id != file.name:
            message = f"control {control.id!r} lives in {file.name}.py"
            raise AssertionError(message)
        found[control.id] = control
    return dict(sorted(found.items()))


def control_infos() -> dict[str, ControlInfo]:
    """Return what reports say of each control."""
    return {
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
