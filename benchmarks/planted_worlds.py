"""How often a diagnosis is right in worlds whose cause of change is known.

``python -m benchmarks.planted_worlds`` prints, for each world, what was planted and what was said.
The model is a formula and labels are drawn from it, so this is an upper bound for real ones.
"""

import argparse
from collections import Counter

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from preproc.skew.diagnose import diagnose
from tests.skew.worlds import WORLDS, case_of, train


def main() -> None:
    """Plant, diagnose, count."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=20)
    times = parser.parse_args().times
    trained = train()
    table = Table("world", "planted", "said")
    right = 0
    for world, planted in track(WORLDS.items(), "worlds", console=Console(stderr=True)):
        said = Counter(
            diagnose(case_of(world(np.random.default_rng(seed)), trained)).verdict
            for seed in range(times)
        )
        right += said[planted]
        told = ", ".join(f"{count} {verdict}" for verdict, count in said.most_common())
        table.add_row(world.__name__.replace("_", " "), planted, told)
    Console().print(table)
    print(f"right: {right} of {times * len(WORLDS)}")


if __name__ == "__main__":
    main()
