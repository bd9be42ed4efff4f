"""A model that learned half a year, and the logs of the other half, which it served."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd
import skops.io
from sklearn.pipeline import Pipeline

from examples.flights.data import FEATURES, LABEL
from examples.flights.pipelines import logistic
from examples.flights.serving import server
from examples.skew.clients import send
from examples.skew.months import LAST_TRAINING_MONTH, Month, day_of, month_of
from preproc import Artifact, read_artifact
from preproc.export import export_pipeline
from preproc.skew import open_log

MODEL: Final = "flight_delay"
TRUSTED: Final = (
    "examples.flights.pipelines.calendar",
    "numpy.dtype",
    "sklearn.model_selection._split.StratifiedKFold",
)
"""What the file of the pipeline holds beside what skops knows."""
OUTPUTS: Final = ("label", "probabilities")
SEASON: Final = ("temp",)
"""What rises from January to June, so that June lies above all that came before."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What training leaves behind.

    Attributes
    ----------
    pipeline
        As it was fitted.
    artifact
        As it is served.
    saved
        File of the pipeline, for who asks it again.
    """

    pipeline: Pipeline
    artifact: Artifact
    saved: Path


def train(flights: pd.DataFrame, build: Path, *, unwatched: Sequence[str] = ()) -> Trained:
    """Fit on January to June, and export with days as blocks, so that live days can be judged.

    Later labels are held against the training rows themselves: a linear model of some hundred
    coefficients expects them no better than others, of which there are 160 000.

    Parameters
    ----------
    flights
        As `examples.flights.data.join_weather` gives them; the whole year.
    build
        Folder to write to.
    unwatched
        Columns of which drift is no news.
    """
    first = flights[month_of(flights) <= LAST_TRAINING_MONTH]
    inputs, late = first[list(FEATURES)], first[LABEL]
    pipeline = logistic().fit(inputs, late)
    saved = build / "pipeline.skops"
    skops.io.dump(pipeline, saved)
    written = export_pipeline(
        pipeline,
        inputs,
        late,
        repository=build / "models",
        name=MODEL,
        outputs=OUTPUTS,
        blocks=day_of(first),
        held_out=(inputs, late, day_of(first)),
        unwatched=unwatched,
        label="1: arrived more than 15 minutes late",
    )
    assert written.path is not None
    return Trained(pipeline, read_artifact(written.path), saved)


def serve(
    asked: pd.DataFrame,
    month: Month,
    build: Path,
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> Path:
    """Serve a month by ``preproc serve``, and give the log of it.

    Parameters
    ----------
    asked
        As `examples.skew.clients.asked` gives it, of this month.
    month
        Which.
    build
        Folder of the models and logs.
    progress
        Called with the number of rows that were answered.

    Raises
    ------
    RuntimeError
        When the log does not hold each row: a diagnosis of the rest would be one of luck.
    """
    log = build / "logs" / month.folder
    said = build / f"server-{month.folder}.txt"
    with server(build / "models", said, "--log", str(log), "--sample", "1") as (port, _):
        for rows in send(asked, MODEL, port):
            progress(rows)
    (part,) = open_log(log)
    if (part.rows, part.counts.dropped) != (len(asked), 0):
        raise RuntimeError(
            f"log {str(log)!r}: expected {len(asked)} rows, got {part.rows} "
            f"and {part.counts.dropped} dropped"
        )
    return log
