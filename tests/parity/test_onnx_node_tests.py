"""ONNX's own node tests through the harness: its verdicts agree with ONNX's own judge."""

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.backend.test.case import node
from onnx.backend.test.case.node import ai_onnx_ml
from onnx.backend.test.runner import Runner

from preproc import BackendError, Contract, Output, Signature, Tolerance
from preproc.parity import judge_recording
from preproc.parity.recording import WHOLE, Batch, Recording, Setting, Trial
from preproc.runtime import Placed, opener_of
from preproc.signature import ROW_ERROR, TEXT
from preproc.vectors import VectorSet

# fmt: off
OPERATORS: Final = (
    "Abs", "Add", "And", "ArgMax", "Cast", "Ceil", "Clip", "Concat", "Div", "Equal", "Erf",
    "Exp", "Expand", "Floor", "Gather", "GatherElements", "GatherND", "Gemm", "Greater",
    "GreaterOrEqual", "Identity", "IsInf", "IsNaN", "LabelEncoder", "Less", "LessOrEqual",
    "Log", "MatMul", "Max", "Min", "Mod", "Mul", "Neg", "Not", "OneHot", "Or", "Pow",
    "Reciprocal", "ReduceMax", "ReduceMin", "ReduceSum", "Reshape", "Round", "Sign", "Slice",
    "Sqrt", "Squeeze", "Sub", "Sum", "Tanh", "Tile", "TopK", "Transpose", "TreeEnsemble",
    "Unsqueeze", "Where", "Xor",
)
# fmt: on
"""What our graphs are made of, and a few beside."""
RTOL, ATOL = 1e-3, 1e-7
BITS: Final = {"float32": 23, "float64": 52}
KINDS: Final = frozenset("fiubO")

Arrays = Mapping[str, NDArray[Any]]


def official_cases() -> list[Any]:
    """Make ONNX's cases but those of pooling, which take 8 of 10 seconds and are none of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, of the cases themselves
        for package in (node, ai_onnx_ml):
            for module in iter_modules(package.__path__, f"{package.__name__}."):
                if not module.name.endswith("pool"):
                    import_module(module.name)  # a case is made when its module is imported
    made: list[Any] = node._NodeTestCases
    return [case for case in made if _operator(case.model) in OPERATORS]


def _operator(model: onnx.ModelProto | None) -> str:
    return str(model.graph.node[0].op_type) if model else ""


def ours(backend: str, want: Arrays, got: Arrays) -> str:
    """Ask the harness; a whole case is one row."""
    outputs = tuple(
        Output(name, "features", TEXT if a.dtype == object else a.dtype.name, None, None)
        for name, a in want.items()
    )
    bounds = {
        name: {"tolerance": asdict(_rough(a.dtype.name)), "scale": 0.0} for name, a in want.items()
    }
    no_error = {ROW_ERROR: np.zeros(1, np.int32)}
    vectors = VectorSet(
        "real", {"x": np.zeros((1, 1))}, {n: a[None] for n, a in want.items()} | no_error
    )
    answers = {name: array[None] for name, array in got.items()} | no_error
    trial = Trial(
        Setting(backend),
        {},
        (Placed("node", "Op", backend),),
        (Batch("real", WHOLE, np.arange(1), answers),),
        0.0,
    )
    contract = Contract("case", Signature("frame", (), outputs), "exact", "", {}, {}, {})
    made = Recording("", contract, {"outputs": bounds}, (vectors,), (trial,))
    return judge_recording(made).outcome


def _rough(dtype: str) -> Tolerance:
    """ONNX's own bound: a relative error of 1e-3 is 8388 to 16777 ULP of a float32."""
    return Tolerance("ONNX's", int(RTOL * 2 ** BITS.get(dtype, 0)), ATOL, "as its runner says")


def theirs(want: Arrays, got: Arrays) -> str:
    try:
        Runner.assert_similar_outputs(list(want.values()), list(got.values()), RTOL, ATOL)
    except AssertionError:
        return "breach"
    return "pass"


def is_plain(value: Any) -> bool:
    """Whether a value is an array that holds something, in a format that contracts know."""
    if not isinstance(value, np.ndarray) or not value.size:
        return False
    return value.dtype.kind in KINDS and value.dtype != np.float16


def answered(backend: str, cases: list[Any]) -> Iterator[tuple[str, Arrays, Arrays]]:
    """Name, wanted and given outputs of each case that the backend can run."""
    for case in cases:
        names = [item.name for item in case.model.graph.input]
        outputs = [item.name for item in case.model.graph.output]
        for inputs, wanted in case.data_sets:
            if not all(is_plain(array) for array in (*inputs, *wanted)):
                continue
            try:
                with opener_of(backend)(case.model) as executor:
                    got = executor.execute(dict(zip(names, inputs, strict=True)))
            except (BackendError, NotImplementedError):
                continue
            yield case.name, dict(zip(outputs, wanted, strict=True)), got


def nudged(array: NDArray[Any]) -> NDArray[Any]:
    """Copy with one element that is wrong."""
    copy = array.copy()
    if copy.dtype.kind == "f":
        value = copy.flat[0]
        copy.flat[0] = value + abs(value) + 1 if np.isfinite(value) else 1.0
    elif copy.dtype == object:
        copy.flat[0] = f"{copy.flat[0]} and more"
    else:
        copy.flat[0] = ~copy.flat[0] if copy.dtype.kind == "i" else not copy.flat[0]
    return copy


def test_the_verdicts_are_those_of_onnx_on_its_own_node_tests() -> None:
    cases = official_cases()
    for backend, share in (("onnxruntime-cpu", cases), ("reference", cases[::3])):
        counts: Counter[str] = Counter()
        for name, want, got in answered(backend, share):
            verdict = ours(backend, want, got)
            assert verdict == theirs(want, got), name
            counts[verdict] += 1
            first = next(iter(want))
            wrong = {**got, first: nudged(got[first])}
            assert ours(backend, want, wrong) == theirs(want, wrong) == "breach", name
        assert counts["pass"] >= len(share) / 2
        assert counts["breach"] <= 5, counts
