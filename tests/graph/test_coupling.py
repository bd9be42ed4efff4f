"""Coupling of pairwise probabilities: the bits of the loop that defines it, whatever the batch."""

import numpy as np
import pytest
from numpy.typing import NDArray

from preproc.graph import GraphBuilder, coupled
from preproc.runtime.backends.onnxruntime_cpu import open_executor
from preproc.signature import Column, Output


def _wanted(form: NDArray[np.float64]) -> list[float]:
    """Couple one row as libsvm's source does, number by number."""
    classes = len(form)
    q = form.tolist()
    p = [1.0 / classes] * classes
    for _ in range(max(100, classes)):
        slopes = []
        for t in range(classes):
            total = 0.0
            for j in range(classes):
                total += q[t][j] * p[j]
            slopes.append(total)
        mean = 0.0
        for t in range(classes):
            mean += p[t] * slopes[t]
        if max(abs(slope - mean) for slope in slopes) < 0.005 / classes:
            break
        for t in range(classes):
            step = (-slopes[t] + mean) / q[t][t]
            p[t] += step
            mean = (mean + step * (step * q[t][t] + 2 * slopes[t])) / (1 + step) / (1 + step)
            slopes = [(s + step * cell) / (1 + step) for s, cell in zip(slopes, q[t], strict=True)]
            p = [value / (1 + step) for value in p]
    return p


def _forms(classes: int, rows: int) -> NDArray[np.float64]:
    draw = np.random.default_rng(classes)
    r = np.zeros((rows, classes, classes))
    for one in range(classes):
        for other in range(one + 1, classes):
            r[:, one, other] = np.clip(draw.beta(0.4, 0.4, rows), 1e-7, 1 - 1e-7)
            r[:, other, one] = 1 - r[:, one, other]
    turned = r.transpose(0, 2, 1)
    diagonal = np.eye(classes) * (r * r).sum(axis=1)[:, np.newaxis]
    forms: NDArray[np.float64] = diagonal - turned * r * (1 - np.eye(classes))
    return forms


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_each_row_has_the_bits_of_libsvm_in_any_batch(classes: int) -> None:
    graph = GraphBuilder()
    flat = graph.input(Column("x", "float64", width=classes * classes))
    form = graph.op("Reshape", flat, np.array([0, classes, classes]))
    start = graph.op("Gather", flat, np.arange(classes), axis=1)
    start = graph.op("Add", graph.op("Mul", start, np.array(0.0)), np.array(1.0 / classes))
    value = coupled(graph, form, start, classes, scope="f")
    compiled = open_executor(
        graph.finish([(value, Output("y", "features", "float64", classes, None))])
    )
    forms = _forms(classes, 300)
    rows = forms.reshape(300, -1)
    got = compiled.execute({"x": rows})["y"]
    assert np.array_equal(got, np.array([_wanted(form) for form in forms]))
    singles = [compiled.execute({"x": rows[at : at + 1]})["y"] for at in range(40)]
    assert np.array_equal(np.concatenate(singles), got[:40])
    assert compiled.execute({"x": rows[:0]})["y"].shape == (0, classes)
