"""What the README and the pages of docs/ show is what happens."""

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
PAGES = {
    page.name: re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    for page in sorted((ROOT / "docs").glob("*.md"))
}
COMMANDS = re.findall(r"^\$ (preproc [^#\n]*)", README, re.MULTILINE)


def run(*command: str, folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_readme_holds_examples() -> None:
    assert len(PYTHON) == 2
    assert len(COMMANDS) == 4


def test_the_example_runs_and_so_do_the_commands_on_what_it_wrote(tmp_path: Path) -> None:
    said = run(sys.executable, "-W", "error", "-c", PYTHON[0], folder=tmp_path)
    assert "late/1: proved against scikit-learn" in said
    script = Path(sys.executable).with_name("preproc")
    for command in COMMANDS[:3]:
        assert "late" in run(str(script), *command.split()[1:], folder=tmp_path)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, object], str]]:
    """What the first example leaves behind, served; the names it made, and the port."""
    from preproc_server.app import Server  # noqa: PLC0415  # after the example has run
    from preproc_server.settings import Settings  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("readme")
    space: dict[str, object] = {}
    with contextlib.chdir(folder):
        exec(PYTHON[0], space)  # noqa: S102  # our own README
    server = Server(Settings(repository=folder / "models", host="localhost", port=0))
    port = server.start()
    try:
        assert server.wait_proved(60)
        yield space, str(port)
    finally:
        server.stop(0)


def test_the_client_example_runs_against_the_served_example(
    served: tuple[dict[str, object], str],
) -> None:
    names, port = served
    space = dict(names)
    exec(PYTHON[1].replace("8001", port), space)  # noqa: S102  # our own README
    answers = space["answers"]
    assert isinstance(answers, dict)
    assert len(answers["label"]) == 100


def test_the_pages_hold_examples() -> None:
    assert len(PAGES["client.md"]) == 5


@pytest.mark.parametrize("page", [page for page, blocks in PAGES.items() if blocks])
def test_the_examples_of_a_page_run_one_after_another(
    served: tuple[dict[str, object], str], page: str
) -> None:
    _, port = served
    space: dict[str, object] = {}
    for block in PAGES[page]:
        exec(block.replace("8001", port), space)  # noqa: S102  # our own page


@pytest.mark.parametrize("name", re.findall(r"`((?:preproc|server|examples|proto)/[^`]*)`", README))
def test_every_path_of_the_code_organisation_exists(name: str) -> None:
    assert (ROOT / name).exists()
