"""A clock without a zone read as that of a zone: what ``Series.dt.tz_localize`` makes of it."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from preproc.export.tracing.tracer import INT64, NAT, Tracer, Value
from preproc.export.tracing.zones import WINDOW, zone_table
from preproc.graph import floor_divide

_WAYS: Final[Mapping[str, tuple[str, ...]]] = {
    "ambiguous": ("raise", "NaT"),
    "nonexistent": ("raise", "NaT"),
}
_DAY_S: Final = 86_400


def localized(tracer: Tracer, value: Value, name: str, second: int, ways: tuple[Any, Any]) -> str:
    """Find the moments at which clocks of a zone show some times.

    Around a change of the offset some times are shown twice and others never. Between the two
    moments of the clock from which a change may, and must, have happened, the offset is in doubt.

    Parameters
    ----------
    tracer, value
        Of the times, int64 in their unit.
    name
        Of the zone.
    second
        Units in a second.
    ways
        ``ambiguous`` and ``nonexistent``: ``raise``, which refuses rows, or ``NaT``.

    Returns
    -------
    str
        Moments in UTC, int64 in the same unit.
    """
    for (option, known), way in zip(_WAYS.items(), ways, strict=True):
        if way not in known:
            tracer.refuse(
                f"expected {option}='raise' or 'NaT', got {way!r}, which needs other rows or moves "
                "times; localize before training"
            )
    zone, op = zone_table(name), tracer.op
    is_null = op("Equal", value.name, np.array(NAT))
    safe = op("Where", is_null, np.array(0), value.name)
    seconds = floor_divide(tracer.scope.graph, safe, second, scope=tracer.scope.path)
    # A day off both ends: offsets are known in UTC, and clocks are at most a day off it.
    before = op("Less", seconds, np.array(zone.starts[0] + _DAY_S))
    beyond = op("Or", before, op("GreaterOrEqual", seconds, np.array(zone.end - _DAY_S)))
    tracer.refuse_rows(
        op("And", beyond, op("Not", is_null)),
        value,
        f"expected a time from {WINDOW[0]}-01-02 to {WINDOW[1] - 1}-12-30, for which the clock of "
        f"{name} is known",
        origin="contract",
    )
    old, new, starts = zone.offsets[:-1], zone.offsets[1:], zone.starts[1:]
    apart = op("Unsqueeze", op("Where", beyond, np.array(0), seconds), np.array([2]))
    counts = []
    for bound in (np.maximum(old, new), np.minimum(old, new)):
        passed = op("GreaterOrEqual", apart, (starts + bound).reshape(1, 1, -1))
        counts.append(op("ReduceSum", tracer.to(passed, INT64), np.array([2]), keepdims=0))
    sure, possible = counts
    in_doubt = op("Not", op("Equal", sure, possible))
    is_gap = op("Gather", np.append(False, new > old), possible)
    doubts = (op("And", in_doubt, op("Not", is_gap)), op("And", in_doubt, is_gap))
    told = ("is shown twice by the clock of", "is never shown by the clock of")
    offset = op("Gather", zone.offsets * second, sure)
    moment = op("Where", is_null, np.array(NAT), op("Sub", safe, offset))
    for doubt, text, way in zip(doubts, told, ways, strict=True):
        if way == "raise":
            broken = op("And", doubt, op("Not", is_null))
            tracer.refuse_rows(broken, value, f"tz_localize refuses a time that {text} {name}")
        moment = op("Where", doubt, np.array(NAT), moment)
    return moment
