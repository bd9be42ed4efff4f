"""The report of `preproc replay`, as it is written as JSON, in sections of a page."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from preproc.page import (
    Badge,
    Bullets,
    Code,
    Figure,
    Heading,
    Page,
    Part,
    Row,
    Section,
    Table,
    Words,
)
from preproc.skew.detection import Share
from preproc.skew.pair_plots import counts_plot, deltas_plot, shares_plot
from preproc.skew.replay_report import ulp_text
from preproc.testimony import Divergence, Parting
from preproc.wording import counted

MAX_FLIPS: Final = 12
MAX_COLUMNS: Final = 6
MAX_GROUPS: Final = 20
_COUNTS: Final = ("values", "equal", "within", "beyond")


def replay_page(report: Mapping[str, Any]) -> Page:
    """Make a whole page of a report."""
    badge = Badge("pass", "pass") if report["is_pass"] else Badge("breach", "mismatch")
    rows = counted(f"{report['rows']:,}", "logged row")
    asked = f"{rows}, asked once more of {report['witness']}"
    differ = f"{report['mismatched']:,} differ"
    words = (f"{asked}: {differ}. Served by ", Code(report["artifact"][:16]), ".")
    return Page(f"Replay of {report['model']}", badge, words, replay_sections(report))


def replay_sections(report: Mapping[str, Any]) -> tuple[Section, ...]:
    """Give ``outputs``, ``shares`` and ``said``, and what there is of the others.

    Those are ``steps``, ``nulls``, ``deltas``, ``flips`` and ``rows``.

    Parameters
    ----------
    report
        As `preproc.skew.replay_report.replay_to_json` gives it.
    """
    outputs: Sequence[Mapping[str, Any]] = report["outputs"]
    return (
        _outputs(outputs),
        *_steps(report["divergence"]),
        _shares(report),
        *_nulls(outputs),
        *_deltas(outputs),
        *_flips(outputs),
        *_rows(report),
        _said(report),
    )


def _outputs(outputs: Sequence[Mapping[str, Any]]) -> Section:
    rows = [
        Row(
            (
                pairs["output"],
                *(f"{pairs[name]:,}" for name in _COUNTS),
                ulp_text(pairs["max_ulp"]),
                Badge("breach", "differs") if pairs["beyond"] else Badge("pass", "agrees"),
            )
        )
        for pairs in outputs
    ]
    heads = ("output", *_COUNTS, "max ULP", "verdict")
    return Section(
        "outputs",
        "Answers, as served and asked again",
        "Each value of each compared row: equal in every bit, within the bound of the certificate, "
        "or beyond it.",
        [Table(heads, rows, frozenset((*_COUNTS, "max ULP")))],
    )


def _steps(told: Mapping[str, Any] | None) -> Iterator[Section]:
    if told is None or not told["steps"]:
        return
    steps = tuple(Parting(**step) for step in told["steps"])
    divergence = Divergence(**{**told, "steps": steps})
    bars = [(one.step, one.rows) for one in steps] + [("as it was served", divergence.asked)]
    rows = [
        Row((Code(one.step), name, str(number)))
        for one in steps
        for name, number in list(one.columns.items())[:MAX_COLUMNS]
    ]
    parts: list[Part] = [
        Words((f"{'First divergence: ' if divergence.step else ''}{divergence}.",)),
        Figure(
            counts_plot(bars, f"rows that differ, of {divergence.asked} that were followed"),
            f"Rows that differ, of {divergence.asked}, step by step. {_listed(bars)}.",
        ),
    ]
    if rows:
        heads = ("step", "column", "rows that differ")
        parts.append(Table(heads, rows, frozenset(("rows that differ",))))
    yield Section(
        "steps",
        "Where graph and pipeline part",
        "Rows that differ go through graph and pipeline once more, on this machine, in the order "
        "of the pipeline. The first bar above 0 is where it begins. Where all are 0 but the last, "
        "the graph is right here, and the machine that served computed otherwise.",
        parts,
    )


def _shares(report: Mapping[str, Any]) -> Section:
    kinds = {"sampled rows": report["sampled"], "rare rows": report["rare"]}
    shares = {name: Share(**told) for name, told in kinds.items() if told["of"]}
    for kind in ("host", "client"):
        groups = {name: Share(**told) for name, told in report[f"{kind}s"].items()}
        if len(groups) > 1:
            worst = sorted(groups, key=lambda name: (-groups[name].count, name))
            shares |= {f"{kind} {name}": groups[name] for name in worst[:MAX_GROUPS]}
    told = "; ".join(
        f"{name}: {share.count} of {share.of}, {share.low:.3%} to {share.high:.3%}"
        for name, share in shares.items()
    )
    return Section(
        "shares",
        "How many differ, and whose",
        "With Clopper and Pearson's exact interval. Sampled rows were chosen by the hash of their "
        "key and stand for all traffic; rare ones are always kept, and stand for themselves.",
        [Figure(shares_plot(shares), f"Share of rows that differ. {told}.")],
    )


def _nulls(outputs: Sequence[Mapping[str, Any]]) -> Iterator[Section]:
    sides = {
        "both_null": "on both sides",
        "only_served": "as served alone",
        "only_witness": "asked again alone",
    }
    bars = [
        (f"{pairs['output']}, {where}", int(pairs[side]))
        for pairs in outputs
        if any(pairs[side] for side in sides)
        for side, where in sides.items()
    ]
    if bars:
        is_fault = any(pairs["only_served"] or pairs["only_witness"] for pairs in outputs)
        yield Section(
            "nulls",
            "Nulls, on both sides and on one",
            "A null on one side alone is a mismatch.",
            [
                Figure(
                    counts_plot(bars, "values", is_fault=is_fault),
                    f"Nulls by output and side. {_listed(bars)}.",
                )
            ],
        )


def _deltas(outputs: Sequence[Mapping[str, Any]]) -> Iterator[Section]:
    deltas = {
        pairs["output"]: {float(at): float(value) for at, value in pairs["deltas"].items()}
        for pairs in outputs
        if pairs["deltas"]
    }
    if not deltas:
        return
    quantiles = list(next(iter(deltas.values())))
    heads = ("output", *(_quantile(at) for at in quantiles))
    rows = [Row((name, *(f"{told[at]:.3g}" for at in quantiles))) for name, told in deltas.items()]
    ends = "; ".join(
        f"{name}: {told[0.0]:.3g} to {told[1.0]:.3g}, median {told[0.5]:.3g}"
        for name, told in deltas.items()
    )
    yield Section(
        "deltas",
        "By how much numbers differ",
        "Served minus asked again, of the values that are not equal in every bit, within the bound "
        "or not. The thin line spans all, thicker ones 98, 90 and 50 %; the mark is the median.",
        [
            Figure(deltas_plot(deltas), f"Quantiles of the differences. {ends}."),
            Table(heads, rows, frozenset(heads[1:])),
        ],
    )


def _quantile(at: float) -> str:
    return {0.0: "least", 0.5: "median", 1.0: "most"}.get(at, f"{100 * at:g} %")


def _flips(outputs: Sequence[Mapping[str, Any]]) -> Iterator[Section]:
    flips = [
        (f"{pairs['output']}: {flip['witness']} → {flip['served']}", int(flip["rows"]))
        for pairs in outputs
        for flip in pairs["flips"]
    ]
    if not flips:
        return
    shown = sorted(flips, key=lambda flip: -flip[1])[:MAX_FLIPS]
    rarer = len(flips) - len(shown)
    yield Section(
        "flips",
        "Labels that flipped",
        "What it should have been → what was served."
        + (f" {rarer} rarer ones are in the JSON." if rarer else ""),
        [Figure(counts_plot(shown, "rows"), f"Rows by flip. {_listed(shown)}.")],
    )


def _rows(report: Mapping[str, Any]) -> Iterator[Section]:
    if not report["mismatches"]:
        return
    keys = ("host", "client", "said")
    rows = [
        Row(
            (
                Code(told["request_id"]),
                str(told["row"]),
                told["at"][:19].replace("T", " "),
                *(told[key] for key in keys),
            )
        )
        for told in report["mismatches"]
    ]
    first, last = (report[f"{end}_mismatch"][:19].replace("T", " ") for end in ("first", "last"))
    heads = ("request", "row", "at, UTC", "host", "client", "what is wrong")
    yield Section(
        "rows",
        "Rows that differ",
        f"Seen from {first} to {last} UTC.",
        [Heading("The first ones"), Table(heads, rows, frozenset(("row",)))],
    )


def _said(report: Mapping[str, Any]) -> Section:
    return Section(
        "said",
        "In words, and what so many rows could find",
        "No number of equal pairs says more than its size allows.",
        [Bullets([(line,) for line in report["said"]])],
    )


def _listed(bars: Sequence[tuple[str, int]]) -> str:
    return "; ".join(f"{name}: {number}" for name, number in bars)
