"""Serve the second half of 2013 with one planted fault, and let the product say what happened.

Run from the repository's root: ``python -m examples.skew.demo``. Everything that it writes goes to
the folder ``build/skew``; the page is ``build/skew/index.html``. It fails when a verdict is another
than what was planted or what the year brought.
"""

import shutil
import sys
import time
from functools import partial
from pathlib import Path
from typing import Final

import pandas as pd
from rich.console import Console

from examples.flights.data import data_folder, join_weather, read_flights, read_weather
from examples.flights.demo import progress
from examples.skew.clients import asked, sources
from examples.skew.months import AUGUST, CONTROL, LAST_TRAINING_MONTH, MONTHS, month_of
from examples.skew.page import write_page
from examples.skew.scores import Scores, live_scores, training_scores
from examples.skew.served import SEASON, serve, train
from examples.skew.story import tell
from examples.skew.verdicts import Served, ask_all

BUILD: Final = Path("build/skew")


def main() -> None:
    """Run the whole story."""
    started = time.perf_counter()
    console = Console()
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    with console.status("reading flights and weather"):
        flights, weather = read_flights(data_folder()), read_weather(data_folder())
        known = join_weather(flights, weather)
    with console.status("training on January to June"):
        trained = train(known, BUILD, unwatched=SEASON)
    months = serve_all(flights, weather, console)
    with console.status("asking what happened"):
        answers = ask_all(trained, months, BUILD)
    scored = Scores(
        training_scores(trained, known),
        {one.month.folder: live_scores(trained, one) for one in months},
    )
    tell(answers, scored, console)
    page = write_page(answers, scored, known, BUILD / "index.html")
    console.print(f"page: {page}, after {time.perf_counter() - started:.0f} s", highlight=False)
    if answers.wrong:
        sys.exit("\n".join(("skew-demo: not what was planted:", *answers.wrong)))


def serve_all(flights: pd.DataFrame, weather: pd.DataFrame, console: Console) -> tuple[Served, ...]:
    """Serve July to December, and August once more without the fault."""
    later = flights[month_of(flights) > LAST_TRAINING_MONTH]
    sent = asked(later, weather)
    healthy = asked(later, weather, look_up=join_weather)
    anew = sources(later, weather, sent)
    number = month_of(sent)
    at = MONTHS.index(AUGUST) + 1
    served = []
    with progress(console) as bar:
        for month in (*MONTHS[:at], CONTROL, *MONTHS[at:]):
            rows = (healthy if month is CONTROL else sent)[number == month.number]
            task = bar.add_task(f"serving {month.folder}", total=len(rows))
            log = serve(rows, month, BUILD, progress=partial(bar.advance, task))
            served.append(Served(month, log, rows, anew.loc[rows.index]))
    return tuple(served)


if __name__ == "__main__":
    main()
