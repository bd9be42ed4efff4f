"""Two versions of a model: where contract, parameters and answers differ."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import onnx
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from preproc.artifact import Artifact
from preproc.compare import compare
from preproc.contract import Contract
from preproc.errors import ArtifactError, SignatureError
from preproc.parity.parameters import changed, parameters_of
from preproc.runtime import DEFAULT_BACKEND, Session, replay
from preproc.runtime.building import session_of
from preproc.vectors import VectorSet

MAX_SHOWN: Final = 5
"""Categories that one line names."""
MAX_OF_STEP: Final = 3
"""Parameters of one step that the table shows."""
NOTHING: Final = "nothing"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same in both versions.

    Attributes
    ----------
    part
        ``contract``, ``columns``, ``categories``, ``outputs``, ``rules``, ``parameters`` or
        ``answers``.
    where
        Column, output, rule, value of the graph, or golden set.
    first, second
        What either version has.
    extent
        Of arrays: how many values differ, and which one is shown.
    """

    part: str
    where: str
    first: str
    second: str
    extent: str = ""


def diff_artifacts(
    first: Artifact, second: Artifact, *, backend: str = DEFAULT_BACKEND
) -> tuple[Difference, ...]:
    """Compare two versions: contract, answers to the first one's rows, parameters of the graph.

    Returns
    -------
    tuple of Difference
        Empty when they are the same in all of these.

    Raises
    ------
    ArtifactError
        When the first holds no golden rows to ask both.
    BackendError
        When the backend cannot run one of them.
    """
    if not first.vectors:
        raise ArtifactError(first.path, "expected golden rows to ask both versions, got none")
    return (
        *_contracts(first.contract, second.contract),
        *_answers(first, second, backend),
        *_parameters(*(parameters_of(_graph(side)) for side in (first, second))),
    )


def diff_to_json(found: Sequence[Difference]) -> dict[str, Any]:
    """Turn differences into plain JSON data."""
    return {"is_equal": not found, "differences": [asdict(item) for item in found]}


def print_diff(found: Sequence[Difference], console: Console) -> None:
    """Print differences as a table, or that there are none; of a step some parameters only."""
    if not found:
        console.print("no difference in contract, answers and parameters")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("part", no_wrap=True)
    for heading in ("where", "values", "first", "second"):
        table.add_column(heading, overflow="fold")
    steps = Counter(_step(item) for item in found)
    shown = Counter[str]()
    for item in found:
        step = _step(item)
        shown[step] += 1
        if not step or shown[step] <= MAX_OF_STEP:
            texts = (item.part, item.where, item.extent, item.first, item.second)
            table.add_row(*(escape(text) for text in texts))
        elif shown[step] == steps[step]:
            rest = f"{steps[step] - MAX_OF_STEP} more, listed by --json"
            table.add_row(item.part, escape(step), rest)
    console.print(table)


def _step(item: Difference) -> str:
    """Step that a parameter belongs to, empty for another part."""
    path = item.where.partition(",")[0]
    return (path.rpartition("/")[0] or path) if item.part == "parameters" else ""


def _contracts(first: Contract, second: Contract) -> Iterator[Difference]:
    for key in ("name", "mode", "label", "libraries", "wire", "domains"):
        yield from _values("contract", key, getattr(first, key), getattr(second, key))
    sides = (first.signature, second.signature)
    yield from _values("contract", "kind", *(side.kind for side in sides))
    columns = [{column.name: column for column in side.columns} for side in sides]
    for name in _names(columns):
        one, other = (of.get(name) for of in columns)
        if one is None or other is None:
            yield _absent("columns", name, one is not None)
            continue
        for key in ("dtype", "null", "width", "freshness"):
            pair = getattr(one, key), getattr(other, key)
            yield from _values("columns", f"{name}.{key}", *pair)
        yield from _domains(name, one.domain or {}, other.domain or {})
    outputs = [{output.name: asdict(output) for output in side.outputs} for side in sides]
    yield from _records("outputs", outputs)
    rules = [
        {f"{rule.step}: {rule.column}: {rule.text}": {"origin": rule.origin} for rule in side.rules}
        for side in sides
    ]
    yield from _records("rules", rules)


def _domains(
    name: str, first: Mapping[str, Any], second: Mapping[str, Any]
) -> Iterator[Difference]:
    for key in sorted({*first, *second} - {"categories"}):
        yield from _values("columns", f"{name}.{key}", first.get(key), second.get(key))
    one, other = (list(side.get("categories", ())) for side in (first, second))
    gone = [item for item in one if item not in other]
    new = [item for item in other if item not in one]
    if gone or new:
        yield Difference("categories", name, _listed(gone, "gone"), _listed(new, "new"))


def _records(part: str, sides: Sequence[Mapping[str, Mapping[str, Any]]]) -> Iterator[Difference]:
    for name in _names(sides):
        one, other = (of.get(name) for of in sides)
        if one is None or other is None:
            yield _absent(part, name, one is not None)
            continue
        for key in one:
            yield from _values(part, f"{name}.{key}", one[key], other[key])


def _parameters(
    first: Mapping[str, NDArray[Any]], second: Mapping[str, NDArray[Any]]
) -> Iterator[Difference]:
    """Compare constants and attributes of the graphs: thresholds, weights, tables."""
    for name in _names((first, second)):
        one, other = first.get(name), second.get(name)
        if one is None or other is None:
            yield _absent("parameters", name, one is not None)
        elif one.shape != other.shape or one.dtype != other.dtype:
            yield Difference("parameters", name, _shape(one), _shape(other))
        else:
            positions = changed(one, other)
            if positions.size:
                at = int(positions[0])
                extent = f"{positions.size} of {one.size}, first at {at}" if one.size > 1 else ""
                shown = [repr(side.ravel().tolist()[at]) for side in (one, other)]
                yield Difference("parameters", name, shown[0], shown[1], extent)


def _answers(first: Artifact, second: Artifact, backend: str) -> Iterator[Difference]:
    """Ask both versions the golden rows of the first one."""
    with _opened(first, backend) as one, _opened(second, backend) as other:
        for vectors in first.vectors:
            try:
                yield from _of_set(vectors, one, other)
            except SignatureError as error:
                yield Difference("answers", vectors.name, "an answer", f"refusal: {error}")


def _of_set(vectors: VectorSet, one: Session, other: Session) -> Iterator[Difference]:
    want, got = replay(one, vectors), replay(other, vectors)
    for name in want:
        if name not in got:
            continue  # told with the outputs
        where = f"{vectors.name}/{name}"
        if want[name].shape != got[name].shape or want[name].dtype != got[name].dtype:
            yield Difference("answers", where, _shape(want[name]), _shape(got[name]))
            continue
        found = compare(want[name], got[name])
        if found.breaches:
            row = found.worst[0]
            extent = f"{found.breaches} of {found.elements}, worst in row {row}"
            shown = [str(side[name][row]) for side in (want, got)]
            yield Difference("answers", where, shown[0], shown[1], extent)


def _opened(artifact: Artifact, backend: str) -> Session:
    return session_of(artifact.contract, _graph(artifact), backend=backend)


def _graph(artifact: Artifact) -> onnx.ModelProto:
    model: onnx.ModelProto = onnx.ModelProto.FromString(artifact.model)
    return model


def _values(part: str, where: str, first: Any, second: Any) -> Iterator[Difference]:
    if first != second:
        yield Difference(part, where, _text(first), _text(second))


def _absent(part: str, where: str, is_in_first: bool) -> Difference:  # noqa: FBT001  # one claim
    first, second = ("present", NOTHING) if is_in_first else (NOTHING, "present")
    return Difference(part, where, first, second)


def _names(sides: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names on either side, each once, in their order."""
    return list(dict.fromkeys(name for side in sides for name in side))


def _text(value: Any) -> str:
    return NOTHING if value is None else repr(value)


def _listed(items: Sequence[Any], word: str) -> str:
    shown = ", ".join(repr(item) for item in items[:MAX_SHOWN])
    more = f" and {len(items) - MAX_SHOWN} more" if len(items) > MAX_SHOWN else ""
    return f"{word}: {shown}{more}" if items else ""


def _shape(array: NDArray[Any]) -> str:
    return f"{array.dtype.name} {array.shape}"
