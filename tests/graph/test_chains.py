"""Products of finite rows with one vector: fewer nodes with the same bits, and one when fast."""

from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from preproc.export.conversion import convert
from preproc.export.converters import linear
from preproc.export.converters.vector_product import vector_product
from preproc.graph import fast, pack
from preproc.runtime.backends.onnxruntime_cpu import open_executor

Vector = NDArray[np.float64]
WIDTHS = (4, 5, 6, 7, 30, 31, 253, 512, 600, 2050, 4100)


def fitted(width: int) -> tuple[Ridge, pd.DataFrame]:
    draw = np.random.default_rng(width)
    rows = draw.normal(size=(300, width)) * 10.0 ** draw.integers(-4, 4, width)
    frame = pd.DataFrame(rows, columns=[f"n{at}" for at in range(width)])
    return Ridge(0.1).fit(frame, draw.normal(size=300)), frame


def packed(width: int) -> onnx.ModelProto:
    return pack(convert(*fitted(width)).model).model


def answers(model: onnx.ModelProto, rows: Vector) -> Vector:
    with open_executor(model) as executor:
        found: Vector = executor.execute({"packed_float64": rows})["prediction"]
    return found


def in_lanes(scope: Any, value: str, weights: Vector, *, is_finite: bool) -> str:
    assert is_finite
    return vector_product(scope, value, weights)


@pytest.mark.parametrize("width", WIDTHS)
def test_finite_rows_are_summed_in_the_order_of_all_others(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = np.random.default_rng(1)
    rows = draw.normal(size=(200, width)) * 10.0 ** draw.integers(-9, 9, (200, width))
    weights = np.asarray(fitted(width)[0].coef_)
    rows[0], rows[1], rows[2] = 1.7e308 * np.sign(weights), 5e-324, np.inf
    model = packed(width)
    monkeypatch.setattr(linear, "vector_product", in_lanes)
    other = packed(width)
    want = answers(other, rows)
    assert want.tobytes() == answers(model, rows).tobytes()
    assert len(model.graph.node) < len(other.graph.node)
    assert [answers(model, rows[at : at + 1])[0] for at in (0, 1, 3)] == [
        want[at] for at in (0, 1, 3)
    ]
    first = next(node for node in model.graph.node if node.op_type == "MatMul")
    spoil(model, first.input[1])
    assert (want[3:] != answers(model, rows)[3:]).any()


def spoil(model: onnx.ModelProto, name: str) -> None:
    """Let a constant be off by its last bit."""
    (tensor,) = [item for item in model.graph.initializer if item.name == name]
    array = np.nextafter(onnx.numpy_helper.to_array(tensor), np.inf)
    tensor.CopyFrom(onnx.numpy_helper.from_array(array, name))


@pytest.mark.parametrize("width", WIDTHS)
def test_the_fast_form_multiplies_once(width: int) -> None:
    model, frame = fitted(width)
    form = fast(packed(width))
    assert sum(node.op_type in ("Gemm", "MatMul") for node in form.graph.node) == 1
    np.testing.assert_allclose(
        answers(form, frame.to_numpy()), model.predict(frame), rtol=1e-11, atol=1e-11
    )
