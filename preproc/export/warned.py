"""What a pipeline warns of while it is asked again and again, told once."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def warned_once() -> Iterator[None]:
    """Show each warning once: the same category and text from the same line.

    Python shows it again whenever filters have changed, and each question to a pipeline changes
    them. Filters stay as they are: what they hide is hidden, what they raise is raised.
    """
    show, told = warnings.showwarning, set()

    def once(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        same = (category, str(message), filename, lineno)
        if same not in told:
            told.add(same)
            show(message, category, filename, lineno, file, line)

    warnings.showwarning = once
    try:
        yield
    finally:
        warnings.showwarning = show
