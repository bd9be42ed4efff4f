"""A log of rows that a session answers, without a server: its writer alone."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preproc.artifact import Artifact
from preproc.interface import contract_digest
from preproc.runtime import Session
from preproc.skew import Head, Privacy
from preproc.skew.batching import Offer, is_chosen, source_of
from preproc.skew.writer import Pace, Writer

Answers = dict[str, NDArray[Any]]
START_S = 1_700_000_000.0


class Nobody:
    """Counts nothing."""

    def count_logged(self, model: str, fate: str, rows: int) -> None:
        """Do nothing."""


def write_log(
    folder: Path,
    artifact: Artifact,
    session: Session,
    rows: Any,
    *,
    spoil: Callable[[Answers], None] = lambda _: None,
    rate: float = 1.0,
    key: str = "",
    privacy: Privacy | None = None,
    host: str = "one.local",
    form: str = "packed",
    rows_per_call: int = 50,
) -> None:
    """Log rows as a server does, a call a second; `spoil` changes the answers before."""
    writer = Writer(folder, Nobody(), queue_rows=10**9, pace=Pace(flush_s=0.01))
    head = Head(
        model=artifact.contract.name,
        version=int(Path(artifact.path or "1").name),
        artifact=artifact.digest,
        contract=contract_digest(artifact.contract),
        path=str(artifact.path),
        host=host,
        process=1,
        key=key,
        rate=rate,
        backend="webgpu" if form == "halves" else "onnxruntime-cpu",
        form=form,
    )
    lane = writer.lane(
        source_of(head, session.signature, session.layout.places, privacy or Privacy())
    )
    whole = session.prepare(rows)
    answers = session.run_prepared(whole)
    spoil(answers)
    for number, start in enumerate(range(0, whole.rows, rows_per_call)):
        part = slice(start, start + rows_per_call)
        feeds: Mapping[str, NDArray[Any]] = {k: v[part] for k, v in whole.feeds.items()}
        name = f"call {number}"
        offer = Offer(
            len(next(iter(feeds.values()))),
            feeds,
            {key: values[part] for key, values in answers.items()},
            name,
            is_chosen(name, rate),
            frozenset(),
            START_S + number,
            100_000,
            [("user-agent", "test/1")],
            {},
        )
        writer.offer(lane, offer)
    writer.start()
    writer.close(60)


def spoil_rows(output: str, rows: list[int]) -> Callable[[Answers], None]:
    """Make a change of one ulp, or to the other label, in some rows of an output."""

    def spoil(answers: Answers) -> None:
        values = answers[output] = answers[output].copy()
        if values.dtype.kind == "f":
            values[rows] = np.nextafter(values[rows], 2.0)
        else:
            values[rows] = 1 - values[rows]

    return spoil
