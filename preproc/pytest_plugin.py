"""``pytest --preproc models/``: one test an artifact, backend and golden set, for target hardware.

Loaded by pytest in every run, so it imports nothing heavy before it is asked for something.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from preproc.parity import Finding, Recording

CONTRACT: Final = "contract.json"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("preproc", "golden rows of preproc's artifacts")
    group.addoption(
        "--preproc",
        metavar="FOLDER",
        action="append",
        default=[],
        help="replay the golden rows of every artifact below this folder; may be repeated",
    )
    group.addoption(
        "--preproc-backend",
        metavar="NAME",
        action="append",
        default=[],
        help="backend to run, by default those of `preproc parity`; may be repeated",
    )
    group.addoption(
        "--preproc-require",
        metavar="NAME",
        action="append",
        default=[],
        help="backend whose absence is a failure, not a skipped test; may be repeated",
    )
    group.addoption(
        "--preproc-quick",
        action="store_true",
        help="only the setting that serves, one call a golden set",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Collect the folders too; alone, when no other path was given."""
    folders = [str(Path(folder)) for folder in config.getoption("--preproc")]
    if folders:
        is_alone = config.args_source is not pytest.Config.ArgsSource.ARGS
        config.args = folders if is_alone else [*config.args, *folders]


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take the contract of each artifact below the folders as a file of tests."""
    if file_path.name != CONTRACT:
        return None
    folders = [Path(folder).resolve() for folder in parent.config.getoption("--preproc")]
    if any(folder in file_path.resolve().parents for folder in folders):
        collector: pytest.Collector = ArtifactFile.from_parent(parent, path=file_path)
        return collector
    return None


class ArtifactFile(pytest.File):
    """One artifact."""

    def collect(self) -> Iterator["BackendTests"]:
        """Give a collector a backend, in the order of the options."""
        from preproc.runtime import DEFAULT_BACKEND  # noqa: PLC0415  # heavy

        options = self.config.option
        named = options.preproc_backend or [DEFAULT_BACKEND, "reference"]
        for backend in dict.fromkeys([*named, *options.preproc_require]):
            yield BackendTests.from_parent(self, name=backend)


class BackendTests(pytest.Collector):
    """One artifact on one backend: run once, when its first test is."""

    _recording: "Recording | None" = None

    def collect(self) -> Iterator["GoldenTest"]:
        """Give a test a golden set, and one for where nodes ran."""
        from preproc.artifact import read_artifact  # noqa: PLC0415  # heavy

        artifact = read_artifact(self.path.parent)
        for vectors in artifact.vectors:
            yield GoldenTest.from_parent(self, name=vectors.name)
        yield GoldenTest.from_parent(self, name="placement" if artifact.vectors else "golden rows")

    def findings(self) -> "tuple[Finding, ...]":
        """Run and judge, once; one that did not run skips its test, or fails it if required."""
        from preproc.artifact import read_artifact  # noqa: PLC0415  # heavy
        from preproc.parity import judge_recording, record  # noqa: PLC0415

        if self._recording is None:
            is_quick = self.config.getoption("--preproc-quick")
            self._recording = record(
                read_artifact(self.path.parent),
                [self.name],
                sizes=() if is_quick else None,
                every_setting=not is_quick,
            )
        for one in self._recording.unrun:
            if self.name in self.config.getoption("--preproc-require"):
                pytest.fail(f"{one.word}: {one.problem}", pytrace=False)
            pytest.skip(f"{one.word}: {one.problem}")
        return judge_recording(self._recording).findings


class GoldenTest(pytest.Item):
    """One golden set of one artifact on one backend."""

    def runtest(self) -> None:
        """Fail with every breach in words; what compared nothing fails as well."""
        assert isinstance(self.parent, BackendTests)
        vectors = "" if self.name == "placement" else self.name
        mine = [one for one in self.parent.findings() if one.vectors == vectors]
        if not mine:
            raise BreachError([f"{self.name}: expected findings, got none"])
        breaches = [str(finding) for finding in mine if not finding.is_pass]
        if breaches:
            raise BreachError(breaches)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show breaches as lines; anything else as pytest does."""
        if isinstance(excinfo.value, BreachError):
            return "\n".join(excinfo.value.lines)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Name artifact, backend and set."""
        version, name = self.path.parent.name, self.path.parent.parent.name
        backend = self.parent.name if self.parent else ""
        return self.path, None, f"{name}/{version} on {backend}: {self.name}"


class BreachError(Exception):
    """What a test objects to, line by line."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        super().__init__("; ".join(lines))
