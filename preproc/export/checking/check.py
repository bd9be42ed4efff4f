"""All relations on all steps of a fitted pipeline."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sklearn.base import TransformerMixin, clone
from sklearn.preprocessing import TargetEncoder

from preproc.errors import CheckError
from preproc.export.checking.relations import REFUSALS, Finding, Trial, findings_of
from preproc.export.checking.samples import cells_of, differing, rows_in, taken
from preproc.export.checking.stages import Stage, is_custom, leaves_of, stages_of
from preproc.export.checking.worlds import WORLDS, begun
from preproc.wording import counted

ROWS: Final = 200


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was found.

    Attributes
    ----------
    findings
        Relations that do not hold.
    declared
        Paths of steps whose ``fit_transform`` differs from their ``transform`` by design.
    worlds
        Relation that takes another process → ``tried``, ``not needed``, or why it was not tried.
    steps
        Paths of the steps that were tried.
    rows
        Size of the sample.
    """

    findings: tuple[Finding, ...]
    declared: tuple[str, ...]
    worlds: dict[str, str]
    steps: tuple[str, ...]
    rows: int

    @property
    def is_pass(self) -> bool:
        """Whether every relation holds."""
        return not self.findings


def check_pipeline(
    pipeline: Any,
    X: Any,  # noqa: N803  # scikit-learn's name
    y: Any = None,
    *,
    rows: int = ROWS,
    only_custom: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> CheckReport:
    """Try every relation on every step.

    Parameters
    ----------
    pipeline
        Fitted pipeline, transformer or predictor.
    X
        Data of training's kind (n, ...), of which a sample is drawn.
    y
        Target (n,), to see whether one's own ``fit_transform`` differs from ``transform``.
    rows
        Size of the sample.
    only_custom
        Whether to leave out the steps of scikit-learn, LightGBM, XGBoost, CatBoost and
        imbalanced-learn.
    progress
        Called with the path of each step before it is tried.

    Returns
    -------
    CheckReport
        At most one finding for each step and relation.

    Raises
    ------
    CheckError
        When there are no rows, or the pipeline does not answer them.
    """
    with begun_check(
        pipeline, X, y, rows=rows, only_custom=only_custom, progress=progress
    ) as begun:
        return begun.wait()


@dataclass(frozen=True, slots=True)
class BegunCheck:
    """What is known of a check whose other processes are at work.

    Attributes
    ----------
    findings
        Relations that do not hold in this process.
    wait
        Waits for the other processes and gives the whole report.
    """

    findings: tuple[Finding, ...]
    wait: Callable[[], CheckReport]


@contextmanager
def begun_check(
    pipeline: Any,
    X: Any,  # noqa: N803  # scikit-learn's name
    y: Any = None,
    *,
    rows: int = ROWS,
    only_custom: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Iterator[BegunCheck]:
    """Do as `check_pipeline` does, and let other work be done while other processes are."""
    if not rows_in(X):
        raise CheckError("nothing to check: expected rows, got none")
    at = np.sort(np.random.default_rng(0).permutation(rows_in(X))[:rows]).tolist()
    sample = taken(X, at)
    with ExitStack() as stack:
        with _silenced():
            trials, findings = _tried(pipeline, sample, progress, only_custom=only_custom)
            custom = [trial for trial in trials if is_custom(trial.stage.fitted)]
            others = stack.enter_context(begun(custom)) if custom else None
            stages = [trial.stage for trial in trials]
            declared = declared_steps(pipeline, stages, None if y is None else _taken(y, at))

        def wait() -> CheckReport:
            found, worlds = (
                list(findings),
                dict.fromkeys(WORLDS, "not needed: no code of one's own"),
            )
            if others is not None:
                progress("other processes")
                with _silenced():
                    elsewhere, worlds = others()
                # What differs from call to call differs from process to process as well.
                unsteady = {one.step for one in findings if one.relation == "determinism"}
                found += [one for one in elsewhere if one.step not in unsteady]
            steps = tuple(stage.path for stage in stages)
            return CheckReport(tuple(found), declared, worlds, steps, len(at))

        yield BegunCheck(tuple(findings), wait)


def _tried(
    pipeline: Any, sample: Any, progress: Callable[[str], None], *, only_custom: bool
) -> tuple[list[Trial], list[Finding]]:
    """Try in this process what can be tried here: steps with samples, what does not hold."""
    names = tuple(map(str, getattr(sample, "columns", ())))
    trials: list[Trial] = []
    findings: list[Finding] = []
    for stage in _stages(pipeline, sample):
        if only_custom and not is_custom(stage.fitted):
            continue
        progress(stage.path)
        trial = Trial(stage, stage.data, cells_of(stage.ask(stage.data)), names)
        trials.append(trial)
        findings += findings_of(trial)
    return trials, findings


@contextmanager
def _silenced() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def declared_steps(pipeline: Any, stages: Sequence[Stage], y: Any) -> tuple[str, ...]:
    """Find steps whose ``fit_transform`` differs from ``transform`` by design, not by fault.

    scikit-learn's TargetEncoder encodes the rows that it learns from by folds that leave them
    out. A class of one's own that has a ``fit_transform`` of its own is fitted again on the sample.
    """
    known = {path for path, step in leaves_of(pipeline) if isinstance(step, TargetEncoder)}
    for stage in stages:
        own = getattr(type(stage.fitted), "fit_transform", None)
        if is_custom(stage.fitted) and own not in (None, TransformerMixin.fit_transform):
            try:
                first = cells_of(clone(stage.fitted).fit_transform(stage.data, y))
                then = cells_of(clone(stage.fitted).fit(stage.data, y).transform(stage.data))
            except REFUSALS:
                continue
            if first.shape != then.shape or differing(first, then).any():
                known.add(stage.path)
    return tuple(sorted(known))


def _stages(pipeline: Any, sample: Any) -> list[Stage]:
    try:
        stages = stages_of(pipeline, sample)
    except REFUSALS as error:
        raise CheckError(
            f"pipeline: expected an answer to {counted(rows_in(sample), 'row')} of the data, got "
            f"{type(error).__name__}: {error}; check that the data is what it was trained on"
        ) from error
    if not stages:
        raise CheckError("nothing to check: expected a step that transforms or predicts, got none")
    return stages


def _taken(y: Any, at: Sequence[int]) -> Any:
    return np.asarray(y)[list(at)]
