"""What each output may be off by on each backend, and why; widened only aloud."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from preproc.compare import BITWISE, Tolerance
from preproc.errors import ParityError
from preproc.parity.recording import Recording, Setting, Trial
from preproc.runtime.easing import eased
from preproc.runtime.gate import tolerances_of

SUM_ORDER: Final = 1e-13
"""Error of a float64 sum in another order, as a share of the sum of its summands' magnitudes."""

STEEPEST: Final[Mapping[str, float]] = {"scores": 1.0, "prediction": 1.0, "probabilities": 0.25}
"""Role → how much of an error of a score arrives there; 1/4 is the logistic's steepest slope."""

_SAME_ORDER: Final = frozenset({"onnxruntime-cpu", "wasm"})
"""Backends that run the nodes as they are, in float64, sums in the graph's own order."""
_WIDENING: Final = re.compile(r"(?P<output>.+)=(?P<number>[0-9.eE+-]+?)(?P<unit>ulp)?")


@dataclass(frozen=True, slots=True)
class Widening:
    """A bound from the command line, for one output on every backend.

    Attributes
    ----------
    output
        Name of the output.
    max_ulp, max_abs
        What is allowed; one of them is 0.
    """

    output: str
    max_ulp: int
    max_abs: float

    def __str__(self) -> str:
        return f"{self.max_ulp} ULP" if self.max_ulp else f"{self.max_abs:g} absolute"


def bounds_of(
    recording: Recording, trial: Trial, widenings: Sequence[Widening] = ()
) -> dict[str, Tolerance]:
    """Bound every output in a setting.

    Parameters
    ----------
    recording
        Holds the certificate: bounds measured at export, and the scale of each output.
    trial
        How it ran, and in which dtype.
    widenings
        Bounds from the command line, which take the place of others.

    Returns
    -------
    dict
        Output → bound. Labels, codes and ``row_error`` must be equal everywhere.

    Raises
    ------
    ParityError
        When a widening names no output.
    """
    setting, certificate = trial.setting, recording.certificate
    outputs = recording.contract.signature.outputs
    if trial.form == "halves":
        bounds = eased(tolerances_of(certificate), trial.dtype)
    elif setting.mode != "exact":
        bounds = tolerances_of(certificate[setting.mode])
    else:
        bounds = tolerances_of(certificate)
        scale = max(float(entry["scale"]) for entry in certificate["outputs"].values())
        if setting.backend not in _SAME_ORDER or setting.threads > 1:
            for output in outputs:
                slack = STEEPEST.get(output.role, 0.0) * SUM_ORDER * scale
                if output.dtype == "float64" and slack:
                    bounds[output.name] = _reordered(setting, bounds[output.name], slack, scale)
    for widening in widenings:
        if widening.output not in bounds:
            raise ParityError(
                f"tolerance: expected an output of {sorted(bounds)}, got {widening.output!r}"
            )
        bounds[widening.output] = _widened(bounds[widening.output], widening)
    return bounds


def alone_bound(setting: Setting, bound: Tolerance) -> Tolerance:
    """Bound a row in one batch against itself in another: equal bits, but where threads decide.

    With one thread a row's answer depends on that row alone, on any backend. With more, a runtime
    splits sums by what else there is to do; both answers may then lie anywhere within the bound.
    """
    if setting.threads == 1:
        return BITWISE
    return replace(
        bound,
        max_ulp=2 * bound.max_ulp,
        max_abs=2 * bound.max_abs,
        max_row=2 * bound.max_row,
        reason=f"{setting.threads} threads split sums by the size of the batch",
    )


def parse_widening(text: str) -> Widening:
    """Read ``OUTPUT=1e-6`` (absolute) or ``OUTPUT=4ulp``.

    Raises
    ------
    ParityError
        When the text is none of these.
    """
    found = _WIDENING.fullmatch(text)
    try:
        if found is None:
            raise ValueError  # noqa: TRY301  # one message for all that is wrong
        number = float(found["number"])
        if not 0 < number < float("inf") or (found["unit"] and number != int(number)):
            raise ValueError  # noqa: TRY301
    except ValueError:
        raise ParityError(
            f"tolerance {text!r}: expected OUTPUT=1e-6 (absolute) or OUTPUT=4ulp"
        ) from None
    is_ulp = found["unit"] is not None
    return Widening(found["output"], int(number) if is_ulp else 0, 0.0 if is_ulp else number)


def _reordered(setting: Setting, exact: Tolerance, slack: float, scale: float) -> Tolerance:
    who = setting.backend if setting.threads == 1 else f"each of {setting.threads} threads"
    return replace(
        exact,
        name=f"{exact.name}, reordered",
        max_abs=exact.max_abs + slack,
        reason=f"{exact.reason}; {who} adds up in another order: "
        f"{SUM_ORDER:g} of summands that add up to at most {scale:g}",
    )


def _widened(bound: Tolerance, widening: Widening) -> Tolerance:
    return Tolerance(
        f"widened to {widening}",
        max_ulp=widening.max_ulp,
        max_abs=widening.max_abs,
        reason=f"asked for on the command line in place of {bound.name!r} ({bound.max_ulp} ULP, "
        f"{bound.max_abs:.3g} absolute, {bound.max_row:.3g} of the row)",
    )
