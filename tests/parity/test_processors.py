"""Other instruction sets: the gate refuses no honest machine, and what moved is explained.

Each run is a process of its own, since numpy and OpenBLAS choose their code when they load.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from preproc import Artifact
from preproc.parity import explain, judge_recording, load_recording

SETS: Final = {
    "numpy's baseline": {"NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4"},
    "OpenBLAS without AVX": {"OPENBLAS_CORETYPE": "Nehalem"},
    "OpenBLAS with AVX2": {"OPENBLAS_CORETYPE": "Haswell"},
}
GATE: Final = """
import sys
from preproc import read_artifact
from preproc.runtime import open_session, prove
with open_session(sys.argv[1]) as session:
    print(len(prove(session, read_artifact(sys.argv[1]))))
from preproc.parity import record, save_recording
backends = ["onnxruntime-cpu", "reference"]
save_recording(
    record(read_artifact(sys.argv[1]), backends, sizes=("3",), every_setting=False), sys.argv[2]
)
"""


@pytest.mark.parametrize("name", SETS)
def test_another_instruction_set_passes_the_gate_and_the_judge(
    name: str, logistic_artifact: Artifact, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", GATE, str(logistic_artifact.path), str(tmp_path / "r")],
        env={**os.environ, **SETS[name]},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0
    recording = load_recording(tmp_path / "r")
    assert judge_recording(recording).outcome == "pass"
    (variable, value) = next(iter(SETS[name].items()))
    assert {trial.environment[variable] for trial in recording.trials} == {value}
    for moved in explain(recording).moved:
        assert {cause.kind for cause in moved.causes} <= {"processor", "provider"}, str(moved)
