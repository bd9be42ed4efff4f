"""A pass that changes a bit is refused by the gate, whichever it is."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from onnx import numpy_helper

from preproc import Artifact, ParityError
from preproc.export import export_pipeline
from preproc.graph.fusion import DETAILS, STRUCTURE
from preproc.graph.view import View
from preproc.runtime import open_session, prove
from tests.graph.fusing import MODELS, fitted, other_numbers


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    folder = tmp_path_factory.mktemp("models")
    return {
        name: export_pipeline(*fitted(MODELS[name]), repository=folder, name=name)
        for name in ("boosting", "powers")
    }


def other_words(run: Callable[[View], None]) -> Callable[[View], None]:
    """Let a pass ask trees for the word beside the one that is meant."""

    def spoiled(view: View) -> None:
        run(view)
        for node in view.nodes.values():
            for item in node.attribute:
                if item.name == "nodes_splits":
                    splits = numpy_helper.to_array(item.t)
                    item.t.CopyFrom(numpy_helper.from_array(splits + 1, item.name))

    return spoiled


def lost(run: Callable[[View], None]) -> Callable[[View], None]:
    """Let a pass ask negated numbers as if they were not."""

    def spoiled(view: View) -> None:
        run(view)
        for node in view.nodes.values():
            if node.op_type == "Neg":
                node.op_type = "Identity"

    return spoiled


def blind(run: Callable[[View], None]) -> Callable[[View], None]:
    """Let a pass make rules that mark nothing."""

    def spoiled(view: View) -> None:
        before = set(view.nodes)
        run(view)
        for name in set(view.nodes) - before:
            for item in view.nodes[name].attribute:
                if item.name == "leaf_weights":
                    marks = numpy_helper.to_array(item.t)
                    item.t.CopyFrom(numpy_helper.from_array(np.zeros_like(marks), item.name))

    return spoiled


def closed(run: Callable[[View], None]) -> Callable[[View], None]:
    """Let a pass make gates that never open."""

    def spoiled(view: View) -> None:
        before = set(view.nodes)
        run(view)
        for name in set(view.nodes) - before:
            for item in view.nodes[name].attribute:
                if item.name == "nodes_featureids":
                    item.ints[:] = [0] * len(item.ints)

    return spoiled


def other_sign(run: Callable[[View], None]) -> Callable[[View], None]:
    """Let a pass take the other power."""

    def spoiled(view: View) -> None:
        run(view)
        for node in view.nodes.values():
            node.op_type = {"Sign": "Neg"}.get(node.op_type, node.op_type)

    return spoiled


def copied(run: Callable[[View], None]) -> Callable[[View], None]:
    """Let a pass meet a runtime that copies where no axis is named."""

    def spoiled(view: View) -> None:
        before = set(view.nodes)
        run(view)
        for name in set(view.nodes) - before:
            view.replace(view.nodes[name], "Identity", view.nodes[name].input[:1])

    return spoiled


@pytest.mark.parametrize(
    ("name", "spoil", "model"),
    [
        ("short_refusals", blind, "boosting"),
        ("trees_on_inputs", other_words, "boosting"),
        ("trees_on_inputs", lost, "boosting"),
        ("powers_by_sign", other_sign, "powers"),
        ("short_refusals", closed, "powers"),
        ("numbers_beside_columns", other_numbers, "boosting"),
        ("plain_logarithms", copied, "powers"),
    ],
    ids=["refusals", "words", "negated", "signs", "gates", "numbers", "logarithms"],
)
def test_the_gate_refuses_a_spoiled_pass(
    name: str,
    spoil: Callable[[Callable[[View], None]], Callable[[View], None]],
    model: str,
    artifacts: Mapping[str, Artifact],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    artifact = artifacts[model]
    assert artifact.path is not None
    with open_session(artifact.path) as session:
        assert session.form == "fused"
        prove(session, artifact)
    passes = STRUCTURE if name in STRUCTURE else DETAILS
    monkeypatch.setitem(passes, name, spoil(passes[name]))
    with open_session(artifact.path) as session, pytest.raises(ParityError):
        prove(session, artifact)
