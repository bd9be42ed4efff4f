"""Skew, a change of the data, a change of their meaning: told apart by evidence that says how much.

Three questions, each of its own kind. *Skew*: was a row computed otherwise than training would
have? Only pairs can tell, and one pair that differs is proof. *Data drift*: do inputs and answers
come from elsewhere? Windows against the calibrated profile. *Concept drift*: does the same score
now mean something else? What came true against what was expected, in bands of the score.

A question that was not asked has no answer: without a finding, and with one of them left open, the
verdict is undetermined, and says what is missing. A column that a client computes wrongly before it
reaches the server is beyond what replay sees; for that, inputs computed anew are a second pair.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, binomtest

from preproc.drift import Change, compare_outcomes
from preproc.drift.outcomes import MIN_BLOCKS, expected_of, outcomes_of, truth_of
from preproc.errors import DriftError
from preproc.skew.case import REMEDIES, Case, Cause, Diagnosis, Evidence, PairCounts, Pairs
from preproc.skew.labels import Labels, mature_windows
from preproc.skew.scope import Onset, Scope, onset_of, scope_of_rows, scope_of_windows
from preproc.skew.traffic import Traffic, Windows, taken
from preproc.skew.watching import Watch, judged, watch
from preproc.wording import counted

SIGNIFICANT: Final = 0.01
"""Level of the tests of data drift and of concept drift, each."""
MAX_WRONG: Final = 0.2
"""Share of wrong scores up to which the others still tell about the concept."""
IN_SAMPLE: Final = (
    "concept drift: labels differ from those of the training rows, on which a model expects too "
    "well; export with held_out= rows that it was not fitted on"
)


@dataclass(frozen=True, slots=True)
class _Finding:
    evidence: tuple[Evidence, ...]
    missing: tuple[str, ...] = ()
    onset: Onset | None = None
    scope: Scope | None = None
    watch: Watch | None = None
    change: Change | None = None


def diagnose(case: Case, *, seed: int = 0) -> Diagnosis:
    """Weigh the evidence.

    Parameters
    ----------
    case
        All that there is.
    seed
        Of the permutations.

    Raises
    ------
    DriftError
        When counts or labels do not fit the artifact.
    """
    skew = _skew(case)
    drift = _drift(case)
    is_wrong = _different(case) | _concerned(case, drift)
    concept = _concept(case, is_wrong, np.random.default_rng(seed))
    findings = (skew, drift, concept)
    evidence = tuple(line for finding in findings for line in finding.evidence)
    found = {line.cause for line in evidence if line.answer == "yes"}
    order: tuple[Cause, ...] = ("skew", "data drift", "concept drift")
    causes = tuple(cause for cause in order if cause in found)
    missing = tuple(text for finding in findings for text in finding.missing)
    first = next(
        (f for f in findings if f.onset and any(e.answer == "yes" for e in f.evidence)), None
    )
    return Diagnosis(
        verdict=_verdict(causes, missing),
        causes=causes,
        evidence=evidence,
        missing=missing,
        onset=first.onset if first else None,
        scope=first.scope if first else None,
        remedies=tuple(REMEDIES[cause] for cause in causes),
        watch=drift.watch,
        pairs=tuple(_counted(pairs, case.windows) for pairs in case.pairs),
        change=concept.change,
    )


def _verdict(causes: Sequence[Cause], missing: Sequence[str]) -> str:
    if len(causes) > 1:
        return f"both: {' and '.join(causes)}"
    if causes:
        return causes[0]
    return "undetermined" if missing else "quiet"


def _skew(case: Case) -> _Finding:
    """Count pairs that differ; none may."""
    lines, missing = [], []
    kinds = {pairs.kind for pairs in case.pairs if pairs.is_compared.any()}
    if "served" not in kinds:
        hidden = ", ".join(case.traffic.hidden)
        why = f" (not logged as they came: {hidden})" if hidden else ""
        missing.append(f"skew: no logged row was answered again by the training pipeline{why}")
    onset = scope = None
    for pairs in case.pairs:
        rows, wrong = int(pairs.is_compared.sum()), int(pairs.is_different.sum())
        if not rows:
            continue
        interval = binomtest(wrong, rows).proportion_ci(method="exact")
        what = {"served": "answers against the pipeline's", "asked": "inputs against their sources"}
        where = f"; first in {pairs.where}" if pairs.where else ""
        lines.append(
            Evidence(
                "skew",
                "yes" if wrong else "no",
                f"{what[pairs.kind]}, row by row, exact interval",
                "rows",
                rows,
                0.0 if wrong else 1.0,
                f"{100 * wrong / rows:.3g} % differ "
                f"({100 * interval.low:.3g} to {100 * interval.high:.3g} %){where}",
            )
        )
        if wrong and onset is None:
            onset = _onset_of_rows(pairs, case.windows)
            scope = scope_of_rows(pairs.is_different, pairs.is_compared, case.traffic)
    return _Finding(tuple(lines), tuple(missing), onset, scope)


def _counted(pairs: Pairs, windows: Windows) -> PairCounts:
    inside = windows.codes >= 0
    compared, different = (
        np.bincount(windows.codes[inside & marks], minlength=len(windows)).tolist()
        for marks in (pairs.is_compared, pairs.is_different)
    )
    told = pairs.kind, pairs.where, pairs.parts, windows.starts
    return PairCounts(*told, tuple(compared), tuple(different))


def _onset_of_rows(pairs: Pairs, windows: Windows) -> Onset | None:
    inside = windows.codes >= 0
    wrong = np.bincount(windows.codes[inside & pairs.is_different], minlength=len(windows))
    return onset_of(wrong > 0, windows)


def _different(case: Case) -> NDArray[np.bool_]:
    parts = [pairs.is_different for pairs in case.pairs]
    is_different: NDArray[np.bool_] = np.any([np.zeros(len(case.traffic), bool), *parts], axis=0)
    return is_different


def _drift(case: Case) -> _Finding:
    """Judge windows; of rows that are proved wrong, by what they should have been."""
    if case.baseline is None:
        return _Finding((), ("data drift: the export named no blocks, so nothing is calibrated",))
    if case.baseline.status != "VALID":
        told = f"data drift: calibration is {case.baseline.status}: {case.baseline.why}"
        return _Finding((), (told,))
    traffic, windows = _as_it_should_be(case)
    found = watch(case.baseline, traffic, windows)
    states = [verdict.state for verdict in found.verdicts]
    known = [state for state in states if state != "INSUFFICIENT"]
    is_spoiled = traffic is not case.traffic
    if not known and not is_spoiled:
        why = found.verdicts[0].why if found.verdicts else "no whole window"
        return _Finding((), (f"data drift: no window could be judged: {why}",), watch=found)
    p = _p_of(found)
    is_drift = found.alarms > 0 and p < SIGNIFICANT
    is_alarm = np.array([state == "ALARM" for state in states])
    onset = onset_of(is_alarm, windows) if is_drift else None
    scope = None
    if onset is not None and case.baseline is not None:
        baseline = case.baseline
        scope = scope_of_windows(
            lambda rows: judged(baseline, traffic, rows, with_distances=False).state,
            traffic,
            windows,
            onset,
        )
    # A change that came with one client alone, on the day on which that client came, is its code.
    cause: Cause = "skew" if scope is not None and scope.is_new else "data drift"
    line = Evidence(
        cause if is_drift else "data drift",
        "yes" if is_drift else "no",
        f"windows against the profile, {case.baseline.false_alarms:.3g} false alarms stated",
        "windows",
        len(states),
        p,
        _effect_of(found) + (f"; confined to {scope}" if scope else ""),
    )
    partly = states.count("INSUFFICIENT")
    missing: tuple[str, ...] = ()
    if partly and not is_drift and not is_spoiled:
        missing = (f"data drift: {partly} of {counted(len(states), 'window')} could not be judged",)
    return _Finding((line,), missing, onset, scope, found)


def _concerned(case: Case, drift: _Finding) -> NDArray[np.bool_]:
    """Mark the rows, (n,), of those whose code is found to have changed."""
    scope = drift.scope
    if scope is None or not scope.is_new:
        return np.zeros(len(case.traffic), bool)
    is_theirs: NDArray[np.bool_] = case.traffic.groups[scope.kind] == scope.name
    return is_theirs


def _as_it_should_be(case: Case) -> tuple[Traffic, Windows]:
    """Put inputs that were computed anew in place; leave answers out that are proved wrong."""
    if not _different(case).any():
        return case.traffic, case.windows
    traffic = replace(case.traffic, answers={})
    windows = case.windows
    for pairs in case.pairs:
        if pairs.kind == "asked" and pairs.recomputed and pairs.is_different.any():
            inputs = {**traffic.inputs, **pairs.recomputed}
            traffic = taken(replace(traffic, inputs=inputs), pairs.is_compared)
            windows = replace(windows, codes=windows.codes[pairs.is_compared])
            return traffic, windows
    return traffic, windows


def _p_of(found: Watch) -> float:
    """Combine windows: more alarm than may, of all of them or of those since some window."""
    is_judged = [verdict.threshold > 0 for verdict in found.verdicts]
    p_values = np.array([verdict.p for verdict in found.verdicts])[is_judged]
    if not p_values.size:
        return 1.0
    rate = found.baseline.false_alarms
    alarms = np.cumsum((p_values <= rate + 1e-12)[::-1])
    numbers = np.arange(1, len(p_values) + 1)
    since = binom.sf(alarms - 1, numbers, rate)
    return float(min(1.0, 2 * since[-1], 2 * len(p_values) * since.min()))


def _effect_of(found: Watch) -> str:
    loud = [verdict for verdict in found.verdicts if verdict.alarms]
    if not loud:
        return "no window alarms"
    names = [str(verdict.alarms[0].stream) for verdict in loud]
    most = max(sorted(set(names)), key=names.count)
    sizes = [v.alarms[0] for v in loud if str(v.alarms[0].stream) == most]
    size = float(np.median([alarm.effect for alarm in sizes]))
    return (
        f"{len(loud)} of {counted(len(found.verdicts), 'window')} alarm, most by {most}: "
        f"{size:+.3g} {sizes[0].measure}"
    )


def _concept(case: Case, is_wrong: NDArray[np.bool_], draw: np.random.Generator) -> _Finding:
    """Hold what came true against what was expected, on rows that were computed as they should."""
    if case.outcomes is None:
        return _Finding((), ("concept drift: the export was given no target and no blocks",))
    if case.labels is None:
        return _Finding((), ("concept drift: no labels were given",))
    mature = mature_windows(case.labels, case.windows)
    change, why = _change(case, case.labels, mature.windows, is_wrong, draw)
    if change is None:
        told = [why]
        if mature.young:
            days = counted(f"{case.labels.maturity_s / 86400:.3g}", "day")
            told.append(f"{counted(mature.young, 'window')} younger than the {days} of a label")
        if mature.unlabelled:
            told.append(f"labels of more than 5 % of the rows are missing: {mature.unlabelled[0]}")
        return _Finding((), (f"concept drift: {'; '.join(told)}",))
    is_found = change.p < SIGNIFICANT
    is_open = is_found and case.outcomes.is_in_sample
    unit = "points" if case.outcomes.kind != "number" else "of the target's unit"
    line = Evidence(
        "concept drift",
        "open" if is_open else "yes" if is_found else "no",
        "what came true against what was expected, by band of the score, blocks permuted",
        "windows",
        change.blocks,
        change.p,
        f"{change.effect:+.3g} {unit} ({change.low:+.3g} to {change.high:+.3g}), in band "
        f"{change.worst_band + 1} {change.worst_effect:+.3g}; {change.visible:.3g} would be seen "
        "in 9 of 10 cases",
    )
    return _Finding((line,), (IN_SAMPLE,) if is_open else (), change=change)


def _change(
    case: Case,
    labels: Labels,
    chosen: NDArray[np.int64],
    is_wrong: NDArray[np.bool_],
    draw: np.random.Generator,
) -> tuple[Change | None, str]:
    """Compare mature windows with training; nothing, and why, where they do not suffice."""
    assert case.outcomes is not None
    rows = np.isin(case.windows.codes, chosen) & labels.is_known
    wrong = float(is_wrong[rows].mean()) if rows.any() else 0.0
    if wrong > MAX_WRONG:
        return None, f"{100 * wrong:.3g} % of the scores are wrong by skew"
    rows &= ~is_wrong
    answers = {name: values[rows] for name, values in case.traffic.answers.items()}
    wanted = {output.name for output in case.signature.outputs}
    found = expected_of(case.signature, answers) if wanted <= set(answers) else None
    if found is None:
        return None, f"answers were not logged: {sorted(wanted - set(answers))}"
    kind, positive, expected = found
    label = next((o.name for o in case.signature.outputs if o.role == "label"), "")
    truth = truth_of(kind, positive, labels.values[rows], answers.get(label))
    is_number = np.isfinite(expected)
    if not is_number.any():
        return None, "no window is old enough and has its labels"
    days = case.windows.codes[rows][is_number]
    expected, truth = expected[is_number], truth[is_number]
    changes = []
    for since in _starts(np.unique(days)):
        late = days >= since
        _, codes = np.unique(days[late], return_inverse=True)
        edges = case.outcomes.edges
        live = outcomes_of(kind, positive, expected[late], truth[late], codes, edges)
        try:
            changes.append(compare_outcomes(case.outcomes, live, draw))
        except DriftError as error:
            return None, str(error)
    clearest = min(changes, key=lambda change: change.p)
    return replace(clearest, p=min(1.0, len(changes) * clearest.p)), ""


def _starts(days: NDArray[np.int64]) -> list[int]:
    """Choose windows since which a change is looked for: all, the later half, the last quarter."""
    number = len(days)
    sizes = {number, *(n for n in (number // 2, number // 4) if n >= MIN_BLOCKS)}
    return [int(days[number - size]) for size in sorted(sizes, reverse=True)]
