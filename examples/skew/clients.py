"""Kiosks that ask about departures: what each release of their program sends.

A kiosk knows the flight and looks the weather up in a table. Release 2.0 has a fault of a common
kind: it writes the departure without its zone, by the clock of New York, and the table takes it
for UTC. What comes back is real weather of the right airport, four hours older in summer. No value
is out of range or missing, so that no distribution tells.
"""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import pandas as pd
from preproc_server.client import Client, Connection

from examples.flights.data import (
    DEPARTURE,
    FEATURES,
    LABEL,
    NEW_YORK,
    join_weather,
)
from examples.skew.months import FAULTY, RELEASED, SHARE

SEED: Final = 2013
KEYS: Final = ("request_id", "row")
CLIENT: Final = "client"
OLD: Final = "kiosk/1.9"
MENDED: Final = "kiosk/2.1"

LookUp = Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]


def by_local_clock(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """Look the weather up as if New York's clock showed UTC: the fault."""
    clock = flights[DEPARTURE].dt.tz_convert(NEW_YORK).dt.tz_localize(None)
    found = join_weather(flights.assign(departs_at=clock.dt.tz_localize("UTC")), weather)
    return found.assign(departs_at=flights[DEPARTURE])


def asked(
    flights: pd.DataFrame, weather: pd.DataFrame, *, look_up: LookUp = by_local_clock
) -> pd.DataFrame:
    """Tell who asks about each flight, in which request, and with which inputs.

    Parameters
    ----------
    flights
        Shape (n, …), as `examples.flights.data.read_flights` gives them.
    weather
        As `examples.flights.data.read_weather` gives it.
    look_up
        Of the release `FAULTY`; the others look up as training did.

    Returns
    -------
    pandas.DataFrame
        The columns `FEATURES` as they are sent, `LABEL`, `CLIENT` and `KEYS`, in the order of
        departures; one request an hour and client.
    """
    by_departure = flights.sort_values(DEPARTURE, kind="stable")
    client = releases(by_departure)
    is_faulty = client == FAULTY
    parts = [join_weather(by_departure[~is_faulty], weather)]
    if is_faulty.any():
        parts.append(look_up(by_departure[is_faulty], weather))
    sent = pd.concat(parts).loc[by_departure.index, [*FEATURES, LABEL]].assign(client=client)
    hour = sent[DEPARTURE].dt.floor("h").dt.strftime("%Y-%m-%dT%HZ")
    request = hour + " " + sent[CLIENT]
    return sent.assign(request_id=request, row=request.groupby(request).cumcount())


def sources(flights: pd.DataFrame, weather: pd.DataFrame, keys: pd.DataFrame) -> pd.DataFrame:
    """Compute all inputs anew, as of each departure, under the keys of the requests."""
    anew = join_weather(flights, weather)
    return keys[list(KEYS)].join(anew[list(FEATURES)])


def releases(flights: pd.DataFrame) -> "pd.Series[str]":
    """Tell the release that asks about each flight: a fifth got the new one on its first day."""
    departs = flights[DEPARTURE]
    month = departs.dt.tz_convert(NEW_YORK).dt.month
    draw = np.random.default_rng(SEED).random(len(flights)) < SHARE
    is_new = draw & (departs >= RELEASED) & (month == RELEASED.month)
    names = np.where(month > RELEASED.month, MENDED, np.where(is_new, FAULTY, OLD))
    return pd.Series(names.astype(object), flights.index)


def send(asked_for: pd.DataFrame, model: str, port: int) -> Iterator[int]:
    """Ask a server about flights, request by request; gives the rows of each that is answered."""
    clients = {
        name: Client(f"localhost:{port}", connection=Connection(name=name))
        for name in asked_for[CLIENT].unique()
    }
    try:
        for request, rows in asked_for.groupby("request_id", sort=False):
            client = clients[rows[CLIENT].iloc[0]]
            client.predict(model, rows[list(FEATURES)], request_id=str(request))
            yield len(rows)
    finally:
        for client in clients.values():
            client.close()
