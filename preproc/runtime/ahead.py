"""Forms made before a session asks for them, by a fork, while this process goes on.

Why a fork: what makes a form is 15 MB that a server never needs again, and another interpreter
would import once more what this one has, which takes longer than to make a form.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

from preproc.artifact import read_contract
from preproc.errors import PreprocError
from preproc.runtime.backends import backend_of
from preproc.runtime.forms import form_at, is_missing


def make_ahead(paths: Iterable[Path], *, backend: str) -> None:
    """Begin to make the forms that are not kept; who asks for one waits until it is made.

    What cannot be made is told by whoever loads it. Nothing is made elsewhere than on Linux, or
    beside threads: what one of them had locked would stay locked in the fork for good.

    Parameters
    ----------
    paths
        Folders of versions, in the order in which they will be opened.
    backend
        That will run them, in the mode that they were exported in.
    """
    if sys.platform != "linux" or threading.active_count() > 1:
        return
    missing = _missing(paths, backend)
    if not missing:
        return
    child = os.fork()
    if child == 0:
        _make(missing)
    threading.Thread(target=os.waitpid, args=(child, 0), name="forms", daemon=True).start()


def _missing(paths: Iterable[Path], backend: str) -> list[Callable[[], object]]:
    """Find what is to be made."""
    found: list[Callable[[], object]] = []
    form = backend_of(backend).form
    if form not in ("fused", "packed"):
        return found
    for path in paths:
        with suppress(PreprocError):
            contract = read_contract(path)
            what = path, form, contract.mode, contract.float32
            if is_missing(*what):
                found.append(partial(form_at, *what))
    return found


def _make(missing: Iterable[Callable[[], object]]) -> None:
    """Make forms in a process that ends then."""
    try:
        for make in missing:
            with suppress(PreprocError):
                make()
    finally:
        os._exit(0)
