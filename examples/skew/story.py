"""The story in the terminal: a table of the months, then what stands behind the verdicts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

from examples.skew.months import AUGUST, CONTROL, LABEL_TAKES_DAYS, OCTOBER, Month
from examples.skew.scores import Scores, harm_of
from examples.skew.verdicts import Answers, Verdict, windows_of

CAUSES: Final = ("skew", "data drift", "concept drift")
COLOURS: Final[Mapping[str, str]] = {"quiet": "green", "undetermined": "yellow"}


def tell(answers: Answers, scores: Scores, console: Console) -> None:
    """Print it; all numbers are those of the commands, or of the logs."""
    asked = [one.served.asked for one in answers.verdicts]
    flights, requests = sum(map(len, asked)), sum(one["request_id"].nunique() for one in asked)
    console.print(f"{flights:,} flights were asked for in {requests:,} requests, each logged")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("month", *CAUSES, "verdict"):
        table.add_column(heading, no_wrap=True)
    for one in in_order(answers):
        colour = COLOURS.get(one.verdict, "bold red")
        wrong = "" if one.is_right else f", not {one.expected}"
        short = (effect_of(one, cause) for cause in CAUSES)
        verdict = f"[{colour}]{one.verdict}[/]{wrong}"
        table.add_row(title_of(one), *short, verdict)
    console.print(table)
    told = Table.grid(padding=(0, 2))
    for title, text in (*july(answers), *august(answers, scores), *october(answers)):
        told.add_row(title, text)
    console.print(told, highlight=False)


def in_order(answers: Answers) -> Sequence[Verdict]:
    """Give all verdicts, that of October without labels before the one with them."""
    verdicts = list(answers.verdicts)
    at = [one.served.month for one in verdicts].index(OCTOBER)
    return [*verdicts[:at], answers.early, *verdicts[at:]]


def title_of(verdict: Verdict) -> str:
    """Name what a verdict is about."""
    month = verdict.served.month
    if month is CONTROL:
        return f"{month.name}, no fault"
    if month is OCTOBER:
        return f"{month.name}, {verdict.as_of:%-d %b}"
    return month.name


def effect_of(verdict: Verdict, cause: str) -> str:
    """Say what was found of a cause, in a few words."""
    line = verdict.evidence(cause)
    if not line:
        return "open"
    if line["answer"] == "yes":
        short = str(line["effect"]).split(" (")[0].split(", most by")[0]
        return short.replace("windows alarm", "days")
    return "no" if cause == "skew" else f"no, p = {line['p']:.2g}"


def of_month(answers: Answers, month: Month) -> Verdict:
    """Find the verdict on a month, with all labels."""
    return next(one for one in answers.verdicts if one.served.month is month)


def july(answers: Answers) -> Iterator[tuple[str, str]]:
    """Tell the change of season."""
    first = answers.verdicts[0]
    effect = first.evidence("data drift")["effect"]
    yield first.served.month.name, f"{first.served.month.story} {effect}."
    rest = [one for one in answers.verdicts[1:] if one.served.month is not CONTROL]
    days = [window for one in rest for window in windows_of(one)]
    alarms = sum(window["state"] == "ALARM" for window in days)
    stated = first.said.found["watch"]["false_alarms"]
    share = f"{alarms / len(days):.1%} where {stated:.0%} is stated"
    yield "later", f"{alarms} of {len(days)} days alarm from August on, {share}."


def august(answers: Answers, scores: Scores) -> Iterator[tuple[str, str]]:
    """Tell the planted fault: who is innocent, what is blind, what names it, what it did."""
    found = of_month(answers, AUGUST)
    yield AUGUST.name, AUGUST.story
    replay, monitor = answers.replay.found, answers.monitor.found
    pairs = f"{replay['mismatched']} of {replay['rows']:,} answers differ from the pipeline's"
    yield "replay", f"{pairs}; it asks about inputs as they came, so only the server is cleared."
    alarms = f"{monitor['alarms']} of {len(monitor['windows'])} days alarm, p = {monitor['p']:.2g}"
    yield "monitor", f"{alarms}; each value is a real one, and no distribution tells."
    told = found.said.found
    if told["scope"]:
        scope = told["scope"]
        theirs = f"{scope['concerned']:,} of {scope['of']:,} rows of {scope['name'].split()[0]}"
        others = f"{scope['others']} of {scope['of_others']:,} of the others"
        since = f"Since {told['onset']['start']}: {theirs}, {others}."
        yield "diagnose", f"{found.evidence('skew')['effect']}. {since}"
    harm = harm_of(scores.live[AUGUST.folder])
    off = f"{harm.mean_points:.2g} points on average, {harm.largest_points:.2g} at most"
    flips = f"{harm.flips} of {harm.rows:,} flights got the other label"
    yield "harm", f"{flips}; probabilities were off by {off}."


def october(answers: Answers) -> Iterator[tuple[str, str]]:
    """Tell what had to wait for labels, which take their time."""
    early, late = answers.early, of_month(answers, OCTOBER)
    missing = "; ".join(early.said.found["missing"])
    takes = f"Whether a flight was late is on record {LABEL_TAKES_DAYS} days later."
    yield OCTOBER.name, takes
    yield f"{early.as_of:%-d %b}", f"{early.verdict}: {missing}."
    effect = late.evidence("concept drift").get("effect", "nothing is told")
    yield f"{late.as_of:%-d %b}", f"{late.verdict}: {effect}."
