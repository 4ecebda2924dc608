"""The folders promise a direction of dependency; these tests keep the promise."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import stepwell

ROOT = Path(stepwell.__file__).parent
MAY_IMPORT = {
    "errors": "",
    "runtime": "",
    "progress": "errors",
    "etl": "progress errors",
    "pipeline": "etl errors",
    "handler": "pipeline etl progress errors",
    "asl": "errors",
    "engine": "asl errors",
    "journal": "asl engine errors",
    "resources": "runtime errors",
    "mapruns": "asl engine journal resources errors",
    "worker": "mapruns asl engine journal resources errors",
    "api": "asl engine journal errors",
    "insight": "asl errors",
    "operate": "insight progress errors",
    "monitor": "operate insight progress errors",
    "aws": "pipeline errors",
    "postgres": "errors",
}
WIRING = {"__init__", "__main__", "cli"}  # the public names, and the place where the parts are put together
PURE = {"asl", "engine"}
OUTSIDE_WORLD = (
    "asyncio ctypes fcntl http io logging multiprocessing os pathlib psycopg secrets select shutil signal socket"
    " sqlite3 subprocess sys tempfile threading time urllib uuid"
)
FILES = sorted(ROOT.rglob("*.py"))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")


def part_of(module: str) -> str:
    """The folder or file right below the package that a module belongs to."""
    return [*module.split("."), "__init__"][1]


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports, also in functions and for type checking only."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from imported_from(node)


def imported_from(node: ast.ImportFrom) -> Iterator[str]:
    assert node.module
    for alias in node.names:
        name = f"{node.module}.{alias.name}"
        yield name if name in MODULES else node.module


MODULES = {module_of(path): path for path in FILES}
GRAPH = {
    module: {name for name in imports_of(path) if name in MODULES and name != module}
    for module, path in MODULES.items()
}


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """The groups of modules that reach each other (strongly connected components of more than one)."""
    reached = {module: reachable(graph, module) for module in graph}
    groups = {frozenset(other for other in reached[module] if module in reached[other]) for module in graph}
    return [set(group) for group in groups if len(group) > 1]


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    open_ends = [start]
    while open_ends:
        new = graph[open_ends.pop()] - found
        found |= new
        open_ends += new
    return found


def test_the_check_for_circles_sees_one_and_sees_none() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [{"a", "b", "c"}]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_a_part_imports_only_what_it_may(path: Path) -> None:
    me = part_of(module_of(path))
    if me in WIRING:
        return
    assert me in MAY_IMPORT, f"{me} is not in the plan of the house"
    used = {part_of(name) for name in imports_of(path) if name.split(".")[0] == "stepwell"}
    assert used <= {me, *MAY_IMPORT[me].split()}


def test_nothing_imports_the_package_root() -> None:
    """The root re-exports the parts, so that a part which imported it would import everything."""
    assert [module for module, path in MODULES.items() if "stepwell" in imports_of(path)] == []


def test_imports_are_written_in_full() -> None:
    trees = {module: ast.walk(ast.parse(path.read_text())) for module, path in MODULES.items()}
    relative = [m for m, nodes in trees.items() if any(isinstance(n, ast.ImportFrom) and n.level for n in nodes)]
    assert relative == []


def test_there_is_no_import_circle_of_any_kind() -> None:
    """Also none inside a folder, and none that an import in a function or for type checking would hide."""
    below_the_root = {module: uses - {"stepwell"} for module, uses in GRAPH.items() if module != "stepwell"}
    assert circles(below_the_root) == []


def test_no_file_grows_past_five_hundred_lines() -> None:
    assert [module for module, path in MODULES.items() if len(path.read_text().splitlines()) > 500] == []


def test_the_engine_stays_small() -> None:
    """The whole language, durable, served over its API: at most 9,000 lines, blank ones aside."""
    parts = {"asl", "engine", "journal", "runtime", "resources", "api", "worker", "mapruns"}
    engine = [path for module, path in MODULES.items() if module.split(".")[1:2] and module.split(".")[1] in parts]
    lines = [line for path in engine for line in path.read_text().splitlines()]
    assert 5_000 < sum(1 for line in lines if line.strip()) <= 9_000


def test_the_core_touches_nothing_of_the_outside_world() -> None:
    for module, path in pure_files():
        assert {name.split(".")[0] for name in imports_of(path)} & set(OUTSIDE_WORLD.split()) == set(), module


def test_the_core_is_handed_time_and_randomness() -> None:
    """It may name the type of the randomness that it is handed, and read a date; it asks no clock and makes no dice."""
    for module, path in pure_files():
        assert "random" not in plainly_imported(path), module
        assert names_from("random", path) <= {"Random"}, module
        assert called(path) & {"now", "today", "utcnow", "Random"} == set(), module


def pure_files() -> Iterator[tuple[str, Path]]:
    return ((module, path) for module, path in MODULES.items() if part_of(module) in PURE)


def plainly_imported(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text()))
    return {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}


def names_from(module: str, path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text()))
    froms = (node for node in nodes if isinstance(node, ast.ImportFrom) and node.module == module)
    return {alias.name for node in froms for alias in node.names}


def called(path: Path) -> set[str]:
    """The last word of everything that a file calls by name."""
    functions = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    attributes = {function.attr for function in functions if isinstance(function, ast.Attribute)}
    return attributes | {function.id for function in functions if isinstance(function, ast.Name)}


def test_what_is_shipped_to_lambda_imports_nothing_of_the_engine() -> None:
    shipped = {"errors", "progress", "etl", "pipeline", "handler"}
    for module in MODULES:
        if part_of(module) in shipped:
            assert {part_of(name) for name in reachable(GRAPH, module)} <= shipped, module


AWS_CLIENTS = {"cli", "aws", "resources", "operate", "progress"}


def test_the_commands_here_never_import_an_aws_client() -> None:
    """It costs half a second; only what talks to AWS may import it, and only in the function that does."""
    for module, path in MODULES.items():
        at_load = {name.split(".")[0] for name in load_time_imports(path)}
        assert at_load & {"boto3", "botocore"} == set(), module
        if part_of(module) not in AWS_CLIENTS and module != "stepwell.pipeline.secrets":
            assert {name.split(".")[0] for name in imports_of(path)} & {"boto3", "botocore"} == set(), module


def load_time_imports(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("entry", ["stepwell.cli.main", "stepwell.handler"])
def test_starting_up_loads_neither_an_aws_client_nor_a_database_driver(entry: str) -> None:
    code = f"import sys, {entry}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & {"boto3", "botocore", "psycopg", "starlette", "uvicorn"} == set()
