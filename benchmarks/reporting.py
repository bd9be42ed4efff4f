"""Tables on the terminal; JSON and pictures under ``docs/benchmarks``."""

import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import onnxruntime
import sklearn
from rich.console import Console
from rich.table import Table

from preproc.runtime.machine import machine

MANY_TIMES: Final = 30
"""How many times higher the highest bar is than the lowest, where powers of ten show more."""
FOLDER: Final = Path(__file__).resolve().parent.parent / "docs" / "benchmarks"


def print_table(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows of one set of columns; numbers with three digits that count."""
    table = Table(title=title, title_justify="left")
    for name in rows[0]:
        table.add_column(name, justify="left" if isinstance(rows[0][name], str) else "right")
    for row in rows:
        table.add_row(*(_text(value) for value in row.values()))
    Console(width=140).print(table)


def write(name: str, results: Any) -> None:
    """Write results with the machine that they come from."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    told = machine()
    environment = {
        "cpu": told.get("cpu", platform.processor()),
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
        "scikit-learn": sklearn.__version__,
    }
    content = json.dumps({"environment": environment, "results": results}, indent=1)
    (FOLDER / f"{name}.json").write_text(content + "\n", encoding="utf-8")


def bars(name: str, title: str, groups: Mapping[str, Mapping[str, float]], unit: str) -> None:
    """Draw a group of bars a pipeline, on a scale of powers of ten where they differ much."""
    from matplotlib.figure import Figure  # noqa: PLC0415  # slow to import

    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.add_subplot()
    names = list(dict.fromkeys(key for group in groups.values() for key in group))
    width = 0.8 / len(names)
    for at, key in enumerate(names):
        heights = [group.get(key, 0) for group in groups.values()]
        drawn = axes.bar([x + at * width for x in range(len(groups))], heights, width, label=key)
        axes.bar_label(drawn, [_text(height) if height else "" for height in heights], fontsize=7)
    middle = 0.4 - width / 2
    axes.set_xticks([x + middle for x in range(len(groups))], list(groups))
    heights = [height for group in groups.values() for height in group.values() if height]
    if max(heights) > MANY_TIMES * min(heights):
        axes.set_yscale("log")
        axes.set_ylim(top=axes.get_ylim()[1] * 4)  # room for the legend
    else:
        axes.set_ylim(top=axes.get_ylim()[1] * 1.15)
    axes.set_ylabel(unit)
    axes.set_title(title, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=len(names), fontsize=8)
    save(figure, name)


def save(figure: Any, name: str) -> None:
    """Write a picture, the same bytes for the same numbers."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    figure.savefig(FOLDER / f"{name}.png", dpi=110, metadata={"Software": None})


def _text(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004
