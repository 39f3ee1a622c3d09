"""Files, functions, names and data are shaped as CONTRIBUTING says."""

import ast
from collections.abc import Iterator
from pathlib import Path

_LINES_OF_A_FILE = 450
_LINES_OF_A_FUNCTION = 60
_CODE = {".css", ".html", ".j2", ".js", ".ps1", ".py", ".sh"}
_EMPTY_WORDS = {"util", "utils", "helper", "helpers", "manager", "base", "misc", "common"}
# Where a fault of ours becomes words: the command line; and the boundary around one host, on both its sides:
# the worker that reads its bytes, and the thread that carries a fault to the caller, who raises it. The filter that
# fills in one variable of one host inside Ansible stands at that boundary too: the operator's templates raise anything.
# The last boundaries: of the command line, of a host, and of a process of ours that ends there.
_MAY_CATCH_ALL = {
    "auditor/cli/main.py",
    "auditor/inventory/ansible_filter.py",
    "auditor/report/page_workers.py",
    "auditor/report/writing.py",
    "auditor/run/asking.py",
    "auditor/run/fanout.py",
    "auditor/run/apart.py",
    "auditor/run/reader.py",
    "auditor/run/readers.py",
}


def _functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _dataclasses(module: ast.Module) -> Iterator[tuple[ast.ClassDef, set[str]]]:
    """Give every dataclass with the options that are switched on."""
    for node in ast.walk(module):
        if not isinstance(node, ast.ClassDef):
            continue
        for decorator in node.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            name = ast.unparse(call.func if call else decorator)
            if name in ("dataclass", "dataclasses.dataclass"):
                yield (
                    node,
                    {
                        keyword.arg
                        for keyword in (call.keywords if call else ())
                        if keyword.arg and ast.unparse(keyword.value) == "True"
                    },
                )


def _records(module: ast.Module) -> Iterator[ast.ClassDef]:
    """Give every class that is a record, as far as its own line or its file says so."""
    known = {"Record"}
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef) and known & {ast.unparse(base) for base in node.bases}:
            known.add(node.name)
            yield node


def _is_by_name(node: ast.ClassDef) -> bool:
    return any(one.arg == "kw_only" and ast.unparse(one.value) == "True" for one in node.keywords)


def test_files_are_short_enough_to_be_read(root: Path, tree: tuple[Path, ...]) -> None:
    code = [path for path in tree if path.suffix in _CODE and path.parts[0] != "reports"]
    lengths = {str(path): len((root / path).read_bytes().splitlines()) for path in code}
    assert {path: count for path, count in lengths.items() if count > _LINES_OF_A_FILE} == {}


def test_functions_are_short_enough_to_be_read(modules: dict[Path, ast.Module]) -> None:
    long = [
        f"{path}:{function.lineno}: {function.name} has {lines} lines"
        for path, module in modules.items()
        for function in _functions(module)
        if (lines := (function.end_lineno or 0) - function.lineno + 1) > _LINES_OF_A_FUNCTION
    ]
    assert long == []


def test_every_module_of_the_package_says_which_question_it_answers(package: dict[Path, ast.Module]) -> None:
    assert [str(path) for path, module in package.items() if not ast.get_docstring(module)] == []


def test_init_files_hold_a_docstring_and_nothing_else(package: dict[Path, ast.Module]) -> None:
    root_file = Path("auditor/__init__.py")  # it names the version too, for the build
    full = [str(path) for path, module in package.items() if path.name == "__init__.py" and len(module.body) > 1]
    assert [path for path in full if Path(path) != root_file] == []
    assert len(package[root_file].body) == len(("docstring", "__version__"))


def test_names_of_files_say_something(tree: tuple[Path, ...]) -> None:
    # What stands below `products` is called as its maker calls it.
    ours = [path for path in tree if "products" not in path.parts]
    empty = [str(path) for path in ours if _EMPTY_WORDS & {word for part in path.parts for word in _words(part)}]
    assert empty == []


def _words(name: str) -> list[str]:
    return name.lower().partition(".")[0].replace("-", "_").split("_")


def test_data_of_the_model_is_frozen(package: dict[Path, ast.Module]) -> None:
    found = [(path, *found) for path, module in package.items() if _is_model(path) for found in _dataclasses(module)]
    assert found
    wanted = {"frozen", "slots", "kw_only"}
    assert [f"{path}:{node.lineno}: {node.name}" for path, node, options in found if not wanted <= options] == []


def test_frozen_data_is_a_record(package: dict[Path, ast.Module]) -> None:
    """Frozen dataclasses cost twelve times as much to make (ADR 0054); two keep caches, one stands below the model."""
    kept = {"Control", "Reading", "Problem"}
    found = {node.name for module in package.values() for node, options in _dataclasses(module) if "frozen" in options}
    assert found == kept


def test_records_have_their_fields_by_name(package: dict[Path, ast.Module]) -> None:
    """A record gets its place among others by its fields' order where it says so; none of the model does."""
    records = [(path, node) for path, module in package.items() if _is_model(path) for node in _records(module)]
    assert records
    assert [f"{path}:{node.lineno}: {node.name}" for path, node in records if not _is_by_name(node)] == []


def test_a_default_is_made_by_the_class_it_stands_in(package: dict[Path, ast.Module]) -> None:
    """A dataclass takes a record's ``field`` for a value, and gives it to everybody; nor does it work the other way."""
    mixed: list[str] = []
    for path, module in package.items():
        at = {
            alias.asname or alias.name: node.module
            for node in module.body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        of_dataclasses = {node for node, _ in _dataclasses(module)}
        for node in (one for one in ast.walk(module) if isinstance(one, ast.ClassDef)):
            meant = "dataclasses" if node in of_dataclasses else "auditor.model.record"
            mixed += [
                f"{path}:{one.lineno}: {node.name}"
                for one in node.body
                if isinstance(one, ast.AnnAssign)
                and isinstance(one.value, ast.Call)
                and ast.unparse(one.value.func) == "field"
                and at.get("field") != meant
            ]
    assert mixed == []


def test_every_field_of_the_model_has_its_sentence(package: dict[Path, ast.Module]) -> None:
    silent: list[str] = []
    for path, module in package.items():
        for node in [*(one for one, _ in _dataclasses(module)), *_records(module)] if _is_model(path) else ():
            for statement, following in zip(node.body, [*node.body[1:], None], strict=True):
                if isinstance(statement, ast.AnnAssign) and not _is_text(following):
                    silent.append(f"{path}:{statement.lineno}: {node.name}.{ast.unparse(statement.target)}")
    assert silent == []


def _is_model(path: Path) -> bool:
    return path.is_relative_to("auditor/model")


def _is_text(statement: ast.stmt | None) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
        and bool(statement.value.value.strip())
    )


def test_nothing_swallows_every_fault(package: dict[Path, ast.Module]) -> None:
    broad = [
        f"{path}:{line}"
        for path, module in package.items()
        if path.as_posix() not in _MAY_CATCH_ALL
        for line in _catch_alls(module)
    ]
    assert broad == []


def _catch_alls(module: ast.Module) -> Iterator[int]:
    """Give the lines of ``except:``, ``except Exception`` (in a tuple too) and ``suppress(Exception)``."""
    for node in ast.walk(module):
        if isinstance(node, ast.ExceptHandler):
            # What is caught and raised again is not swallowed.
            raised_again = any(isinstance(inner, ast.Raise) and inner.exc is None for inner in ast.walk(node))
            if not raised_again and (node.type is None or _names_all(node.type)):
                yield node.lineno
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "suppress":
            yield from (node.lineno for argument in node.args if _names_all(argument))


def _names_all(node: ast.expr) -> bool:
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    return any(ast.unparse(part).rpartition(".")[2] in ("Exception", "BaseException") for part in parts)
