"""What servers counted, as files beside their log: one a process and window, added up when asked.

``<log>/windows/model=M/artifact=D/START-HOST-PROCESS.json``. They hold counts of frozen cells and
hashes, no values, so they may be kept where rows may not, and one host's are small.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from preproc.drift import Baseline, Tally, judge, merge, tally_from_json, tally_to_json
from preproc.errors import LogError
from preproc.skew.traffic import told
from preproc.skew.watching import Watch

FOLDER: Final = "windows"


@dataclass(frozen=True, slots=True)
class Counted:
    """The tallies of one artifact, not yet read by its bins.

    Attributes
    ----------
    model, artifact, path
        Name, digest, and where the artifact lay when it was served.
    tallies
        As JSON data, each with its file.
    """

    model: str
    artifact: str
    path: str
    tallies: tuple[tuple[Path, Any], ...]


def write_tally(folder: Path, model: str, path: str, tally: Tally) -> Path:
    """Write a tally whole or not at all, under the folder of a log.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    place = folder / FOLDER / f"model={model}" / f"artifact={tally.artifact[:16]}"
    place.mkdir(parents=True, exist_ok=True)
    start = datetime.fromtimestamp(tally.start_s, UTC).strftime("%Y%m%dT%H%M%S")
    name = "-".join((start, *tally.sources)).replace("/", "_")
    file = place / f"{name}.json"
    scratch = file.with_suffix(".part")
    data = {"model": model, "path": path, **tally_to_json(tally)}
    scratch.write_text(json.dumps(data), encoding="utf-8")
    scratch.replace(file)
    return file


def prune_tallies(folder: Path, before_s: float) -> None:
    """Delete tallies that were last written before a moment, seconds since 1970."""
    for file in (folder / FOLDER).glob("model=*/artifact=*/*"):
        if file.stat().st_mtime < before_s:
            file.unlink(missing_ok=True)


def read_tallies(folders: Sequence[Path], model: str = "", artifact: str = "") -> Counted:
    """Read what servers counted beside some logs, of the artifact that counted last.

    Parameters
    ----------
    folders
        Of logs, one a host say.
    model, artifact
        Name, and first digits of the digest; any by default.

    Raises
    ------
    LogError
        When there is none, a file is damaged, or several models are there.
    """
    files = sorted(
        file for folder in folders for file in folder.glob(f"{FOLDER}/model=*/artifact=*/*.json")
    )
    found = [(file, _read(file)) for file in files]
    found = [
        (file, data)
        for file, data in found
        if data["model"] == (model or data["model"]) and data["artifact"].startswith(artifact)
    ]
    if not found:
        raise LogError(
            f"windows beside {[str(folder) for folder in folders]}: expected what servers counted, "
            "got none; they write it when a window is over, or when they stop"
        )
    if len(names := sorted({data["model"] for _, data in found})) > 1:
        raise LogError(f"windows: expected one model, got {names}; choose by --model")
    latest = max(found, key=lambda one: one[1]["start_s"])[1]
    same = tuple((file, data) for file, data in found if data["artifact"] == latest["artifact"])
    return Counted(latest["model"], latest["artifact"], latest["path"], same)


def watch_tallies(baseline: Baseline, counted: Counted, *, last: int = 0) -> Watch:
    """Add tallies up and judge each whole window, or so many at the end.

    Raises
    ------
    DriftError
        When counts are of another artifact, or one process's are there twice.
    """
    tallies = (tally_from_json(data, baseline.watched) for _, data in counted.tallies)
    merged = merge(tallies)
    whole = [tally for tally in merged if tally.is_whole][-last:]
    zone = baseline.cadence.zone
    return Watch(
        baseline,
        tuple(_start(tally, zone) for tally in whole),
        tuple(judge(baseline, tally.window) for tally in whole),
        tuple(tally.window for tally in whole),
        tuple(_start(tally, zone) for tally in merged if not tally.is_whole),
    )


def _start(tally: Tally, zone: str) -> str:
    return told(np.datetime64(round(tally.start_s), "s"), zone)


def _read(file: Path) -> Any:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        texts = {name: str(data[name]) for name in ("model", "artifact", "path")}
        return {**data, **texts, "start_s": float(data["start_s"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LogError(f"windows {str(file)!r}: expected counts, got {error!r}") from error
