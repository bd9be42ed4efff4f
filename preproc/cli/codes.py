"""Exit codes of all commands."""

from typing import Final

BREACH: Final = 1
NOTHING_COMPARED: Final = 2
CANNOT_RUN: Final = 3
