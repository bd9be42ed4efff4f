"""A thread that does one thing again and again until it is told to stop."""

import logging
from collections.abc import Callable
from threading import Event, Thread
from typing import Final

_LOG: Final = logging.getLogger(__name__)


class Repeated:
    """Acts every so many seconds, the first time after as many; what fails is logged.

    Parameters
    ----------
    act
        Called with nothing, never twice at once.
    seconds
        Between the end of one act and the beginning of the next.
    name
        Of the thread.
    """

    def __init__(self, act: Callable[[], object], seconds: float, *, name: str) -> None:
        self._act = act
        self._seconds = seconds
        self._is_closed = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def close(self, timeout_s: float = 5.0) -> None:
        """Act no more, and wait a while for an act under way."""
        self._is_closed.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._is_closed.wait(self._seconds):
            try:
                self._act()
            except Exception:  # noqa: BLE001  # the next round may do better
                _LOG.exception("%s failed; it is tried again", self._thread.name)
