"""One row in process: ``python -m benchmarks.one_row`` times the bare call of each form."""

from typing import Any, Final

from benchmarks.contenders import bench, sessions
from benchmarks.pipelines import CASES
from benchmarks.reporting import bars, print_table, write
from benchmarks.timing import Timing, interleaved, ratio

Targets = dict[tuple[str, str], float]

OVER_DEFAULT: Final[Targets] = {
    ("P1", "exact"): 1.6,
    ("GBC100", "exact"): 1.6,
    ("RF100", "exact"): 1.4,
    ("P3", "exact"): 5.0,
    ("P1", "fast"): 2.8,
    ("GBC100", "fast"): 2.6,
    ("RF100", "fast"): 1.9,
    ("P3", "fast"): 6.5,
}
"""How many times faster than skl2onnx's default graph a form is meant to be."""
OF_TRIVIAL: Final[Targets] = {
    ("P1", "exact"): 3.2,
    ("GBC100", "exact"): 3.2,
    ("P1", "fast"): 1.8,
}
"""How many trivial calls it is meant to cost at most."""
OVER_ORACLE: Final[Targets] = {("P1", "exact"): 200, ("GBC100", "exact"): 200}
"""How many times faster than scikit-learn it is meant to be."""


def measure(name: str) -> tuple[dict[str, Timing], dict[str, Any]]:
    """Time one pipeline."""
    with bench(name) as made, sessions(made.path) as (exact, fast):
        timed = interleaved(made.contenders(1, exact, fast), rounds=45, round_s=0.008)
    return timed, {
        key: {"median_us": found.median_us, "quartiles_us": [found.low_us, found.high_us]}
        for key, found in timed.items()
    }


def ratios(name: str, form: str, timed: dict[str, Timing]) -> dict[str, Any]:
    """Make a line of the table: a form, its time, its ratios and what they are meant to be."""
    own = timed[form]
    line: dict[str, Any] = {"pipeline": name, "form": form, "us": own.median_us}
    line["quartiles"] = f"{own.low_us:.1f}-{own.high_us:.1f}"
    line["x skl2onnx"] = ratio(timed["skl2onnx"], own)
    line["wanted >="] = OVER_DEFAULT.get((name, form), "")
    line["trivial calls"] = ratio(own, timed["trivial"])
    line["wanted <="] = OF_TRIVIAL.get((name, form), "")
    line["x scikit-learn"] = ratio(timed["scikit-learn"], own)
    line["wanted  >="] = OVER_ORACLE.get((name, form), "")
    return line


def main() -> None:
    lines, told, heights = [], {}, {}
    for name in CASES:
        timed, told[name] = measure(name)
        lines += [ratios(name, form, timed) for form in ("exact", "fast")]
        heights[name] = {key: found.median_us for key, found in timed.items()}
    print_table("one row, microseconds", lines)
    write("one_row", {"timings": told, "ratios": lines})
    bars("one_row", "One row, in process", heights, "microseconds")


if __name__ == "__main__":
    main()
