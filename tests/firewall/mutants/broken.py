"""Breaking the evaluator in a process: the code of one function is exchanged, or a module is read anew."""

import gc
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import TypeAlias

from tests.firewall.mutants.places import PACKAGE, ROOT, Mutant

Functions: TypeAlias = dict[str, list[FunctionType]]
"""Functions by the path of their file."""


def functions() -> Functions:
    """Return every function of the evaluator that is alive."""
    made: Functions = {}
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and one.__code__.co_filename.startswith(str(PACKAGE)):
            made.setdefault(one.__code__.co_filename, []).append(one)
    return made


def exchange(mutant: Mutant, alive: Functions) -> bool:
    """Put the broken code in place of the whole one wherever it is held; False when it is no function's."""
    broken = compile(mutant.tree(), str(mutant.path), "exec")
    whole = compile(mutant.path.read_text(), str(mutant.path), "exec")
    made = {_name(code): code for code in _codes(broken)}
    changed = {_name(code): made[_name(code)] for code in _codes(whole) if made.get(_name(code)) != code}
    if broken.replace(co_consts=()) != whole.replace(co_consts=()) or not changed:
        return False
    done = False
    for one in alive[str(mutant.path)]:
        code = changed.get(_name(one.__code__))
        if code is not None:
            one.__code__ = code
            done = True
    return done


def _name(code: CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Give the code of every function and class inside of a module's."""
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield one
            yield from _codes(one)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the broken module in place of the whole one."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        self._name = ".".join(mutant.path.relative_to(ROOT).with_suffix("").parts)

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find the one module that is broken."""
        del path, target
        return importlib.util.spec_from_loader(fullname, self) if fullname == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the broken tree."""
        module.__file__ = str(self._mutant.path)
        exec(compile(self._mutant.tree(), str(self._mutant.path), "exec"), module.__dict__)  # noqa: S102


def import_anew(mutant: Mutant) -> None:
    """Forget every module that could hold a part of the whole one: what is imported from here on is broken."""
    sys.meta_path.insert(0, _Finder(mutant))
    for name in [one for one in sys.modules if one.startswith("auditor.") and not one.startswith("auditor.model")]:
        del sys.modules[name]
