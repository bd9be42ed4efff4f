"""What was measured at export: how far graph and scikit-learn lie apart, and where."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.compare import BITWISE, Tolerance
from preproc.export.answers import Answer
from preproc.export.spread import Spread
from preproc.runtime import Verdict
from preproc.runtime.machine import processor_features
from preproc.signature import ROW_ERROR, Output
from preproc.vectors import VectorSet
from preproc.wording import counted

LIBRARIES: Final = ("numpy", "onnx", "onnxruntime", "preproc-runtime", "scikit-learn", "scipy")
COMPLEMENT: Final = 2.3e-16
"""Absolute error of 1 - p that one rounding of p next to 1 explains (2^-52)."""
SUMMANDS: Final = 2.0**-52
"""2 ULP of a summand, as a share of the largest that it can be."""
MAX_SHOWN: Final = 10
"""Names of columns in one line; the certificate has all."""
ROUNDINGS: Final = 2.0**-50
"""Four roundings, as a share of the row's largest magnitude."""


def library_versions() -> dict[str, str]:
    """Versions of the libraries that decide numbers."""
    return {name: version(name) for name in LIBRARIES}


def tolerance_of(answer: Answer, spread: Spread | None) -> Tolerance:
    """Bound an output: equal bits, or 2 ULP, or twice scikit-learn's own spread.

    The spread counts in absolute terms and relative to the row, never in ULP: next to zero a
    spread of one rounding is millions of ULP, and twice of that would allow anything. Of a sum
    whose summands have a known bound, each may be off by 2 ULP of its own, as if it stood alone.
    """
    if answer.decided == "ieee" or spread is None or answer.output.role == "label":
        return BITWISE
    decider = {"libm": "the C library", "blas": "the order of BLAS sums"}[answer.decided]
    return Tolerance(
        answer.decided,
        max_ulp=2,
        max_abs=max(COMPLEMENT, 2 * spread.max_abs, SUMMANDS * answer.scale),
        max_row=max(ROUNDINGS, 2 * spread.max_row),
        reason=f"{decider} decides the last bits; 2 ULP, twice scikit-learn's own spread, or 2 ULP "
        f"of summands that add up to at most {answer.scale:g}",
        exact_columns=answer.exact,
    )


def cancelling_rows(
    answer: Answer, values: Mapping[str, NDArray[Any]], got: NDArray[Any]
) -> NDArray[np.bool_]:
    """Mark rows whose summands cancel so far that their roundings are beyond the bound, (n,).

    Where summands have no bound, those of real rows give it. Of an extreme row, which may be
    larger by any factor, nothing can be right or wrong but the sum of magnitudes.

    Parameters
    ----------
    answer
        Whose `scale` holds for real rows.
    values
        Values of the graph laid open, `answer.summed` among them.
    got
        The answer itself, (n,) or (n, width).
    """
    if not answer.summed:
        return np.zeros(len(got), bool)
    with np.errstate(over="ignore", invalid="ignore"):
        rounding = SUMMANDS * values[answer.summed].max(axis=1)
        largest = np.abs(got.reshape(len(got), -1)).max(axis=1)
        bound = np.maximum(SUMMANDS * answer.scale, ROUNDINGS * largest)
        found: NDArray[np.bool_] = ~(rounding <= bound)
    return found


def certificate_of(
    outputs: Sequence[tuple[Answer, Output]],
    sets: Sequence[VectorSet],
    verdicts: Sequence[Verdict],
    spreads: Mapping[str, Spread],
    libraries: Mapping[str, str],
    extra: Mapping[str, Any],
) -> dict[str, Any]:
    """Write down what the proof found.

    Parameters
    ----------
    outputs
        Answers and how they are named.
    sets
        Golden sets that were replayed.
    verdicts
        What the replay found, all sets and outputs.
    spreads
        Output → its spread; absent where IEEE arithmetic decides.
    libraries
        Versions, as the contract has them.
    extra
        Further entries: seed, refusals, declared differences.

    Returns
    -------
    dict
        Plain JSON data.
    """
    return {
        "rows": {vectors.name: vectors.rows for vectors in sets},
        "refused": {vectors.name: int((vectors.answers[ROW_ERROR] != 0).sum()) for vectors in sets},
        "outputs": {
            output.name: {
                **_measured(output, [v for v in verdicts if v.output == output.name]),
                "spread": asdict(spreads[output.name]) if output.name in spreads else None,
                "scale": answer.scale,
                "decided": answer.decided,
            }
            for answer, output in outputs
        },
        **extra,
        "environment": {
            "python": platform.python_version(),
            "system": platform.system(),
            "machine": platform.machine(),
            "processor_features": processor_features(),
            "libraries": dict(libraries),
        },
    }


def summary_of(name: str, certificate: Mapping[str, Any]) -> str:
    """Put a certificate in a few lines for people."""
    rows, refused = certificate["rows"], sum(certificate["refused"].values())
    libraries = certificate["environment"]["libraries"]
    counts = ", ".join(f"{count} {kind}" for kind, count in rows.items())
    lines = [
        f"{name}: proved against scikit-learn {libraries['scikit-learn']}",
        f"  rows: {counts}; {counted(refused, 'refused row')} poisoned",
    ]
    doubtful = sum(entry["rows"] for entry in certificate.get("doubtful", ()))
    left_out = sum(certificate.get("left_out", {}).values())
    continued = sum(certificate.get("continued", {}).values())
    if doubtful or left_out:
        lines.append(
            f"  not compared: {counted(doubtful, 'row')} that scikit-learn answers by chance, "
            f"{left_out} on which it does not agree with itself"
        )
    if continued:
        lines.append(
            f"  proved step by step, not golden: {counted(continued, 'row')} where a step jumps "
            "for the last bits of one before it"
        )
    width = max(len(output) for output in certificate["outputs"])
    for output, found in certificate["outputs"].items():
        flips = f", {counted(found['label_flips'], 'label flip')}" if "label_flips" in found else ""
        lines.append(
            f"  {output:<{width}}  {100 * found['bitwise_share']:.3f} % bitwise, "
            f"max {found['max_ulp']} ULP, max {found['max_abs']:.2g} absolute{flips}"
        )
    if certificate["unused"]:
        lines.append(_unused_line(certificate["unused"]))
    if "monitor" in certificate:
        lines.append(_monitor_line(certificate["monitor"]))
    return "\n".join(lines)


def _unused_line(columns: Sequence[str]) -> str:
    """Say which columns callers must send for nothing, and how to have it otherwise."""
    shown = ", ".join(map(repr, columns[:MAX_SHOWN]))
    more = f" and {len(columns) - MAX_SHOWN} more" if len(columns) > MAX_SHOWN else ""
    return (
        f"  unused: no answer depends on {shown}{more}, yet every call must send them; drop them "
        "before fit, and none has to"
    )


def _monitor_line(worth: Mapping[str, Any]) -> str:
    """Say what the alarms are worth."""
    tried = "; ".join(
        f"{replay['alarms']} of {replay['windows']} held out {replay['how']} alarmed"
        for replay in worth["replays"]
    )
    line = (
        f"  monitor: {worth['status']}, {100 * worth['false_alarms']:.3g} % false alarms stated, "
        f"{worth['blocks']} blocks of {worth['unit']}"
    )
    return line + (f"; {tried}" if tried else "") + (f"; {worth['why']}" if worth["why"] else "")


def _measured(output: Output, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    answered = [verdict for verdict in verdicts if verdict.part == "answers"]
    found = [verdict.comparison for verdict in answered]
    elements = sum(one.elements for one in found)
    flips = {"label_flips": sum(one.elements - one.equal for one in found)}
    return {
        "role": output.role,
        "tolerance": asdict(answered[0].tolerance),
        "elements": elements,
        "bitwise_share": sum(one.equal for one in found) / elements,
        "max_ulp": max(one.max_ulp for one in found),
        "max_abs": max(one.max_abs for one in found),
        **(flips if output.role == "label" else {}),
    }
