"""Functions that no protocol covers, replaced while user code is traced.

Why: ``np.asarray(x)``, ``pd.concat``, ``pd.cut`` or scikit-learn's ``check_array`` would ask a
symbolic object for its cells. For the time of a trace each of their names, in whatever module it
was imported into, leads to a function that looks at the arguments: where one is symbolic, the
trace goes on; else the original is called, so that other threads notice nothing. All names are
put back, always.
"""

import functools
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Final

_LOCK: Final = threading.RLock()
"""Names are swapped by one trace at a time."""
_UNTOUCHED: Final = ("preproc.", "numpy.", "pandas.", "scipy.")
"""Packages whose inner modules keep their names; what they export at their top does not."""

_STANDARD: Final = str(Path(functools.__file__).parent)

Replacement = Callable[..., Any]


def is_symbolic_inside(items: Any, depth: int = 3) -> bool:
    """Whether a symbolic object is among arguments, or in lists and dicts of them."""
    for item in items:
        if hasattr(type(item), "tracer") or "tracer" in getattr(item, "__dict__", ()):
            return True
        if depth and type(item) in (list, tuple, set):
            if is_symbolic_inside(item, depth - 1):
                return True
        elif depth and type(item) is dict and is_symbolic_inside(item.values(), depth - 1):
            return True
    return False


def dispatching(original: Callable[..., Any], traced: Replacement) -> Replacement:
    """Call `traced` where an argument is symbolic, else the original."""

    @functools.wraps(original, updated=())
    def dispatched(*args: Any, **kwargs: Any) -> Any:
        if is_symbolic_inside(args) or is_symbolic_inside(kwargs.values()):
            return traced(*args, **kwargs)
        return original(*args, **kwargs)

    return dispatched


@contextmanager
def replaced_names(replacements: Mapping[int, tuple[Any, Any]]) -> Iterator[None]:
    """Replace objects wherever modules name them, and put them back.

    Parameters
    ----------
    replacements
        ``id`` of an object → that object and what takes its place.
    """
    with _LOCK:
        done: list[tuple[ModuleType, str, Any]] = []
        try:
            for module in _namers(len(sys.modules)):
                for name, item in list(vars(module).items()):
                    found = replacements.get(id(item))
                    if found is not None and found[0] is item:
                        done.append((module, name, item))
                        setattr(module, name, found[1])
            yield
        finally:
            for module, name, item in done:
                setattr(module, name, item)


@functools.lru_cache(maxsize=1)
def _namers(_modules: int) -> tuple[ModuleType, ...]:
    """List the modules whose names can matter: users', and those that import numpy or pandas.

    They are listed anew when there are more modules.
    """
    modules = [module for module in sys.modules.values() if isinstance(module, ModuleType)]
    return tuple(module for module in modules if not _is_untouched(module))


def _is_untouched(module: ModuleType) -> bool:
    if module.__name__ in ("numpy.random", "numpy.ma"):
        return False
    if module.__name__.startswith(_UNTOUCHED):
        return True
    file = getattr(module, "__file__", None) or ""
    is_library = "-packages/" in file or file.startswith(_STANDARD)
    if not is_library or module.__name__ in ("numpy", "pandas", "random"):
        return False
    known = {getattr(item, "__module__", "") or "" for item in vars(module).values()}
    known |= {item.__name__ for item in vars(module).values() if isinstance(item, ModuleType)}
    return not any(name.startswith(("numpy", "pandas", "sklearn.utils")) for name in known)
