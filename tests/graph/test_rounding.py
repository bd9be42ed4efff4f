"""The declared bounds of float32 devices: they hold, and they are small enough to say something."""

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from preproc.graph import Halves, bounds
from tests.graph.lowering import MODELS, exact, fed, lowered, people, run

ROWS = 150
LARGEST = {"clusters": 0.1, "ridge": 2e-3}
"""Distances are roots of differences of squares, which cancel near a centre."""


@pytest.mark.parametrize("name", MODELS)
def test_a_device_and_the_exact_graph_lie_within_the_bounds(name: str) -> None:
    model = lowered(name)
    feeds = fed(model.graph, people(ROWS, 5))
    pool, want = run(model.halves, feeds), exact(model.graph, feeds)
    limits = bounds(model.halves, pool)
    answered = want["row_error"] == 0
    assert answered.sum() > ROWS / 2
    for output in model.halves.device.graph.output:
        limit, got = limits[output.name], pool[output.name]
        off = np.abs(got - limit.value)[answered]
        assert (off <= limit.error[answered]).all()
        if got.dtype == np.float32:
            assert limit.error[answered].max() < LARGEST.get(name, 2e-4)
            like = next(x for x in want.values() if x.shape == got.shape and x.dtype.kind == "f")
            assert (np.abs(like - limit.value)[answered] <= limit.error[answered]).all()
        else:
            assert (limit.error[answered] > 0).mean() < 0.1


@pytest.mark.parametrize("name", ["logistic", "softmax"])
def test_a_label_is_open_only_where_the_margin_is_within_the_bound(name: str) -> None:
    model = lowered(name)
    feeds = fed(model.graph, people(ROWS, 5))
    pool = run(model.halves, feeds)
    limits = bounds(model.halves, pool)
    label, shares = _outputs(model.halves, pool)
    ascending = np.sort(limits[shares].value, axis=1)
    margin = ascending[:, -1] - ascending[:, -2]
    is_open = limits[label].error > 0
    assert not is_open.ravel()[margin > 4 * limits[shares].error.max(axis=1)].any()


def test_a_label_on_the_edge_is_open() -> None:
    """All scores of a model whose weights are taken away are equal."""
    model = lowered("softmax")
    pool = run(model.halves, fed(model.graph, people(ROWS, 5)))
    device = onnx.ModelProto()
    device.CopyFrom(model.halves.device)
    for tensor in device.graph.initializer:
        if tensor.name in model.halves.rounded and len(tensor.dims) == 2 and tensor.dims[1] == 3:
            array = numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array(0 * array + np.float32(0.1), tensor.name))
    level = replace(model.halves, device=device)
    label, _ = _outputs(level, pool)
    assert (bounds(level, pool)[label].error > 0).all()


def _outputs(halves: Halves, pool: dict[str, NDArray[Any]]) -> tuple[str, str]:
    """Name the device's label and probabilities."""
    names = [output.name for output in halves.device.graph.output]
    is_share = [pool[name].dtype == np.float32 for name in names]
    return names[is_share.index(False)], names[is_share.index(True)]


def test_a_weight_that_is_moved_breaks_the_bounds() -> None:
    model = lowered("logistic")
    feeds = fed(model.graph, people(ROWS, 5))
    pool = run(model.halves, feeds)
    limits = bounds(model.halves, pool)
    _, shares = _outputs(model.halves, pool)
    moved = np.abs(pool[shares] + np.float32(1e-3) - limits[shares].value)
    assert (moved > limits[shares].error).mean() > 0.99


def test_codes_ranks_and_leaves_have_no_bound_at_all() -> None:
    model = lowered("forest")
    pool = run(model.halves, fed(model.graph, people(ROWS, 5)))
    limits = bounds(model.halves, pool)
    (leaves,) = model.halves.leaves
    assert not limits[leaves.nodes].error.any()
