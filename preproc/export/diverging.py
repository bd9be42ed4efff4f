"""Where a graph leaves its pipeline: the first step, and its first column, that differ on rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline

from preproc.artifact import Artifact
from preproc.compare import BITWISE, LAST_BITS, breaches
from preproc.export.answers import as_output
from preproc.export.oracle import Oracle
from preproc.runtime.building import session_of
from preproc.runtime.gate import tolerances_of
from preproc.runtime.inner import inner_values
from preproc.runtime.nulls import tokens_of
from preproc.testimony import Divergence, Parting
from preproc.vectors import StepAnswer


def first_divergence(
    pipeline: Any, artifact: Artifact, oracle: Oracle, inputs: Mapping[str, NDArray[Any]]
) -> Divergence:
    """Compare step by step, in pipeline order, then the outputs.

    Parameters
    ----------
    pipeline, oracle
        The fitted pipeline, and itself to be asked.
    artifact
        Whose graph is computed here once more.
    inputs
        Column → array (n, width) of rows that the pipeline answers.
    """
    rows = len(next(iter(inputs.values())))
    known = {step.path: find_step(pipeline, step.path) for step in artifact.steps}
    fitted = {path: step for path, step in known.items() if step is not None}
    key = artifact.contract.signature.outputs[0].key
    want = oracle.transformed(inputs, fitted, key)
    kept = [step for step in artifact.steps if step.path in want]
    got = inner_values(artifact, kept, inputs)
    found = [
        *(_at_step(pipeline, step, want[step.path], got, rows) for step in kept),
        *_at_outputs(artifact, oracle, inputs, rows),
    ]
    first = next((there for there, _ in found if there is not None), Divergence("", "", 0, rows))
    return replace(first, steps=tuple(parting for _, parting in found))


def find_step(pipeline: Any, path: str) -> Any:
    """Find a fitted step by its path, None where there is none; names may hold slashes."""
    if not path:
        return pipeline
    for name, step in _children(pipeline):
        if path == name or path.startswith(f"{name}/"):
            found = find_step(step, path[len(name) + 1 :])
            if found is not None:
                return None if isinstance(found, str) else found
    return None


def _children(step: Any) -> Sequence[tuple[str, Any]]:
    if isinstance(step, Pipeline):
        return list(step.steps)
    if isinstance(step, ColumnTransformer):
        return [(name, one) for name, one, _ in step.transformers_]
    if isinstance(step, FeatureUnion):
        return list(step.transformer_list)
    names = [name for name in vars(step) if hasattr(getattr(step, name), "fit")]
    return [(name, getattr(step, name)) for name in names]


def _names(pipeline: Any, step: StepAnswer) -> Sequence[str]:
    """Name the features of a step as scikit-learn does, by way of the steps before it."""
    home, _, name = step.path.rpartition("/")
    parent = find_step(pipeline, home)
    try:
        if isinstance(parent, Pipeline):
            at = [known for known, _ in parent.steps].index(name)
            return [str(one) for one in parent[: at + 1].get_feature_names_out()]
        return [str(one) for one in find_step(pipeline, step.path).get_feature_names_out()]
    except Exception:  # noqa: BLE001  # of a name alone: many steps cannot tell theirs
        return ()


def _at_step(
    pipeline: Any,
    step: StepAnswer,
    want: NDArray[Any],
    got: Mapping[str, NDArray[Any]],
    rows: int,
) -> tuple[Divergence | None, Parting]:
    want = want.reshape(rows, -1)
    want = tokens_of(want) if want.dtype == object else want
    parts = [got[value].reshape(rows, -1).astype(want.dtype) for value in step.values]
    there = np.concatenate(parts, axis=1)
    if there.shape != want.shape:
        shapes = str(want.shape), str(there.shape)
        return Divergence(step.path, "", rows, rows, *shapes), Parting(step.path, rows, {})
    wrong = breaches(want, there, BITWISE if step.decided == "ieee" else LAST_BITS)
    names = (step.features or _names(pipeline, step)) if wrong.any() else ()
    return _parting(step.path, names, want, there, wrong)


def _parting(
    where: str,
    names: Sequence[str],
    want: NDArray[Any],
    got: NDArray[Any],
    wrong: NDArray[np.bool_],
) -> tuple[Divergence | None, Parting]:
    known = names if len(names) == want.shape[1] else [str(at) for at in range(want.shape[1])]
    at_wrong = np.flatnonzero(wrong.any(axis=0)).tolist()
    columns = {known[at]: int(wrong[:, at].sum()) for at in at_wrong}
    parting = Parting(where, int(wrong.any(axis=1).sum()), columns)
    if not at_wrong:
        return None, parting
    column = at_wrong[0]
    row = int(np.flatnonzero(wrong[:, column])[0])
    shown = tuple(repr(side[row : row + 1, column].tolist()[0]) for side in (want, got))
    return Divergence(where, known[column], parting.rows, len(want), shown[0], shown[1]), parting


def _at_outputs(
    artifact: Artifact, oracle: Oracle, inputs: Mapping[str, NDArray[Any]], rows: int
) -> Iterator[tuple[Divergence | None, Parting]]:
    bounds = tolerances_of(artifact.certificate)
    model = onnx.ModelProto.FromString(artifact.model)
    with session_of(artifact.contract, model) as session:
        got = session.run_prepared(session.pack(inputs))
    for output in artifact.contract.signature.outputs:
        want = as_output(output, oracle.answer(inputs, output.key)).reshape(rows, -1)
        there = got[output.name].reshape(rows, -1)
        wrong = breaches(want, there, bounds.get(output.name, BITWISE))
        yield _parting(f"output {output.name}", output.names, want, there, wrong)
