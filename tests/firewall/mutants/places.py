"""Places of the evaluator that can be broken, and how: one mutant each.

Left out by rule, since no verdict can show them: annotations, docstrings, f-strings and what is raised (texts for
people), the arguments of decorators, ``strict=`` (lengths are equal), tables of numbers by name (copied from a manual:
no test but the same table could hold them), and the sizes of caches and budgets named in ``_BOUNDS``.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "auditor" / "firewall"
# What is made of the answers is held by the tests of reports and controls; nft_words writes rules for people.
_NOT_THE_EVALUATOR = frozenset(
    ("access.py", "reach.py", "egress.py", "outside.py", "nft_words.py", "published.py", "registry.py")
)
_BOUNDS = frozenset(("_KEPT", "_CLASSES", "_LARGE", "_REMEMBERED", "_DEPTH", "_CHOICES", "STEP_BUDGET"))
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
    """The file."""
    number: int
    """Which of the places of this file, in the order of the tree."""
    line: int
    """Its line, counted from 1."""
    function: int
    """Line at which the innermost function that holds it begins, decorators included; 0 outside of any."""
    statement: range
    """Lines of the statement that holds it, those of statements inside of that left out."""
    text: str
    """The line, without its indent."""
    before: str
    """The expression or statement."""
    after: str
    """What it is broken into."""

    @property
    def file(self) -> str:
        """Return the file's path in the package."""
        return str(self.path.relative_to(PACKAGE))

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what a mutant is known by, wherever its line is."""
        return self.file, self.text, f"{self.before}  ->  {self.after}"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.before}  ->  {self.after}"

    def tree(self) -> ast.Module:
        """Return the file's tree, broken."""
        tree = _Breaker(self.number).visit(ast.parse(self.path.read_text()))
        return ast.fix_missing_locations(tree)  # type: ignore[no-any-return]


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

    # ---- what is left out

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.body = [self.visit(one) for one in node.body]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.args.defaults = [self.visit(one) for one in node.args.defaults]
        node.body = [self.visit(one) for one in node.body]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        is_bound = isinstance(node.targets[0], ast.Name) and node.targets[0].id in _BOUNDS
        return node if is_bound else self.generic_visit(node)

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        is_table = all(isinstance(one, ast.Constant | ast.Tuple) for one in node.values)
        return node if is_table else self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        return node if node.arg == "strict" else self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        return node


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Give every mutant of a file."""
    text = path.read_text()
    lines = text.splitlines()
    breaker, tree = _Breaker(), ast.parse(text)
    functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)]
    spans = [(one.body[0].lineno, one.end_lineno or 0, _beginning(one)) for one in functions]
    statements = [_lines(one) for one in ast.walk(tree) if isinstance(one, ast.stmt)]
    breaker.visit(tree)
    for number, (line, before, after) in enumerate(breaker.places):
        yield Mutant(
            path=path,
            number=number,
            line=line,
            function=max((begins for first, last, begins in spans if first <= line <= last), default=0),
            statement=max((one for one in statements if line in one), key=lambda one: (one.start, -one.stop)),
            text=lines[line - 1].strip(),
            before=before,
            after=after,
        )


def _lines(statement: ast.stmt) -> range:
    """Return the lines of a statement; of one that holds others, its head."""
    body = getattr(statement, "body", None)
    end = body[0].lineno - 1 if body else statement.end_lineno or 0
    return range(statement.lineno, max(end, statement.lineno) + 1)


def _beginning(function: ast.FunctionDef) -> int:
    return min([function.lineno, *(one.lineno for one in function.decorator_list)])


def every_mutant() -> list[Mutant]:
    """Return all mutants of the evaluator."""
    paths = sorted(path for path in PACKAGE.rglob("*.py") if path.name not in _NOT_THE_EVALUATOR)
    return [mutant for path in paths for mutant in mutants_of(path)]
