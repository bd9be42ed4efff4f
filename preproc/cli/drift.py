"""The part of the command line that holds live rows against training: monitor, diagnose."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer

from preproc.artifact import Artifact, read_artifact
from preproc.cli.codes import BREACH, NOTHING_COMPARED
from preproc.cli.log import part_of, pipeline_witness, progress_bar, served_by
from preproc.cli.options import (
    AllowPickle,
    Digest,
    FittedPipeline,
    HtmlFile,
    JsonFile,
    LogPath,
    Model,
    TrainedOn,
    TrainingRow,
    Trust,
    Version,
)
from preproc.cli.terminal import (
    check_files,
    clear_errors,
    optional,
    wide_console,
    write_files,
)
from preproc.errors import CheckError
from preproc.runtime.gate import evidence_of
from preproc.signature import Signature

_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

Window = Annotated[
    str, typer.Option(help="Length, such as 1d or 6h; by default that of training's blocks.")
]
Time = Annotated[
    str, typer.Option(help="Column that tells when, in place of the time of the call.")
]
Zone = Annotated[
    str, typer.Option(help="Time zone in which days begin; by default that of training's blocks.")
]


def monitor(
    rows: Annotated[Path, typer.Argument(help="Folder of a log, or a .parquet or .csv of rows.")],
    *,
    model: Model = "",
    artifact: Digest = "",
    version: Version = None,
    window: Window = "",
    time: Time = "",
    zone: Zone = "",
    by: Annotated[str, typer.Option(help="Of a table: column that names the window.")] = "",
    last: Annotated[int, typer.Option(min=0, help="Judge so many windows at the end.")] = 0,
    counted: Annotated[
        bool, typer.Option("--counted", help="Judge what servers counted, not the logged rows.")
    ] = False,
    merge: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of another host's log, whose counts are added; implies --counted."
        ),
    ] = None,
    json_file: JsonFile = None,
    html: HtmlFile = None,
) -> None:
    """Hold windows against training; exit 1 when one alarms, 2 when one cannot be judged."""
    with clear_errors():
        check_files(json_file, html)
        watching = optional("preproc.skew.watching", "skew")
        if counted or merge:
            served, found = _of_counts([rows, *(merge or [])], model, artifact, version, last)
        elif rows.is_file() or rows.suffix in {".parquet", ".csv"}:
            served, traffic, windows = _of_table(rows, version, by)
            baseline = watching.baseline_of_profile(served.profile, served.path)
            found = _watched(baseline, traffic, windows, last)
        else:
            part = part_of(rows, model, artifact)
            served = served_by(part, version)
            baseline = watching.baseline_of_profile(served.profile, served.path)
            signature = served.contract.signature
            traffic, windows = _of_log([part], signature, baseline, window, time, zone)
            found = _watched(baseline, traffic, windows, last)
        watching.print_watch(found, wide_console())
        told, pages = watching.watch_to_json(found), "preproc.skew.watch_page"
        name = served.contract.name
        write_files(told, lambda: optional(pages, "skew").watch_page(told, name), json_file, html)
    if found.alarms:
        raise typer.Exit(BREACH)
    if not found.is_judged:
        raise typer.Exit(NOTHING_COMPARED)


def diagnose(
    folder: LogPath,
    *,
    pipeline: FittedPipeline = None,
    recomputed: Annotated[
        Path | None, typer.Option(help="Inputs computed anew: .parquet or .csv by request_id.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="What came true: .parquet or .csv by request_id.")
    ] = None,
    label: Annotated[str, typer.Option(help="Its column.")] = "label",
    maturity: Annotated[str, typer.Option(help="How long a label takes at most: 14d.")] = "0s",
    as_of: Annotated[
        str, typer.Option(help="Until when labels were gathered; by default the log's end.")
    ] = "",
    model: Model = "",
    artifact: Digest = "",
    version: Version = None,
    window: Window = "",
    time: Time = "",
    zone: Zone = "",
    data: TrainingRow = None,
    frame: TrainedOn = "pandas",
    trust: Trust = None,
    allow_pickle: AllowPickle = False,
    json_file: JsonFile = None,
    html: HtmlFile = None,
) -> None:
    """Tell skew from drift; exit 0 when all is quiet, 1 with a cause, 2 when undetermined."""
    with clear_errors():
        check_files(json_file, html)
        cases = optional("preproc.skew.case", "skew")
        diagnosing = optional("preproc.skew.diagnose", "skew")
        report = optional("preproc.skew.diagnose_report", "skew")
        twice = optional("preproc.skew.twice", "skew")
        part = part_of(folder, model, artifact)
        served = served_by(part, version)
        signature = served.contract.signature
        baseline, outcomes = report.profile_parts(served.profile)
        traffic, windows = _of_log([part], signature, baseline, window, time, zone)
        pairs = []
        if pipeline is not None:
            witness = pipeline_witness(pipeline, served, data, frame, trust or [], allow_pickle)
            with witness, progress_bar() as bar:
                task = bar.add_task("replaying", total=part.rows)
                tolerances = evidence_of(served, served.contract.mode)[1]
                served_again = twice.served_pairs(
                    [part],
                    witness,
                    signature,
                    tolerances,
                    traffic,
                    lambda done: bar.update(task, completed=done),
                )
            pairs += [served_again] if served_again is not None else []
        if recomputed is not None:
            pairs.append(twice.asked_pairs(recomputed, traffic, signature))
        known = None
        if labels is not None:
            known = optional("preproc.skew.labels", "skew").join_labels(
                labels,
                traffic,
                label=label,
                as_of=np.datetime64(as_of, "us") if as_of else None,
                maturity_s=seconds_of(maturity),
            )
        case = cases.Case(traffic, windows, signature, baseline, outcomes, tuple(pairs), known)
        found = diagnosing.diagnose(case)
        report.print_diagnosis(found, wide_console())
        told, pages = report.diagnosis_to_json(found), "preproc.skew.diagnose_page"
        name = served.contract.name
        write_files(
            told, lambda: optional(pages, "skew").diagnosis_page(told, name), json_file, html
        )
    if found.causes:
        raise typer.Exit(BREACH)
    if found.verdict == "undetermined":
        raise typer.Exit(NOTHING_COMPARED)


def seconds_of(text: str) -> float:
    """Read a length of time such as ``1d``, ``6h``, ``30m`` or ``90s``.

    Raises
    ------
    CheckError
        When it is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if found is None:
        raise CheckError(f"length of time: expected one such as '1d' or '6h', got {text!r}")
    return float(found[1]) * _SECONDS[found[2]]


def _watched(baseline: Any, traffic: Any, windows: Any, last: int) -> Any:
    with progress_bar() as bar:
        task = bar.add_task("judging windows", total=min(last or len(windows), len(windows)))
        return optional("preproc.skew.watching", "skew").watch(
            baseline,
            traffic,
            windows,
            last=last,
            progress=lambda done: bar.update(task, completed=done),
        )


def _of_counts(
    folders: list[Path], model: str, artifact: str, version: Path | None, last: int
) -> tuple[Artifact, Any]:
    """Add up and judge what the servers of some hosts counted."""
    tallies = optional("preproc.skew.tallies", "skew")
    watching = optional("preproc.skew.watching", "skew")
    counted = tallies.read_tallies(folders, model, artifact)
    served = read_artifact(version or Path(counted.path))
    if served.digest != counted.artifact:
        raise CheckError(
            f"windows: expected the artifact {counted.artifact[:12]} that counted, got "
            f"{served.digest[:12]}; name its folder by --version"
        )
    baseline = watching.baseline_of_profile(served.profile, served.path)
    return served, tallies.watch_tallies(baseline, counted, last=last)


def _of_table(rows: Path, version: Path | None, by: str) -> tuple[Artifact, Any, Any]:
    if version is None:
        raise CheckError(f"rows {str(rows)!r}: expected --version, the folder that answers them")
    served = read_artifact(version)
    tables = optional("preproc.skew.table_traffic", "skew")
    traffic, windows = tables.traffic_of_table(rows, served, by)
    return served, traffic, windows


def _of_log(
    parts: Any, signature: Signature, baseline: Any, window: str, time: str, zone: str
) -> tuple[Any, Any]:
    """Read the traffic of a log, cut as training was, or as the caller says."""
    cadences = optional("preproc.drift.cadence", "skew")
    known = baseline.cadence if baseline else None
    if window:
        length = seconds_of(window)
        as_trained = known is not None and known.window_s == length
        known = known if as_trained else cadences.Cadence(length)
    if known is None:
        raise CheckError("window: expected --window, since the artifact names no blocks")
    if zone:
        known = replace(known, zone=zone)
    reading = optional("preproc.skew.traffic", "skew")
    traffic = reading.traffic_of(parts)
    if time:
        traffic = reading.timed(traffic, time, signature)
    return traffic, reading.cut(traffic, known)
