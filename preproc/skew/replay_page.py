"""Rows that were answered a second time, as sections of a page."""

from collections.abc import Iterator, Mapping
from typing import Final

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
from preproc.skew.pairs import OutputPairs
from preproc.skew.replay import Replay
from preproc.skew.replay_report import reached_of, ulp_of
from preproc.testimony import Divergence

MAX_FLIPS: Final = 12
MAX_COLUMNS: Final = 6
MAX_GROUPS: Final = 20
_OUTPUT_COUNTS: Final = ("values", "equal", "within", "beyond")


def replay_page(found: Replay) -> Page:
    """Make a whole page of what `preproc replay` found."""
    badge = Badge("pass", "pass") if found.is_pass else Badge("breach", "mismatch")
    told = f"{found.rows:,} logged rows, asked once more: {found.mismatched:,} differ. Served by "
    words = (told, Code(found.artifact[:16]), f", asked of {found.witness}.")
    return Page(f"Replay of {found.model}", badge, words, replay_sections(found))


def replay_sections(found: Replay) -> tuple[Section, ...]:
    """Give ``outputs``, ``shares``, ``reach``, and what there is of the others.

    Those are ``steps``, ``nulls``, ``deltas``, ``flips`` and ``rows``.
    """
    return (
        _outputs(found),
        *_steps(found.divergence),
        _shares(found),
        *_nulls(found),
        *_deltas(found),
        *_flips(found),
        *_rows(found),
        _reach(found),
    )


def _outputs(found: Replay) -> Section:
    rows = [
        Row(
            (
                pairs.output,
                *(f"{getattr(pairs, name):,}" for name in _OUTPUT_COUNTS),
                ulp_of(pairs),
                Badge("breach", "differs") if pairs.beyond else Badge("pass", "agrees"),
            )
        )
        for pairs in found.outputs
    ]
    return Section(
        "outputs",
        "Answers, served and asked again",
        "Each value of each compared row: equal in every bit, within the bound of the certificate, "
        "or beyond it.",
        [
            Table(
                ("output", *_OUTPUT_COUNTS, "max ULP", "verdict"),
                rows,
                frozenset((*_OUTPUT_COUNTS, "max ULP")),
            )
        ],
    )


def _steps(divergence: Divergence | None) -> Iterator[Section]:
    if divergence is None or not divergence.steps:
        return
    bars = [
        *((parting.step, parting.rows) for parting in divergence.steps),
        ("as it was served", divergence.asked),
    ]
    told = "; ".join(f"{name}: {rows}" for name, rows in bars)
    rows = [
        Row((Code(parting.step), str(parting.rows), name, str(number)))
        for parting in divergence.steps
        for name, number in list(parting.columns.items())[:MAX_COLUMNS]
    ]
    parts: list[Part] = [
        Words((f"First divergence: {divergence}.",)),
        Figure(
            counts_plot(bars, "rows that differ from the pipeline's"),
            f"Rows that differ, of {divergence.asked}, step by step. {told}.",
        ),
    ]
    if rows:
        heads = ("step", "rows of it", "column", "rows that differ")
        parts.append(Table(heads, rows, frozenset(("rows of it", "rows that differ"))))
    yield Section(
        "steps",
        "Where graph and pipeline part",
        f"{divergence.asked} rows that differ, through graph and pipeline once more on this "
        "machine, in the order of the pipeline. The first bar above 0 is where it begins; where "
        "all are 0 but the last, the graph is right here and the machine that served was not.",
        parts,
    )


def _shares(found: Replay) -> Section:
    shares: dict[str, Share] = {}
    for kind, name, share in (("", "sampled rows", found.sampled), ("", "rare rows", found.rare)):
        if share.of:
            shares[f"{kind}{name}"] = share
    for kind, groups in (("host", found.hosts), ("client", found.clients)):
        if len(groups) > 1:
            worst = sorted(groups.items(), key=lambda item: (-item[1].count, item[0]))
            shares |= {f"{kind} {name}": share for name, share in worst[:MAX_GROUPS]}
    return Section(
        "shares",
        "How many differ, and whose",
        "Clopper and Pearson's exact interval. Sampled rows were chosen by the hash of their key "
        "and stand for all traffic; rare ones are kept always, and stand for themselves.",
        [Figure(shares_plot(shares), f"Share of rows that differ. {_shares_in_words(shares)}.")],
    )


def _shares_in_words(shares: Mapping[str, Share]) -> str:
    return "; ".join(
        f"{name}: {share.count} of {share.of}, {share.low:.3%} to {share.high:.3%}"
        for name, share in shares.items()
    )


def _nulls(found: Replay) -> Iterator[Section]:
    bars = [
        (f"{pairs.output}, {where}", number)
        for pairs in found.outputs
        for where, number in _null_pattern(pairs)
    ]
    only = sum(pairs.only_served + pairs.only_witness for pairs in found.outputs)
    if not only and not any(pairs.both_null for pairs in found.outputs):
        return
    yield Section(
        "nulls",
        "Nulls, on both sides and on one",
        "A null on one side alone is a mismatch.",
        [
            Figure(
                counts_plot(bars, "values", is_fault=bool(only)),
                f"Nulls by output and side. {'; '.join(f'{name}: {n}' for name, n in bars)}.",
            )
        ],
    )


def _null_pattern(pairs: OutputPairs) -> Iterator[tuple[str, int]]:
    if pairs.both_null or pairs.only_served or pairs.only_witness:
        yield "on both sides", pairs.both_null
        yield "as served alone", pairs.only_served
        yield "asked again alone", pairs.only_witness


def _deltas(found: Replay) -> Iterator[Section]:
    deltas = {pairs.output: pairs.deltas for pairs in found.outputs if pairs.deltas}
    if not deltas:
        return
    quantiles = list(next(iter(deltas.values())))
    heads = ("output", *(_quantile(at) for at in quantiles))
    rows = [Row((name, *(f"{told[at]:.3g}" for at in quantiles))) for name, told in deltas.items()]
    medians = "; ".join(
        f"{name}: {told[0.0]:.3g} to {told[1.0]:.3g}, median {told[0.5]:.3g}"
        for name, told in deltas.items()
    )
    yield Section(
        "deltas",
        "By how much numbers differ",
        "Served minus asked again, of the values that are not equal in every bit, within the bound "
        "or not. The thin line spans all, thicker ones 98, 90 and 50 %; the mark is the median.",
        [
            Figure(deltas_plot(deltas), f"Quantiles of the differences. {medians}."),
            Table(heads, rows, frozenset(heads[1:])),
        ],
    )


def _quantile(at: float) -> str:
    return {0.0: "least", 0.5: "median", 1.0: "most"}.get(at, f"{100 * at:g} %")


def _flips(found: Replay) -> Iterator[Section]:
    flips = [
        (f"{pairs.output}: {want} → {got}", rows)
        for pairs in found.outputs
        for (want, got), rows in pairs.flips.items()
    ]
    if not flips:
        return
    flips.sort(key=lambda flip: -flip[1])
    shown = flips[:MAX_FLIPS]
    more = f" {len(flips) - len(shown)} rarer ones are in the JSON." if flips[MAX_FLIPS:] else ""
    yield Section(
        "flips",
        "Labels that flipped",
        f"What the witness says → what was served.{more}",
        [
            Figure(
                counts_plot(shown, "rows"),
                f"Rows by flip. {'; '.join(f'{name}: {rows}' for name, rows in shown)}.",
            )
        ],
    )


def _rows(found: Replay) -> Iterator[Section]:
    refused = [
        (f"{found.refusals[side]:,} rows were refused by {who} alone",)
        for side, who in (("only served", "the server"), ("only witness", "the witness"))
        if found.refusals.get(side)
    ]
    if not found.mismatches:
        return
    rows = [
        Row(
            (
                Code(one.request_id),
                str(one.row),
                f"{one.at:%Y-%m-%d %H:%M:%S}",
                one.host,
                one.client,
                one.said,
            )
        )
        for one in found.mismatches
    ]
    parts: list[Part] = [Bullets(refused)] if refused else []
    if found.first_mismatch is not None and found.last_mismatch is not None:
        span = (f"{at:%Y-%m-%d %H:%M:%S}" for at in (found.first_mismatch, found.last_mismatch))
        parts.append(Words((f"Seen from {' to '.join(span)} UTC.",)))
    heads = ("request", "row", "at, UTC", "host", "client", "what is wrong")
    parts += [Heading("The first ones"), Table(heads, rows, frozenset(("row",)))]
    yield Section("rows", "Rows that differ", "", parts)


def _reach(found: Replay) -> Section:
    return Section(
        "reach",
        "What so many rows could find",
        "No number of equal pairs says more than its size allows.",
        [Bullets([(line,) for line in reached_of(found)])],
    )
