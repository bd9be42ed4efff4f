"""The same rows in another process: at another hour, in another time zone, under another hash.

Clocks, zones and seeds reach code by more ways than one process can intercept, so each world is a
process of its own. libfaketime reaches every clock,
numpy's among them; where it is not installed, time-machine moves those of Python and pandas.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import cloudpickle

from preproc.errors import CheckError
from preproc.export.checking import elsewhere
from preproc.export.checking.relations import Finding, Trial
from preproc.export.checking.samples import Cells, cells_of, rows_in
from preproc.export.process import environment_with

TIMEOUT_S: Final = 120.0


_Running = tuple[subprocess.Popen[str], Path]
"""A process, and where it writes its answer."""


@dataclass(frozen=True, slots=True)
class World:
    """Surroundings of a process.

    Attributes
    ----------
    problem
        What it means when an answer differs from the one at home.
    clock
        Date and hour, UTC.
    zone
        Time zone.
    seed
        Of Python's hashes.
    """

    problem: str = ""
    clock: str = "2001-02-03 04:05:06"
    zone: str = "UTC"
    seed: str = "1"


HOME: Final = World()
ANOTHER: Final = "another process"
FAR: Final = World(
    "another hour, time zone and hash seed together answer otherwise",
    clock="2031-08-17 13:45:59",
    zone="Asia/Kathmandu",
    seed="2",
)
"""All of them changed at once: what answers there as in this process needs no other world."""
WORLDS: Final[Mapping[str, World]] = {
    "wall clock": World("another hour answers otherwise", clock="2031-08-17 13:45:59"),
    "time zone": World("another time zone answers otherwise", zone="Asia/Kathmandu"),
    "hash seed": World("another seed of Python's hashes answers otherwise", seed="2"),
}


def clock_reach() -> str:
    """Tell what moves the clock: ``libfaketime``, ``time-machine``, or empty for nothing."""
    if _faketime():
        return "libfaketime"
    return "time-machine" if find_spec("time_machine") else ""


@contextmanager
def begun(
    trials: Sequence[Trial],
) -> Iterator[Callable[[], tuple[list[Finding], dict[str, str]]]]:
    """Ask steps in every world at once, in a process that starts on entry.

    Parameters
    ----------
    trials
        Steps with samples.

    Yields
    ------
    Callable
        Waits, and gives what `world_findings` does; raises as that does.
    """
    try:
        content = cloudpickle.dumps(
            [(trial.stage.fitted, trial.stage.method, trial.data) for trial in trials]
        )
    except Exception as error:  # noqa: BLE001  # pickling runs the user's own code
        why = f"not tried: the steps cannot be pickled: {error}"
        yield lambda: ([], dict.fromkeys(WORLDS, why))
        return
    with tempfile.TemporaryDirectory(prefix="preproc-") as folder:
        question = Path(folder) / "question.pkl"
        question.write_bytes(content)
        running = _started(question, FAR)
        try:
            yield lambda: _findings(question, trials, running)
        finally:
            process, _ = running
            if process.returncode is None:  # nobody waited
                process.kill()
                process.communicate()


def world_findings(trials: Sequence[Trial]) -> tuple[list[Finding], dict[str, str]]:
    """Ask steps in every world.

    Parameters
    ----------
    trials
        Steps with samples.

    Returns
    -------
    list of Finding
        Where a world answers otherwise than home.
    dict
        World → ``tried``, or why it was not: steps that cannot be pickled, no clock to move.

    Raises
    ------
    CheckError
        When a process fails twice, or takes too long: its last words.
    """
    with begun(trials) as wait:
        return wait()


def _findings(
    question: Path, trials: Sequence[Trial], running: _Running
) -> tuple[list[Finding], dict[str, str]]:
    here = [trial.want for trial in trials]
    far = _answers(question, {ANOTHER: FAR}, {ANOTHER: running})[ANOTHER]
    off = _differences(FAR, ANOTHER, trials, here, far)
    worlds = {"home": HOME, **WORLDS} if off else {}
    started = {name: _started(question, world) for name, world in worlds.items()}
    answers = _answers(question, worlds, started)
    found = [
        finding
        for name, world in (WORLDS if off else {}).items()
        for finding in _differences(world, name, trials, answers["home"], answers[name])
    ]
    reach = clock_reach()
    clock = f"tried with {reach}" if reach else "not tried: install libfaketime or time-machine"
    status = {name: clock if name == "wall clock" else "tried" for name in WORLDS}
    return found or off, status  # seeds may agree by chance where something else differs


def _differences(
    world: World,
    name: str,
    trials: Sequence[Trial],
    home: Sequence[Cells | None],
    got: Sequence[Cells | None],
) -> list[Finding]:
    found = []
    for trial, want, other in zip(trials, home, got, strict=True):
        if want is not None and len(want) == rows_in(trial.data):
            here = Trial(trial.stage, trial.data, want)
            found.append(here.judged(name, range(len(want)), other, world.problem))
    return [finding for finding in found if finding is not None]


def _faketime() -> str:
    """Path of the library, empty where it is not installed."""
    places = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    return str(places[0]) if places and sys.platform == "linux" else ""


def _started(question: Path, world: World) -> _Running:
    answer = question.with_name(f"answer-{world.clock[:4]}-{world.seed}-{world.zone[:3]}.pkl")
    surroundings = {"TZ": world.zone, "PYTHONHASHSEED": world.seed}
    library = _faketime()
    if library:
        surroundings |= {
            "LD_PRELOAD": library,
            "FAKETIME": f"@{world.clock}",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
    elif clock_reach():
        surroundings[elsewhere.MOVED_CLOCK] = world.clock
    process = subprocess.Popen(  # noqa: S603  # our own file
        [sys.executable, "-P", "-W", "ignore", elsewhere.__file__, str(question), str(answer)],
        env=environment_with(surroundings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    return process, answer


def _answers(
    question: Path, worlds: Mapping[str, World], running: Mapping[str, _Running]
) -> dict[str, list[Cells | None]]:
    """Wait for processes side by side; one that failed is given a second one, alone."""
    answers = {name: _ended(process, path) for name, (process, path) in running.items()}
    for name, world in worlds.items():
        if isinstance(answers[name], str):
            answers[name] = _ended(*_started(question, world))
    failed = [f"{name}: {answer}" for name, answer in answers.items() if isinstance(answer, str)]
    if failed:
        raise CheckError(f"{failed[0]}; a check that cannot ask has found nothing out")
    return {name: answer for name, answer in answers.items() if not isinstance(answer, str)}


def _ended(process: subprocess.Popen[str], answer: Path) -> list[Cells | None] | str:
    """Wait for a process: its answers, or what went wrong with all of them."""
    try:
        _, said = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return f"the process took more than {TIMEOUT_S:.0f} s"
    if process.returncode:
        return f"the process failed: {(said.strip().splitlines() or ['without a word'])[-1]}"
    answers = cloudpickle.loads(answer.read_bytes())
    return [None if refusal else cells_of(given) for given, refusal in answers]
