"""``python -m tests.firewall.mutants``: break the evaluator in one place at a time and see whether its tests notice.

Each mutant is tried in a process of its own, forked before the evaluator is imported, by the tests beside this file
that need neither root nor much time. One that all tests pass has survived: the tests do not hold that place.
"""

import argparse
import ast
import copy
import importlib.abc
import importlib.machinery
import importlib.util
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import hypothesis  # noqa: F401 — imported once, before the processes fork
import pytest

_ROOT = Path(__file__).parents[2]
_PACKAGE = _ROOT / "auditor" / "firewall"
_TESTS = _ROOT / "tests" / "firewall"
# The quick ones first: most mutants do not live to see the others.
_FIRST = ("test_kernel_facts.py", "test_nft_json.py", "test_iptables_save.py", "test_kernel_vectors.py")
_LAST = ("test_laws.py",)
# What is made of the answers is held by the tests of reports and controls.
_NOT_THE_EVALUATOR = frozenset(("reach.py", "egress.py", "outside.py"))
_SECONDS = 120
_COMPARES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One place, broken."""

    path: Path
    number: int
    """Which of the places of this file, in the order of the tree."""
    line: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(_PACKAGE)}:{self.line}: {self.before}  ->  {self.after}"


class _Breaker(ast.NodeTransformer):
    """Counts the places of a tree that can be broken, and breaks one."""

    def __init__(self, wanted: int | None = None) -> None:
        self.wanted = wanted
        self.count = 0
        self.places: list[tuple[int, str, str]] = []

    def _place(self, node: ast.AST, broken: ast.AST) -> ast.AST:
        number, self.count = self.count, self.count + 1
        if self.wanted is None:
            before, after = (ast.unparse(one).splitlines()[0][:90] for one in (node, broken))
            self.places.append((getattr(node, "lineno", 0), before, after))
            return node
        return ast.copy_location(broken, node) if number == self.wanted else node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        made: ast.AST = node
        for index, operator in enumerate(node.ops):
            broken = copy.deepcopy(node)
            broken.ops[index] = _COMPARES[type(operator)]()
            made = self._place(node, broken) if made is node else made
        return made

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        return self._place(node, ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        return self._place(node, node.operand) if isinstance(node.op, ast.Not) else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        other = _OPERATORS.get(type(node.op))
        return node if other is None else self._place(node, ast.BinOp(node.left, other(), node.right))

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        return self._place(node, ast.Pass())

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, bool):
            return self._place(node, ast.Constant(not node.value))
        return self._place(node, ast.Constant(node.value + 1)) if isinstance(node.value, int) else node

    def visit_If(self, node: ast.If) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.test, ast.Compare | ast.BoolOp | ast.UnaryOp):
            return node
        return self._place(node, ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse))

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        self.generic_visit(node)
        return self._place(node, ast.Pass()) if isinstance(node.value, ast.Call) else node

    def visit_Continue(self, node: ast.Continue) -> ast.AST:
        return self._place(node, ast.Break())

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.body = [self.visit(one) for one in node.body]  # not `@dataclass(slots=True)`
        return node

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        # A table of numbers by name is copied from a manual: no test but the same table could hold all of it.
        return (
            node if all(isinstance(one, ast.Constant | ast.Tuple) for one in node.values) else self.generic_visit(node)
        )

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        # A broken `strict=True` shows nothing as long as the lengths are right.
        return node if node.arg == "strict" else self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is not None:  # the annotation does nothing when the code runs
            node.value = self.visit(node.value)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.args.defaults = [self.visit(one) for one in node.args.defaults]
        node.body = [self.visit(one) for one in node.body]
        return node


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Give every mutant of a file."""
    breaker = _Breaker()
    breaker.visit(ast.parse(path.read_text()))
    for number, (line, before, after) in enumerate(breaker.places):
        yield Mutant(path=path, number=number, line=line, before=before, after=after)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the broken module in place of the whole one."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        self._name = ".".join(mutant.path.relative_to(_ROOT).with_suffix("").parts)

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find the one module that is broken."""
        del path, target
        return importlib.util.spec_from_loader(fullname, self) if fullname == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the broken tree."""
        tree = _Breaker(self._mutant.number).visit(ast.parse(self._mutant.path.read_text()))
        module.__file__ = str(self._mutant.path)
        exec(compile(ast.fix_missing_locations(tree), str(self._mutant.path), "exec"), module.__dict__)  # noqa: S102


def _arguments() -> list[str]:
    files = sorted(path.name for path in _TESTS.glob("test_*.py"))
    order = [*_FIRST, *(name for name in files if name not in (*_FIRST, *_LAST)), *_LAST]
    quick = [
        "-x",
        "-q",
        "-m",
        "not slow",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
        "-o",
        "addopts=--import-mode=importlib",
    ]
    return [*quick, *(str(_TESTS / name) for name in order)]


def try_mutant(mutant: Mutant | None) -> str:
    """Run the tests on a mutant (None: on what is whole); return killed, survived or timeout."""
    child = os.fork()
    if not child:
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        signal.alarm(_SECONDS)
        if mutant is not None:
            sys.meta_path.insert(0, _Finder(mutant))
        status = pytest.main(_arguments())
        os._exit(0 if status == pytest.ExitCode.OK else 1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "timeout" if os.WTERMSIG(status) == signal.SIGALRM else "killed"
    return "survived" if os.waitstatus_to_exitcode(status) == 0 else "killed"


def _chosen(options: argparse.Namespace) -> Sequence[Mutant]:
    here = [path for path in _PACKAGE.rglob("*.py") if path.name not in _NOT_THE_EVALUATOR]
    paths = sorted(path for path in here if not options.file or path.name in options.file)
    every = [mutant for path in paths for mutant in mutants_of(path)]
    random.Random(options.seed).shuffle(every)  # noqa: S311 — the same every time, on purpose
    return every[: options.count] if options.count else every


def main() -> int:
    """Try mutants and print the survivors and the figures; exit status 1 when the tests fail on what is whole."""
    parser = argparse.ArgumentParser(prog="python -m tests.firewall.mutants", description=__doc__)
    parser.add_argument("--seed", default="mutants", help="which mutants come first")
    parser.add_argument("--count", type=int, default=200, help="how many; 0 for all")
    parser.add_argument("--minutes", type=float, default=600, help="stop after so long")
    parser.add_argument("--file", action="append", default=[], help="only mutants of this file, such as way.py")
    options = parser.parse_args()
    if try_mutant(None) != "survived":
        print("the tests fail on the evaluator as it is", file=sys.stderr)
        return 1
    end = time.monotonic() + options.minutes * 60
    counted: Counter[str] = Counter()
    for mutant in _chosen(options):
        if time.monotonic() > end:
            break
        fate = try_mutant(mutant)
        counted[fate] += 1
        if fate != "killed":
            print(f"{fate}: {mutant}", flush=True)
    print(f"{sum(counted.values())} mutants: {', '.join(f'{count} {fate}' for fate, count in sorted(counted.items()))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
