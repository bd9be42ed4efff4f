"""``preproc parity``: run golden rows here, judge them here or elsewhere."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from typer.core import TyperGroup

from preproc.artifact import Artifact, read_artifact
from preproc.cli.codes import BREACH, CANNOT_RUN, NOTHING_COMPARED
from preproc.cli.options import ArtifactPath, HtmlFile, JsonFile
from preproc.cli.terminal import (
    check_files,
    clear_errors,
    optional,
    wide_console,
    write_files,
)
from preproc.contract import Mode
from preproc.errors import PreprocError
from preproc.parity import (
    Judged,
    Recording,
    StepFinding,
    answers_as_golden,
    bisect_steps,
    explain,
    judge_recording,
    junit_of,
    labels_of,
    load_recording,
    parse_widening,
    print_causes,
    print_differences,
    print_report,
    print_rows,
    print_self_test,
    print_steps,
    record,
    report_to_json,
    save_recording,
    say,
    sees_nothing,
    self_test,
    worst_rows,
)
from preproc.runtime import BACKENDS, DEFAULT_BACKEND
from preproc.wording import counted

ALL: Final = "all"
CERTIFICATE: Final = "certificate"
BOTH: Final = "check"
"""The command that is meant where none is named: run, then judge."""

EXITS: Final[Mapping[str, int]] = {
    "pass": 0,
    "breach": BREACH,
    "nothing compared": NOTHING_COMPARED,
    "absent": CANNOT_RUN,
    "refused": CANNOT_RUN,
}


class ArtifactFirst(TyperGroup):
    """A group that takes an artifact where a command could stand: `preproc parity ARTIFACT`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command in front that is meant when none is named."""
        if args and args[0] not in {*self.commands, *self.get_help_option_names(ctx)}:
            args = [BOTH, *args]
        return super().parse_args(ctx, args)


parity = typer.Typer(
    cls=ArtifactFirst,
    no_args_is_help=True,
    help="Replay golden rows on backends and judge the answers. Without a command: check.",
)

Backends = Annotated[
    list[str] | None,
    typer.Option(
        "--backend",
        help=f"Backend to run, which must be there; may be repeated. `{ALL}`: whatever is.",
    ),
]
Required = Annotated[
    list[str] | None,
    typer.Option("--require", help="Backend that must run, else exit 3; may be repeated."),
]
ModeOption = Annotated[Mode, typer.Option(help="Form of the graph: exact or fast.")]
Quick = Annotated[
    bool, typer.Option("--quick", help="Only the setting that serves, one call a golden set.")
]
Widened = Annotated[
    list[str] | None,
    typer.Option(
        "--tolerance", help="OUTPUT=1e-6 (absolute) or OUTPUT=4ulp; told in every report."
    ),
]
JunitFile = Annotated[Path | None, typer.Option("--junit", help="Write JUnit XML there.")]
Against = Annotated[
    str | None,
    typer.Option(
        help=f"`{CERTIFICATE}`: explain bits that moved since export. A folder: another recording."
    ),
]


@parity.command(name=BOTH)
def check(
    artifact: ArtifactPath,
    *,
    backend: Backends = None,
    require: Required = None,
    mode: ModeOption = "exact",
    quick: Quick = False,
    tolerance: Widened = None,
    against: Against = None,
    bisect: Annotated[
        bool, typer.Option("--bisect", help="On a breach, name the first step that is wrong.")
    ] = False,
    test_itself: Annotated[
        bool, typer.Option("--self-test", help="Spoil copies of the artifact; each must be seen.")
    ] = False,
    save: Annotated[Path | None, typer.Option(help="Keep the recording there too.")] = None,
    json_file: JsonFile = None,
    junit: JunitFile = None,
    html: HtmlFile = None,
) -> None:
    """Run the golden rows and judge them: what `preproc parity ARTIFACT` means.

    Exit 0 pass, 1 breach, 2 nothing compared, 3 a named backend did not run.
    """
    console = wide_console()
    with clear_errors():
        check_files(json_file, html)
        loaded = read_artifact(artifact)
        if test_itself:
            _test_itself(loaded, require, console)
        recording = _recorded(loaded, backend, require, mode, console, is_quick=quick)
        if save is not None:
            save_recording(recording, save)
        judged = _judged(recording, _must(backend, require), tolerance, against, console)
        steps = _bisected(loaded, recording, judged, console) if bisect else {}
        _write(recording, judged, steps, json_file, junit, html)
    _leave(judged)


@parity.command()
def run(
    artifact: ArtifactPath,
    *,
    save: Annotated[Path, typer.Option(help="New folder for answers, environment, placement.")],
    backend: Backends = None,
    require: Required = None,
    mode: ModeOption = "exact",
    quick: Quick = False,
) -> None:
    """Run the golden rows and keep what came, unjudged; exit 3 when a named backend did not."""
    console = wide_console()
    with clear_errors():
        loaded = read_artifact(artifact)
        recording = _recorded(loaded, backend, require, mode, console, is_quick=quick)
        save_recording(recording, save)
        for one in recording.unrun:
            say(console, f"{one.word}: {one.problem}")
        say(console, f"{counted(len(recording.trials), 'setting')} recorded in {save}")
    ran = {trial.setting.backend for trial in recording.trials}
    if set(_must(backend, require)) - ran:
        raise typer.Exit(CANNOT_RUN)
    if not ran:
        raise typer.Exit(NOTHING_COMPARED)


@parity.command()
def judge(
    recording: Annotated[Path, typer.Argument(help="Folder that `preproc parity run` wrote.")],
    *,
    require: Required = None,
    tolerance: Widened = None,
    against: Against = None,
    json_file: JsonFile = None,
    junit: JunitFile = None,
    html: HtmlFile = None,
) -> None:
    """Judge a recording, on any machine; the artifact is not needed."""
    console = wide_console()
    with clear_errors():
        check_files(json_file, html)
        loaded = load_recording(recording)
        judged = _judged(loaded, require or (), tolerance, against, console)
        _write(loaded, judged, {}, json_file, junit, html)
    _leave(judged)


def _must(backend: Sequence[str] | None, require: Sequence[str] | None) -> tuple[str, ...]:
    """Backends that must run: those that are required, and those that are named."""
    named = [name for name in backend or (DEFAULT_BACKEND, "reference") if name != ALL]
    return tuple(dict.fromkeys((*named, *(require or ()))))


def _recorded(
    artifact: Artifact,
    backend: Sequence[str] | None,
    require: Sequence[str] | None,
    mode: Mode,
    console: Console,
    *,
    is_quick: bool,
) -> Recording:
    wanted = [*_must(backend, require), *(BACKENDS if ALL in (backend or ()) else ())]
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("replaying golden rows", total=None)
        return record(
            artifact,
            wanted,
            mode=mode,
            sizes=() if is_quick else None,
            every_setting=not is_quick,
            progress=lambda name, done, of: bar.update(
                task, description=name, completed=done, total=of
            ),
        )


def _judged(
    recording: Recording,
    require: Sequence[str],
    tolerance: Sequence[str] | None,
    against: str | None,
    console: Console,
) -> Judged:
    widenings = [parse_widening(text) for text in tolerance or ()]
    other = None if against in {None, CERTIFICATE} else load_recording(str(against))
    judging = recording if other is None else answers_as_golden(recording, other)
    judged = judge_recording(judging, require=require, widenings=widenings)
    print_report(judged, labels_of(recording), console)
    print_rows(list(worst_rows(judging, judged)), console)
    if against == CERTIFICATE:
        print_causes(explain(recording), console)
    elif other is not None:
        print_differences(recording, other, console)
    return judged


def _bisected(
    artifact: Artifact, recording: Recording, judged: Judged, console: Console
) -> dict[str, tuple[StepFinding, ...]]:
    """Bisect on the first setting of each backend that breaks a bound."""
    wrong = {str(finding.setting) for finding in judged.breaches}
    found: dict[str, tuple[StepFinding, ...]] = {}
    seen = set()
    for trial in recording.trials:
        setting = trial.setting
        if str(setting) not in wrong or setting.backend in seen:
            continue
        seen.add(setting.backend)
        try:
            found[str(setting)] = bisect_steps(artifact, recording, trial)
        except PreprocError as error:
            say(console, f"cannot bisect on {setting}: {error}")
        else:
            print_steps(found[str(setting)], str(setting), console)
    return found


def _test_itself(artifact: Artifact, require: Sequence[str] | None, console: Console) -> None:
    controls = self_test(artifact)
    print_self_test(controls, console)
    states = {control.state for control in controls}
    if "missed" in states:
        raise typer.Exit(BREACH)
    if sees_nothing(controls):
        say(console, "expected one fault of the graph at least that is seen, got none")
        raise typer.Exit(NOTHING_COMPARED)
    raise typer.Exit(CANNOT_RUN if states & {"absent", "refused"} and require else 0)


def _write(
    recording: Recording,
    judged: Judged,
    steps: Mapping[str, Sequence[StepFinding]],
    json_file: Path | None,
    junit: Path | None,
    html: Path | None,
) -> None:
    if junit is not None:
        junit.write_text(junit_of(judged), encoding="utf-8")
    pages = "preproc.parity.page"
    write_files(
        report_to_json(judged, labels_of(recording)),
        lambda: optional(pages, "report").page_of(recording, judged, steps),
        json_file,
        html,
    )


def _leave(judged: Judged) -> None:
    code = EXITS[judged.outcome]
    if code:
        raise typer.Exit(code)
