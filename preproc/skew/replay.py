"""Logged raw rows, answered once more: by the training pipeline, or by another version.

The same row twice must give the same answer; so one pair that differs is a fault, however few rows
there are, while no number of equal pairs says more than its size allows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from preproc.compare import Tolerance
from preproc.errors import ParityError
from preproc.signature import Signature
from preproc.skew.detection import Reach, Share, reach_of, share_of
from preproc.skew.log import Part, rows_of
from preproc.skew.pairing import Mismatch, Pairing
from preproc.skew.pairs import OutputPairs
from preproc.skew.record import Counts
from preproc.testimony import Divergence, Witness
from preproc.wording import counted

MAX_UNDECIDED: Final = 0.01
"""Share of rows that rounding may decide before it is no excuse any more."""
WANTED_RATE: Final = 1e-4


@dataclass(frozen=True, slots=True)
class Replay:
    """What the pairs of one artifact say.

    Attributes
    ----------
    model, artifact, witness
        Who served, and who was asked.
    logged
        Rows of the log.
    rows
        Rows that were compared.
    turned_away, unasked, undecided, continued
        Rows that were not: the door let them not through; refused ones beyond how many are asked;
        ones of which rounding decides; ones in which the witness goes on from the graph's last
        bits to what was served, each of them proved, so that any number may be.
    unreplayable
        Why rows cannot be replayed → how many.
    dropped_outputs
        Outputs that the policy left out.
    mismatched
        Of the compared rows.
    sampled, rare
        Of the rows that the hash chose, which stand for all traffic, and of those kept as rare.
    outputs
        One an output.
    refusals
        ``only served`` and ``only witness`` → rows refused by one side.
    hosts, clients
        Of each, rows that differ, of how many.
    mismatches
        The first ones.
    first_mismatch, last_mismatch
        When; None where there is none.
    divergence
        Where graph and pipeline part; None where nothing differs or nobody can tell.
    counts
        The traffic behind the log.
    seconds
        From the first to the last row.
    torn
        Files whose end a crash cut off.
    reach
        What so many rows could have found.
    """

    model: str
    artifact: str
    witness: str
    logged: int
    rows: int
    turned_away: int
    unasked: int
    undecided: int
    continued: int
    unreplayable: Mapping[str, int]
    dropped_outputs: tuple[str, ...]
    mismatched: int
    sampled: Share
    rare: Share
    outputs: tuple[OutputPairs, ...]
    refusals: Mapping[str, int]
    hosts: Mapping[str, Share]
    clients: Mapping[str, Share]
    mismatches: tuple[Mismatch, ...]
    first_mismatch: datetime | None
    last_mismatch: datetime | None
    divergence: Divergence | None
    counts: Counts
    seconds: float
    torn: int
    reach: Reach

    @property
    def is_pass(self) -> bool:
        """Whether rows were compared, none differs, and rounding excuses few."""
        excused = max(1.0, MAX_UNDECIDED * (self.rows + self.undecided))
        return self.rows > 0 and not self.mismatched and self.undecided <= excused


def replay_part(
    part: Part,
    witness: Witness,
    signature: Signature,
    tolerances: Mapping[str, Tolerance],
    *,
    name: str,
    wanted_rate: float = WANTED_RATE,
    progress: Callable[[int], None] = lambda _: None,
) -> Replay:
    """Answer all rows of an artifact once more, and compare.

    Parameters
    ----------
    part
        Of the log.
    witness
        Who is asked; proved by the caller.
    signature
        Of the artifact.
    tolerances
        Output → how far two answers may lie apart; others must be equal.
    name
        Of the witness, for people.
    wanted_rate
        Share of faulty rows that one wants to find.
    progress
        Called with the number of rows done so far.

    Raises
    ------
    ParityError
        When no row can be compared.
    LogError
        When a file is damaged.
    """
    work = Pairing(witness, signature, tolerances)
    done = 0
    for file in part.files:
        if file.head.obstacle:
            work.unreplayable[file.head.obstacle] += file.rows
        else:
            before = done
            for rows in rows_of(file):
                work.take(rows)
                done += len(rows.own)
                progress(done)
            work.turned_away += file.rows - (done - before)
    if not work.rows:
        raise ParityError(f"log of {part.model!r}: nothing to compare: {_why(work, part)}")
    return _replay(work, part, name, wanted_rate)


def _replay(work: Pairing, part: Part, name: str, wanted_rate: float) -> Replay:
    seconds = (part.last - part.first).total_seconds()
    sampled = _shares(work, "sampled").get("", share_of(0, 0))
    per_s = sampled.of / seconds if seconds > 0 else 0.0
    divergence = None
    if work.traced:
        names = work.traced[0]
        inputs = {key: np.concatenate([one[key] for one in work.traced]) for key in names}
        divergence = work.witness.diverge(inputs)
    return Replay(
        model=part.model,
        artifact=part.artifact,
        witness=name,
        logged=part.rows,
        rows=work.rows,
        turned_away=work.turned_away,
        unasked=work.unasked,
        undecided=work.undecided,
        continued=work.continued,
        unreplayable=dict(work.unreplayable),
        dropped_outputs=tuple(sorted(work.dropped)),
        mismatched=work.mismatched,
        sampled=sampled,
        rare=_shares(work, "rare").get("", share_of(0, 0)),
        outputs=tuple(counter.pairs() for counter in work.counters),
        refusals=dict(work.refusals),
        hosts=_shares(work, "host"),
        clients=_shares(work, "client"),
        mismatches=tuple(work.mismatches),
        first_mismatch=min(work.times, default=None),
        last_mismatch=max(work.times, default=None),
        divergence=divergence,
        counts=part.counts,
        seconds=seconds,
        torn=part.torn,
        reach=reach_of(sampled.of, wanted_rate, per_s),
    )


def _shares(work: Pairing, kind: str) -> dict[str, Share]:
    names: Sequence[str] = sorted({name for known, name, _ in work.strata if known == kind})
    found = {}
    for name in names:
        wrong = work.count(kind, name, is_wrong=True)
        found[name] = share_of(wrong, wrong + work.count(kind, name, is_wrong=False))
    return found


def _why(work: Pairing, part: Part) -> str:
    if work.unreplayable:
        return "; ".join(work.unreplayable)
    return (
        f"of {counted(part.rows, 'row')}: {work.turned_away} turned away at the door, "
        f"{work.undecided + work.continued} decided by rounding, {work.unasked} not asked"
    )
