"""Two versions: what differs is named; what is the same is silent."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from rich.console import Console
from typer.testing import CliRunner

from preproc import Artifact
from preproc.artifact import write_artifact
from preproc.cli.commands import app
from preproc.errors import ArtifactError, ParityError
from preproc.parity import SPOILERS, diff_artifacts, print_diff, spoil
from preproc.parity.difference import Difference
from preproc.signature import Column


def spoiled(artifact: Artifact, name: str) -> Artifact:
    model = spoil(onnx.ModelProto.FromString(artifact.model), name)
    return replace(artifact, model=model.SerializeToString())


def test_a_version_does_not_differ_from_itself(boosting_artifact: Artifact) -> None:
    assert diff_artifacts(boosting_artifact, boosting_artifact) == ()


def test_another_vocabulary_differs_in_parameters_and_answers(logistic_artifact: Artifact) -> None:
    found = diff_artifacts(logistic_artifact, spoiled(logistic_artifact, "a wrong vocabulary"))
    assert {item.part for item in found} == {"parameters", "answers"}
    assert any(item.where == "real/probabilities" for item in found)


def test_every_spoiled_graph_differs(boosting_artifact: Artifact) -> None:
    model = onnx.ModelProto.FromString(boosting_artifact.model)
    compared = 0
    for name in SPOILERS:
        try:
            spoil(model, name)
        except ParityError:
            continue
        compared += 1
        found = diff_artifacts(boosting_artifact, spoiled(boosting_artifact, name))
        assert "parameters" in {item.part for item in found}, name
    assert compared


def test_columns_categories_and_rules_are_compared_by_name(logistic_artifact: Artifact) -> None:
    signature = logistic_artifact.contract.signature
    first, *rest = signature.columns
    domain = {"categories": ["a", "b"]}
    one = replace(first, domain=domain)
    other = Column(first.name, "float32", domain={"categories": ["b", "c"]})
    contracts = [
        replace(
            logistic_artifact.contract,
            signature=replace(signature, columns=(column, *rest), rules=rules),
        )
        for column, rules in ((one, signature.rules), (other, signature.rules[1:]))
    ]
    before, after = (replace(logistic_artifact, contract=contract) for contract in contracts)
    found = {
        (item.part, item.where): (item.first, item.second) for item in diff_artifacts(before, after)
    }
    assert found["columns", f"{first.name}.dtype"] == (repr(first.dtype), "'float32'")
    assert found["categories", first.name] == ("gone: 'a'", "new: 'c'")
    assert [pair for (part, _), pair in found.items() if part == "rules"] == [
        ("present", "nothing")
    ]


def test_a_constant_is_named_by_the_step_that_takes_it(logistic_artifact: Artifact) -> None:
    model = onnx.ModelProto.FromString(logistic_artifact.model)
    numbers = {tensor.name: tensor for tensor in model.graph.initializer}
    node = next(node for node in model.graph.node if node.op_type == "Div")
    tensor = numbers[node.input[1]]
    values = numpy_helper.to_array(tensor).copy()
    values.flat[0] = np.nextafter(values.flat[0], np.inf)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    for other in model.graph.initializer:  # renumbered, as by a change before them
        for taker in model.graph.node:
            taker.input[:] = [f"{x}'" if x == other.name else x for x in taker.input]
        other.name += "'"
    other_version = replace(logistic_artifact, model=model.SerializeToString())
    found = diff_artifacts(logistic_artifact, other_version)
    (item,) = [item for item in found if item.part == "parameters"]
    assert item.where == f"{node.output[0].lstrip('/')}, input 1"
    assert (item.first, item.second) == (
        repr(numpy_helper.to_array(numbers_of(logistic_artifact, node)).flat[0].item()),
        repr(values.flat[0].item()),
    )


def numbers_of(artifact: Artifact, node: onnx.NodeProto) -> onnx.TensorProto:
    """Find the constant that the same node of an artifact divides by."""
    graph = onnx.ModelProto.FromString(artifact.model).graph
    same = next(other for other in graph.node if other.output == node.output)
    return next(tensor for tensor in graph.initializer if tensor.name == same.input[1])


def test_the_table_shows_some_parameters_of_a_step_and_tells_the_rest() -> None:
    found = [
        Difference("answers", "real/label", "1", "0", "50 of 100, worst in row 3"),
        *(Difference("parameters", f"a/scaler/Sub_{at}, input 1", "1", "2") for at in range(5)),
        Difference("parameters", "a/model/Trees_0.[leaf]", "1", "2"),
    ]
    console = Console(width=100, record=True, file=io.StringIO())
    print_diff(found, console)
    lines = [line.split() for line in console.export_text().splitlines() if line.strip()]
    assert lines[2:] == [
        ["answers", "real/label", "50", "of", "100,", "worst", "in", "row", "3", "1", "0"],
        *(["parameters", f"a/scaler/Sub_{at},", "input", "1", "1", "2"] for at in range(3)),
        ["parameters", "a/scaler", "2", "more,", "listed", "by", "--json"],
        ["parameters", "a/model/Trees_0.[leaf]", "1", "2"],
    ]


def test_without_golden_rows_there_is_nothing_to_ask(logistic_artifact: Artifact) -> None:
    with pytest.raises(ArtifactError, match="expected golden rows to ask both versions, got none"):
        diff_artifacts(replace(logistic_artifact, vectors=()), logistic_artifact)


def test_the_command_exits_0_1_or_3(logistic_artifact: Artifact, tmp_path: Path) -> None:
    other = write_artifact(spoiled(logistic_artifact, "a wrong vocabulary"), tmp_path).path
    one = str(logistic_artifact.path)
    same = CliRunner().invoke(app, ["diff", one, one])
    assert (same.exit_code, same.stdout) == (
        0,
        "no difference in contract, answers and parameters\n",
    )
    differs = CliRunner().invoke(app, ["diff", one, str(other), "--json"])
    assert differs.exit_code == 1
    assert not json.loads(differs.stdout)["is_equal"]
    assert CliRunner().invoke(app, ["diff", one, str(other)]).exit_code == 1
    absent = CliRunner().invoke(app, ["diff", one, str(tmp_path / "no")])
    assert absent.exit_code == 3
    assert "expected a file, got No such file or directory" in absent.stderr
