"""Each backend runs a graph or says in one line why not; none takes the place of another."""

import numpy as np
import onnx
import pytest

from preproc import BackendError
from preproc.runtime import Placed, opener_of

MODEL = onnx.parser.parse_model("""
<ir_version: 8, opset_import: ["" : 18]>
double (float[N, 2] x) => (float[N, 2] y) { [mul] y = Add(x, x) }
""")
X = np.array([[1.0, 2.0], [3.0, np.nan]], np.float32)


@pytest.mark.parametrize("optimisation", ["none", "basic", "extended", "all"])
@pytest.mark.parametrize("threads", [1, 2])
def test_onnx_runtime_takes_threads_and_levels(threads: int, optimisation: str) -> None:
    opened = opener_of("onnxruntime-cpu")(MODEL, threads=threads, optimisation=optimisation)
    with opened as executor:
        assert np.array_equal(executor.execute({"x": X})["y"], X + X, equal_nan=True)
        told = executor.environment()
    assert (told["threads"], told["optimisation"]) == (str(threads), optimisation)
    assert {"onnxruntime", "cpu flags", "numpy denormals", "provider", "device"} <= set(told)


def test_a_profiled_executor_tells_where_each_node_ran() -> None:
    with opener_of("onnxruntime-cpu")(MODEL, profile=True) as executor:
        assert executor.placement() == (Placed("mul", "Add", "CPUExecutionProvider"),)
    with opener_of("reference")(MODEL) as executor:
        assert executor.placement() == (Placed("mul", "Add", "numpy"),)


def test_placement_is_never_guessed() -> None:
    with opener_of("onnxruntime-cpu")(MODEL) as executor, pytest.raises(BackendError) as caught:
        executor.placement()
    assert str(caught.value) == (
        "placement: expected a profiled executor; open it with profile=True"
    )
