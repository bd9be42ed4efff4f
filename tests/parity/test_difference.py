"""Two versions: what differs is named; what is the same is silent."""

import json
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from typer.testing import CliRunner

from preproc import Artifact
from preproc.artifact import write_artifact
from preproc.cli import app
from preproc.errors import ArtifactError, ParityError
from preproc.parity import SPOILERS, diff_artifacts, spoil
from preproc.signature import Column


def spoiled(artifact: Artifact, name: str) -> Artifact:
    model = spoil(onnx.ModelProto.FromString(artifact.model), name)
    return replace(artifact, model=model.SerializeToString())


def test_a_version_does_not_differ_from_itself(boosting_artifact: Artifact) -> None:
    assert diff_artifacts(boosting_artifact, boosting_artifact) == ()


def test_another_vocabulary_differs_in_parameters_and_answers(logistic_artifact: Artifact) -> None:
    found = diff_artifacts(logistic_artifact, spoiled(logistic_artifact, "a wrong vocabulary"))
    assert {item.part for item in found} == {"parameters", "answers"}
    assert any(item.where.startswith("real, probabilities: ") for item in found)


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
    assert found["categories", first.name] == ("alone: 'a'", "alone: 'c'")
    assert [pair for (part, _), pair in found.items() if part == "rules"] == [
        ("present", "nothing")
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
        "no difference in contract, parameters and answers\n",
    )
    differs = CliRunner().invoke(app, ["diff", one, str(other), "--json"])
    assert differs.exit_code == 1
    assert not json.loads(differs.stdout)["is_equal"]
    assert CliRunner().invoke(app, ["diff", one, str(other)]).exit_code == 1
    absent = CliRunner().invoke(app, ["diff", one, str(tmp_path / "no")])
    assert absent.exit_code == 3
    assert "expected a file, got No such file or directory" in absent.stderr
