"""A replay as a table for people, and as JSON."""

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from preproc.skew.detection import CERTAINTY, Share
from preproc.skew.pairs import OutputPairs
from preproc.skew.replay import Replay
from preproc.wording import counted

_UNITS = ((86400.0, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second"))


def replay_to_json(found: Replay) -> dict[str, Any]:
    """Turn a replay into plain JSON data."""
    data = {**asdict(found), "is_pass": found.is_pass, "said": list(lines_of(found))}
    data["reach"]["wanted_s"] = _finite(found.reach.wanted_s)
    for name in ("first_mismatch", "last_mismatch"):
        at = getattr(found, name)
        data[name] = None if at is None else at.isoformat()
    for told, mismatch in zip(data["mismatches"], found.mismatches, strict=True):
        told["at"] = mismatch.at.isoformat()
    for told, pairs in zip(data["outputs"], found.outputs, strict=True):
        told["deltas"] = {str(at): value for at, value in pairs.deltas.items()}
        told["flips"] = [
            {"witness": want, "served": got, "rows": rows}
            for (want, got), rows in pairs.flips.items()
        ]
    return data


def print_replay(found: Replay, console: Console) -> None:
    """Print a replay: outputs, shares, where it parts, what it could have found."""
    title = f"{found.model} {found.artifact[:12]} against {found.witness}"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=escape(title), title_justify="left")
    for heading in ("output", "values", "equal", "within", "beyond", "max ULP", "nulls", "deltas"):
        table.add_column(heading, justify="left" if heading in {"output", "deltas"} else "right")
    for pairs in found.outputs:
        table.add_row(*_cells(pairs))
    console.print(table)
    for line in lines_of(found):
        console.print(escape(line), soft_wrap=True, highlight=False)


def lines_of(found: Replay) -> Iterator[str]:
    """Say in sentences what a table cannot."""
    verdict = "PASS" if found.is_pass else "MISMATCH"
    yield (
        f"{verdict}: {found.mismatched} of {counted(found.rows, 'row')} differ; of the sampled "
        f"ones {_share(found.sampled)}, of the rare ones {_share(found.rare)}"
    )
    yield from _left_out(found)
    for pairs in found.outputs:
        for (want, got), rows in list(pairs.flips.items())[:5]:
            served = f"{counted(rows, 'row')} served {got!r}"
            yield f"flip of {pairs.output}: {served} in place of {want!r}"
    for side, who in (("only served", "the server"), ("only witness", "the witness")):
        if found.refusals.get(side):
            yield f"refused by {who} alone: {counted(found.refusals[side], 'row')}"
    if found.first_mismatch is not None:
        span = (f"{at:%Y-%m-%d %H:%M:%S}" for at in (found.first_mismatch, found.last_mismatch))
        yield f"seen from {' to '.join(span)} UTC"
        for kind, shares in (("host", found.hosts), ("client", found.clients)):
            told = (f"{name}: {share.count} of {share.of}" for name, share in shares.items())
            if len(shares) > 1:
                yield f"by {kind}: {'; '.join(told)}"
    for one in found.mismatches[:5]:
        yield f"request {one.request_id!r}, row {one.row}: {one.said}"
    if found.divergence is not None:
        yield f"first divergence: {found.divergence}"
    yield from _reached(found)


def _left_out(found: Replay) -> Iterator[str]:
    for rows, why in (
        (found.turned_away, "turned away at the door, without an answer"),
        (
            found.unasked,
            "refused and not asked, beyond those that were or for the contract's own rules",
        ),
        (found.undecided, "decided by rounding: moved by a rounding, the witness itself jumps"),
        (
            found.continued,
            "proved step by step: from the graph's last bits the witness comes to what was served",
        ),
    ):
        if rows:
            yield f"left out: {counted(rows, 'row')} {why}"
    for why, rows in found.unreplayable.items():
        yield f"left out: {counted(rows, 'row')} that cannot be replayed: {why}"
    if found.dropped_outputs:
        yield f"not compared: outputs {list(found.dropped_outputs)}, which the policy drops"
    if found.torn:
        yield f"cut off by a crash: {counted(found.torn, 'file')}; what is left is compared"


def _reached(found: Replay) -> Iterator[str]:
    reach, counts = found.reach, found.counts
    logged = (
        f"logged: {found.logged} of {counted(counts.seen, 'row')}"
        if counts.seen
        else "traffic unknown"
    )
    yield f"{logged}, {counts.dropped} dropped, in {_time(found.seconds)}"
    yield (
        f"{counted(reach.rows, 'sampled row')} can show a fault of {reach.rate:.4%} of the rows or "
        f"more with {CERTAINTY:.0%} certainty; {reach.wanted_rate:.4%} takes "
        f"{counted(reach.wanted_rows, 'row')}, {_time(reach.wanted_s)} at this traffic and sample"
    )


def _cells(pairs: OutputPairs) -> list[str]:
    nulls = f"{pairs.both_null}"
    if pairs.only_served or pairs.only_witness:
        nulls += f" (+{pairs.only_served} served, +{pairs.only_witness} witness)"
    ends = [pairs.deltas[at] for at in (0.0, 0.5, 1.0)] if pairs.deltas else []
    return [
        escape(pairs.output),
        *(str(count) for count in (pairs.values, pairs.equal, pairs.within, pairs.beyond)),
        ulp_text(pairs.max_ulp),
        nulls,
        " … ".join(f"{end:.3g}" for end in ends),
    ]


def ulp_text(max_ulp: int) -> str:
    """Write the largest distance of two numbers."""
    return "one is NaN" if max_ulp > 2**63 else str(max_ulp)


def _share(share: Share) -> str:
    if not share.of:
        return "none"
    return f"{share.count} of {share.of} ({share.low:.3%} to {share.high:.3%})"


def _time(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "a time unknown"
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), _UNITS[-1])
    return counted(f"{seconds / size:.3g}", unit)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
