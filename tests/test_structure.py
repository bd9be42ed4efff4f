"""Rules of the house that no import contract can tell."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent.parent
CALLS = {"Call", "grpc.ServicerContext"}
PACKAGES = [
    "preproc",
    "preproc.drift",
    "preproc.export",
    "preproc.graph",
    "preproc.page",
    "preproc.parity",
    "preproc.runtime",
    "preproc.scoring",
    "preproc.skew",
]


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_package_imports_is_what_it_offers(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__file__ is not None
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    imported = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == set(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)


def test_only_the_graph_package_knows_onnx_helper() -> None:
    users = {
        file.relative_to(ROOT).parts[1]
        for file in (ROOT / "preproc").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if (isinstance(node, ast.ImportFrom) and node.module == "onnx.helper")
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "onnx"
            and any(alias.name == "helper" for alias in node.names)
        )
    }
    assert users == {"graph"}


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("preproc", ("sklearn", "onnx", "onnxruntime", "grpc", "pandas")),
        ("preproc.runtime", ("sklearn", "onnx", "narwhals", "grpc", "pandas")),
        ("preproc_server.app", ("sklearn", "onnx", "narwhals", "pandas", "pyarrow")),
        ("preproc_server.journal", ("sklearn", "pandas", "scipy")),
        ("preproc.skew", ("sklearn", "grpc", "pandas", "scipy")),
        ("preproc_server.client", ("sklearn", "onnxruntime", "pandas", "polars")),
        ("preproc.cli.commands", ("sklearn", "grpc", "pandas", "matplotlib", "preproc.runtime")),
        ("preproc.cli.entry, preproc.cli.serving", ("typer", "grpc", "preproc.runtime")),
        ("preproc_server.configuring", ("typer", "pydantic", "grpc")),
    ],
    ids=str,
)
def test_heavy_imports_are_explicit(module: str, absent: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print(*[n for n in {absent!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


def test_no_module_is_too_long_to_read() -> None:
    files = [*(ROOT / "preproc").rglob("*.py"), *(ROOT / "server").rglob("*.py")]
    long = {
        file.name: len(file.read_text(encoding="utf-8").splitlines())
        for file in files
        if "pb" not in file.parts
    }
    assert {name: lines for name, lines in long.items() if lines > 400} == {}


def long_methods(source: str, limit: int) -> dict[str, int]:
    """Methods that answer calls, by the argument that tells of one: those of too many lines."""
    return {name: lines for name, lines in method_lines(source).items() if lines > limit}


def method_lines(source: str) -> dict[str, int]:
    """Lines of each, without signature, docstring and blank ones."""
    found = {}
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and CALLS & {
            ast.unparse(argument.annotation) for argument in node.args.args if argument.annotation
        }:
            body = node.body[ast.get_docstring(node) is not None :]
            span = lines[body[0].lineno - 1 : body[-1].end_lineno]
            found[node.name] = sum(bool(line.strip()) for line in span)
    return found


def test_a_method_of_a_service_decodes_calls_and_encodes() -> None:
    sources = [
        (ROOT / "server" / "preproc_server" / f"{module}.py").read_text(encoding="utf-8")
        for module in ("servicer", "administration", "generation", "health", "reflection")
    ]
    assert sum(len(method_lines(source)) for source in sources) > 25
    assert [long_methods(source, 10) for source in sources if long_methods(source, 10)] == []


def test_a_long_method_would_be_found() -> None:
    body = "".join(f"    x = {line}\n" for line in range(11))
    source = f'def infer(self, request: Request, call: Call) -> None:\n    """Say."""\n{body}'
    assert long_methods(source, 10) == {"infer": 11}
    assert long_methods(source, 11) == {}


def test_what_is_drawn_is_the_same_at_every_run_however_long_it_takes() -> None:
    drawing = settings()
    assert drawing.derandomize
    assert drawing.deadline is None
    assert HealthCheck.too_slow in drawing.suppress_health_check
