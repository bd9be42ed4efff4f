"""Surroundings of another process that unpickles what this one trained."""

import os
import sys
from collections.abc import Mapping


def environment_with(changes: Mapping[str, str]) -> dict[str, str]:
    """Give this process's environment, in which its modules are found again, with changes.

    Code of the user's own often lies beside the script that trains, where another process would
    not look for it.
    """
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)  # noqa: PTH100  # "" is cwd
    return {**os.environ, "PYTHONPATH": path, **changes}
