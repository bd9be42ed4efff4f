"""Rules of the house that no import contract can tell."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ["preproc", "preproc.export", "preproc.graph", "preproc.parity", "preproc.runtime"]


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
        ("preproc", ("sklearn", "onnxruntime", "grpc", "pandas")),
        ("preproc.runtime", ("sklearn", "grpc", "pandas")),
        ("preproc_server.app", ("sklearn", "pandas")),
        ("preproc_server.client", ("sklearn", "onnxruntime", "pandas", "polars")),
        ("preproc.cli", ("sklearn", "grpc", "pandas")),
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
