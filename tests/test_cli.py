"""Exit codes and messages of the command line."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import onnx
import pytest
from preproc_server import starting
from preproc_server.settings import Settings
from typer.testing import CliRunner

from preproc import Artifact
from preproc.artifact import write_artifact
from preproc.cli.commands import app
from preproc.cli.serving import FLAGS, SWITCHES, serve
from preproc.graph import nodes_by_step
from preproc.parity import selftest, spoil
from preproc.runtime import BACKENDS


def test_parity_passes_and_writes_json(logistic_artifact: Artifact, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = CliRunner().invoke(app, ["parity", str(logistic_artifact.path), "--json", str(report)])
    assert done.exit_code == 0
    assert done.stdout.count(" pass") == 8
    assert done.stdout.splitlines()[-1].startswith("pass: ")
    data = json.loads(report.read_text())
    assert data["is_pass"]
    assert {line["backend"] for line in data["outputs"]} == {"onnxruntime-cpu", "reference"}
    assert [line["label_flips"] for line in data["outputs"] if line["output"] == "label"] == [0, 0]


def test_a_breach_exits_1_and_names_it(logistic_artifact: Artifact, tmp_path: Path) -> None:
    model = spoil(onnx.ModelProto.FromString(logistic_artifact.model), "a wrong vocabulary")
    spoiled = Artifact(
        logistic_artifact.contract,
        model.SerializeToString(),
        logistic_artifact.vectors,
        logistic_artifact.certificate,
        logistic_artifact.profile,
    )
    path = write_artifact(spoiled, tmp_path).path
    done = CliRunner().invoke(app, ["parity", str(path), "--backend", "onnxruntime-cpu"])
    assert done.exit_code == 1
    assert "BREACH" in done.stdout
    assert "vectors 'real', the whole set, output 'scores' (answers): " in done.stdout
    assert "real row " in done.stdout


def test_nothing_compared_exits_2(logistic_artifact: Artifact, tmp_path: Path) -> None:
    empty = Artifact(
        logistic_artifact.contract,
        logistic_artifact.model,
        (),
        logistic_artifact.certificate,
        logistic_artifact.profile,
    )
    path = write_artifact(empty, tmp_path).path
    done = CliRunner().invoke(app, ["parity", str(path)])
    assert done.exit_code == 2
    assert "nothing to compare" in done.stderr


@pytest.mark.parametrize("command", ["parity", "inspect"])
def test_a_missing_artifact_exits_3_in_one_line(command: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [command, str(tmp_path / "gone")])
    assert done.exit_code == 3
    file = tmp_path / "gone" / "contract.json"
    problem = "expected a file, got No such file or directory"
    problem += "; name a version's folder, such as models/late/1"
    assert done.stderr.splitlines() == [f"preproc: artifact '{file}': {problem}"]


def test_an_absent_backend_exits_3(logistic_artifact: Artifact) -> None:
    done = CliRunner().invoke(app, ["parity", str(logistic_artifact.path), "--backend", "cuda"])
    assert done.exit_code == 3
    told = "absent (required): backend 'cuda': expected CUDAExecutionProvider "
    assert done.stdout.startswith(told)


def test_the_version_is_that_of_the_distribution() -> None:
    told = CliRunner().invoke(app, ["--version"])
    assert (told.exit_code, told.stdout) == (0, f"preproc-runtime {version('preproc-runtime')}\n")


@pytest.mark.parametrize("command", ["judge", "check"])
def test_help_tells_which_extra_draws_pages(command: str) -> None:
    shown = CliRunner().invoke(app, ["parity", command, "--help"], env={"COLUMNS": "160"})
    assert "Write one page with plots there; needs preproc-runtime[report]." in shown.stdout


def test_inspect_lists_the_nodes_of_each_step(logistic_artifact: Artifact) -> None:
    shown = CliRunner().invoke(app, ["inspect", str(logistic_artifact.path), "--steps"])
    assert shown.exit_code == 0
    steps = nodes_by_step(logistic_artifact.model)
    assert all(step in shown.stdout for step in steps)
    operators = [op for _, op, _ in next(n for step, n in steps.items() if "scale" in step)]
    assert {"Sub", "Div"} <= set(operators)


def test_inspect_shows_the_contract(logistic_artifact: Artifact, tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["inspect", str(logistic_artifact.path)])
    assert "probabilities" in shown.stdout
    plain = CliRunner().invoke(app, ["inspect", str(logistic_artifact.path), "--json"])
    assert json.loads(plain.stdout)["format"] == 3
    shutil.rmtree(tmp_path)


def test_serve_refuses_bad_settings_in_words(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("preproc")), "serve", str(tmp_path / "gone")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr == (
        "preproc: setting repository: expected a folder that is there, got "
        f"{str(tmp_path / 'gone')!r}; change PREPROC_REPOSITORY, preproc.env or the flag\n"
    )


def test_each_flag_of_serve_gives_what_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Settings] = []
    monkeypatch.setattr(starting, "run_server", told.append)
    text = {"mode": "watch", "backend": "reference", "versions": "all", "log": "log", "host": "::1"}
    given = {flag: text.get(flag, str(at)) for at, flag in enumerate(FLAGS, start=1)}
    given["sample"] = "0.5"
    flags = [f"--{flag}={value}" for flag, value in given.items()]
    switches = [f"--{flag}" for flag in SWITCHES]
    serve([*flags, str(tmp_path), *switches])
    CliRunner().invoke(app, ["serve", *flags, str(tmp_path), *switches])
    want = {setting: given[flag] for flag, (setting, _) in FLAGS.items()}
    want |= {setting: "True" for setting, _ in SWITCHES.values()}
    assert len(told) == 2
    for settings in told:
        assert {name: str(getattr(settings, name)) for name in want} == want
    serve([str(tmp_path)])
    assert told[2] == Settings(repository=tmp_path)


def test_a_flag_that_serve_does_not_know_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        serve(["models", "--threads", "4"])
    assert caught.value.code == 2
    assert capsys.readouterr().err.endswith(
        "preproc serve: error: unrecognized arguments: --threads 4\n"
    )


def test_a_run_is_judged_elsewhere_and_absence_is_told(
    logistic_artifact: Artifact, tmp_path: Path
) -> None:
    folder, report = str(tmp_path / "r"), tmp_path / "report.xml"
    cpu = ["--backend", "onnxruntime-cpu", "--quick"]
    done = CliRunner().invoke(
        app, ["parity", "run", str(logistic_artifact.path), "--save", folder, *cpu]
    )
    assert (done.exit_code, done.stdout) == (0, f"1 setting recorded in {folder}\n")
    judge = ["parity", "judge", folder]
    assert CliRunner().invoke(app, [*judge, "--junit", str(report)]).exit_code == 0
    assert report.read_text().startswith("<?xml")
    assert CliRunner().invoke(app, [*judge, "--against", folder]).exit_code == 0
    required = CliRunner().invoke(app, [*judge, "--require", "webgpu"])
    assert required.exit_code == 3
    assert "absent (required): backend 'webgpu' is not in the recording" in required.stdout
    assert required.stdout.splitlines()[-1].startswith("absent: ")
    widened = CliRunner().invoke(app, [*judge, "--tolerance", "scores=1e-9"])
    assert "widened: output 'scores' may be off by 1e-09 absolute" in widened.stdout
    certified = CliRunner().invoke(app, [*judge, "--against", "certificate"])
    assert "bits moved nowhere; 16 answers compared with the export's" in certified.stdout
    truncated = tmp_path / "r" / "run.json"
    truncated.write_text(truncated.read_text()[:-3])
    cut = CliRunner().invoke(app, judge)
    assert (cut.exit_code, len(cut.stderr.splitlines())) == (3, 1)


def test_of_all_backends_only_what_is_required_must_be_there(
    logistic_artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {name: BACKENDS[name] for name in ("onnxruntime-cpu", "cuda")}
    monkeypatch.setattr("preproc.cli.parity.BACKENDS", known)
    every = ["parity", str(logistic_artifact.path), "--backend", "all", "--quick"]
    done = CliRunner().invoke(app, every)
    assert done.exit_code == 0
    assert "absent: backend 'cuda': " in done.stdout
    assert CliRunner().invoke(app, [*every, "--require", "cuda"]).exit_code == 3
    typo = CliRunner().invoke(app, ["parity", str(logistic_artifact.path), "--backend", "cudo"])
    assert typo.exit_code == 3
    assert typo.stderr.startswith("preproc: backend 'cudo': expected one of [")


def test_a_breach_is_bisected_and_the_self_test_sees_every_fault(
    boosting_artifact: Artifact, tmp_path: Path
) -> None:
    model = spoil(onnx.ModelProto.FromString(boosting_artifact.model), "NaN handling dropped")
    spoiled = replace(boosting_artifact, model=model.SerializeToString())
    path = str(write_artifact(spoiled, tmp_path).path)
    cpu = ["--backend", "onnxruntime-cpu", "--quick"]
    done = CliRunner().invoke(app, ["parity", path, *cpu, "--bisect"])
    assert done.exit_code == 1
    guilty = "first diverging: step prep/numbers/impute, column 'height': locally wrong, "
    assert guilty in done.stdout
    honest = CliRunner().invoke(app, ["parity", str(boosting_artifact.path), "--self-test"])
    assert honest.exit_code == 0
    assert honest.stdout.count(" seen") in {8, 9}  # one needs a processor that has bfloat16
    assert "missed" not in honest.stdout


def test_a_self_test_that_sees_no_fault_of_the_graph_has_failed(
    logistic_artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selftest, "_is_same", lambda *_: True)
    blind = CliRunner().invoke(app, ["parity", str(logistic_artifact.path), "--self-test"])
    assert "missed" not in blind.stdout
    assert "expected one fault of the graph at least that is seen, got none" in blind.stdout
    assert blind.exit_code == 2
