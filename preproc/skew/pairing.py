"""Rows of a log beside what a witness says of them, batch by batch."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.compare import Tolerance
from preproc.signature import ROW_ERROR, Output, Signature
from preproc.skew.log import Rows
from preproc.skew.pairs import counters_of
from preproc.testimony import Testimony, Witness

MAX_SHOWN: Final = 20
MAX_TRACED: Final = 64
"""Rows that differ which are followed step by step."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One row that was served otherwise than the witness says.

    Attributes
    ----------
    request_id, row
        By which it can be found.
    at
        When it was served.
    host, client
        By and for whom.
    outputs
        That differ; empty where one side refuses the row and the other answers it.
    said
        What is wrong, in words.
    """

    request_id: str
    row: int
    at: datetime
    host: str
    client: str
    outputs: tuple[str, ...]
    said: str


class Pairing:
    """Compares rows as they come, and keeps the counts.

    Parameters
    ----------
    witness
        Who is asked.
    signature
        Of the artifact that served.
    tolerances
        Output → how far two answers may lie apart.
    """

    def __init__(
        self, witness: Witness, signature: Signature, tolerances: Mapping[str, Tolerance]
    ) -> None:
        self.witness = witness
        self.counters = counters_of(signature.outputs, tolerances)
        self.ours = [rule.number for rule in signature.rules if rule.origin == "contract"]
        self.rows = self.turned_away = self.unasked = self.undecided = self.continued = 0
        self.unreplayable: Counter[str] = Counter()
        self.dropped: set[str] = set()
        self.refusals: Counter[str] = Counter()
        self.strata: Counter[tuple[str, str, bool]] = Counter()
        self.mismatches: list[Mismatch] = []
        self.times: list[datetime] = []
        self.traced: list[dict[str, NDArray[Any]]] = []

    @property
    def mismatched(self) -> int:
        """Rows that differ."""
        return self.count("all", "", is_wrong=True)

    def count(self, kind: str, name: str, *, is_wrong: bool) -> int:
        """Rows of a stratum that differ, or that do not."""
        return self.strata[kind, name, is_wrong]

    def take(self, rows: Rows) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Compare some rows; tell which were compared, and which of them differ, (n,) each."""
        errors = rows.own["row_error"].to_numpy()
        is_refused = errors != 0
        said = self.witness.ask(rows.inputs, is_refused)
        is_ours = np.isin(errors, self.ours)  # refused by the contract alone, on purpose
        is_asked = said.is_asked & ~(is_ours & ~said.is_refused)
        self.unasked += int((~is_asked).sum())
        refused = is_asked & (said.is_refused != is_refused)
        both = np.flatnonzero(is_asked & ~said.is_refused & ~is_refused)
        wrong, undecided, continued = self._compare(rows, said, both)
        self.undecided += int(undecided.sum())
        self.continued += int(continued.sum())
        compared = is_asked & ~undecided & ~continued
        self.rows += int(compared.sum())
        self.refusals["only served"] += int((refused & is_refused).sum())
        self.refusals["only witness"] += int((refused & ~is_refused).sum())
        is_wrong = refused.copy()
        for marks in wrong.values():
            is_wrong |= marks
        self._note(rows, compared, is_wrong, refused, wrong)
        return compared, compared & is_wrong

    def _compare(
        self, rows: Rows, said: Testimony, both: NDArray[np.int64]
    ) -> tuple[dict[str, NDArray[np.bool_]], NDArray[np.bool_], NDArray[np.bool_]]:
        """Compare the rows that both sides answer.

        Returns
        -------
        tuple
            Output → rows beyond its bound; rows of which rounding decides; rows in which the
            witness goes on from the graph's last bits to what was served, which are neither.
        """
        beyond: dict[str, NDArray[np.bool_]] = {}
        total = len(rows.own)
        used = []
        for counter in self.counters:
            name = counter.output.name
            if name not in rows.answers:
                self.dropped.add(name)
            elif name in said.answers and both.size:
                used.append(counter)
                want, served = said.answers[name][both], rows.answers[name][both]
                beyond[name] = np.zeros(total, bool)
                beyond[name][both] = counter.beyond(want, served)
        continued = self._continued(rows, said, beyond)
        excused: dict[str, NDArray[np.bool_]] = {}
        for counter in used:
            name = counter.output.name
            beyond[name] &= ~continued
            excused[name] = self._excused(counter.output, rows, said, beyond[name])
        undecided = np.zeros(total, bool)
        for marks in excused.values():
            undecided |= marks
        for name, marks in beyond.items():
            undecided &= ~marks | excused[name]
        decided = both[~(undecided | continued)[both]]
        for counter in used:
            name = counter.output.name
            beyond[name] &= ~undecided
            counter.add(said.answers[name][decided], rows.answers[name][decided])
        return beyond, undecided, continued

    def _continued(
        self, rows: Rows, said: Testimony, beyond: Mapping[str, NDArray[np.bool_]]
    ) -> NDArray[np.bool_]:
        found = np.zeros(len(rows.own), bool)
        at = np.flatnonzero(np.logical_or.reduce([found, *beyond.values()]))
        if at.size:
            inputs = {name: values[at] for name, values in rows.inputs.items()}
            want = {name: said.answers[name][at] for name in beyond}
            served = {name: rows.answers[name][at] for name in beyond}
            found[at] = self.witness.is_continued(inputs, want, served)
        return found

    def _excused(
        self, output: Output, rows: Rows, said: Testimony, beyond: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        found = np.zeros(len(beyond), bool)
        at = np.flatnonzero(beyond)
        if at.size:
            inputs = {name: values[at] for name, values in rows.inputs.items()}
            found[at] = self.witness.is_undecided(output, inputs, said.answers[output.name][at])
        return found

    def _note(
        self,
        rows: Rows,
        compared: NDArray[np.bool_],
        is_wrong: NDArray[np.bool_],
        refused: NDArray[np.bool_],
        beyond: Mapping[str, NDArray[np.bool_]],
    ) -> None:
        sampled = rows.own["is_sampled"].to_numpy(zero_copy_only=False)
        clients = rows.own["client"].to_pylist()
        for at in np.flatnonzero(compared).tolist():
            wrong = bool(is_wrong[at])
            kind = "sampled" if sampled[at] else "rare"
            self.strata["all", "", wrong] += 1
            self.strata[kind, "", wrong] += 1
            self.strata["host", rows.head.host, wrong] += 1
            self.strata["client", clients[at], wrong] += 1
        room = MAX_TRACED - sum(len(next(iter(part.values()))) for part in self.traced)
        traceable = np.flatnonzero(is_wrong & ~refused)[:room]
        if traceable.size:
            self.traced.append({name: cells[traceable] for name, cells in rows.inputs.items()})
        wrong_at = np.flatnonzero(is_wrong)
        self.times += rows.own["at"].take(wrong_at).to_pylist()
        for at in wrong_at[: MAX_SHOWN - len(self.mismatches)].tolist():
            outputs = tuple(name for name, marks in beyond.items() if marks[at])
            self.mismatches.append(_mismatch(rows, at, outputs))


def _mismatch(rows: Rows, at: int, outputs: tuple[str, ...]) -> Mismatch:
    (own,) = rows.own.slice(at, 1).to_pylist()
    said = f"{', '.join(outputs)}: other values"
    if not outputs:
        is_refused = bool(own[ROW_ERROR])
        said = "refused, the witness answers" if is_refused else "answered, the witness refuses"
    where = own["request_id"], own["row"], own["at"]
    return Mismatch(*where, rows.head.host, own["client"], outputs, said)
