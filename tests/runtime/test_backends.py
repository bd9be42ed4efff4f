"""Each backend runs a graph or says in one line why not; none takes the place of another."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from preproc import BackendAbsent, BackendError
from preproc.runtime import BACKENDS, Placed, opener_of
from preproc.runtime.backends import tensorrt
from preproc.runtime.backends.ort import CPU, Setup, check_placement, naming_of, open_ort
from tests.devices import needs

GPU = "WebGpuExecutionProvider"
DOUBLED = onnx.parser.parse_model("""
<ir_version: 8, opset_import: ["" : 18]>
doubled (float[N, 2] x) => (float[N, 2] y) { [sum] y = Add(x, x) }
""")
ON_CPU = onnx.parser.parse_model("""
<ir_version: 8, opset_import: ["" : 18]>
on_cpu (float[N, 2] x) => (bool[N, 2] y) { [sum] z = Add(x, x)  [nulls] y = IsNaN(z) }
""")
WIDE = onnx.parser.parse_model("""
<ir_version: 8, opset_import: ["" : 18]>
wide (float[N, 2] x) => (float[N, 2] y) {
  [widen] a = Cast<to = 11>(x)  [sum] b = Add(a, a)  [narrow] y = Cast<to = 1>(b)
}
""")
MIXED = onnx.parser.parse_model("""
<ir_version: 9, opset_import: ["" : 19]>
mixed (double[N, 2] x, string[N, 1] t, int64[N, 1] i, bool[N, 1] b)
  => (double[N, 2] y, string[N, 1] u, int64[N, 1] j, bool[N, 1] c, bool[N, 1] is_none)
  <string[1] none = {"none"}> {
  y = Add(x, x)  u = Identity(t)  j = Identity(i)  c = Not(b)  is_none = Equal(t, none)
}
""")
MIXED.graph.initializer[0].string_data[0] = b"\0none"
X = np.array([[1.0, 2.0], [3.0, np.nan]], np.float32)


def told_by(script: str, **variables: str) -> str:
    """Run a script in a process of its own, without a software GPU unless given."""
    environment = {k: v for k, v in os.environ.items() if k != "PREPROC_SOFTWARE_GPU"} | variables
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("optimisation", ["none", "basic", "extended", "all"])
@pytest.mark.parametrize("threads", [1, 2])
def test_onnx_runtime_takes_threads_and_levels(threads: int, optimisation: str) -> None:
    opened = opener_of("onnxruntime-cpu")(DOUBLED, threads=threads, optimisation=optimisation)
    with opened as executor:
        assert np.array_equal(executor.execute({"x": X})["y"], X + X, equal_nan=True)
        told = executor.environment()
    assert (told["threads"], told["optimisation"]) == (str(threads), optimisation)


@pytest.mark.parametrize("backend", ["onnxruntime-cpu", "reference", "wasm", "openvino", "webgpu"])
@pytest.mark.parametrize("rows", [0, 1, 70])
def test_every_backend_gives_the_same_bits_for_an_exact_operation(backend: str, rows: int) -> None:
    needs(backend)
    x = np.linspace(-3, 3, 2 * rows, dtype=np.float32).reshape(rows, 2)
    with opener_of(backend)(DOUBLED) as executor:
        got = executor.execute({"x": x})["y"]
    assert np.array_equal(got, x + x)
    assert got.dtype == np.float32


@pytest.mark.parametrize(
    ("backend", "provider", "options"),
    [
        ("onnxruntime-cpu", CPU, {"profile": True}),
        ("reference", "numpy", {}),
        ("wasm", "WebAssembly", {}),
        ("webgpu", GPU, {}),
    ],
)
def test_a_backend_tells_where_each_node_ran(
    backend: str, provider: str, options: dict[str, Any]
) -> None:
    needs(backend)
    with opener_of(backend)(DOUBLED, half="device", **options) as executor:
        assert executor.placement() == (Placed("sum", "Add", provider, "device"),)


@pytest.mark.parametrize("backend", ["onnxruntime-cpu", "reference", "wasm", "openvino", "webgpu"])
def test_the_environment_tells_what_may_move_bits(backend: str) -> None:
    needs(backend)
    with opener_of(backend)(DOUBLED) as executor:
        told = executor.environment()
    keys = {"cpu flags", "denormals", "device", "threads", "numpy", "onnx", "python", "system"}
    assert keys <= set(told)
    assert all(told.values())


def test_placement_is_never_guessed() -> None:
    with opener_of("onnxruntime-cpu")(DOUBLED) as executor, pytest.raises(BackendError) as caught:
        executor.placement()
    assert str(caught.value) == "placement: expected a profiled executor; open it with profile=True"


@pytest.mark.parametrize(
    ("placed", "assigned", "message"),
    [
        ([], {}, f"placement: expected nodes on {GPU}, got none in the profile"),
        (
            [Placed("sum", "Add", GPU), Placed("nulls", "IsNaN", CPU)],
            {"sum": GPU, "nulls": GPU},
            (
                f"placement: node 'nulls' (IsNaN): expected one provider, got {GPU} by the API and "
                f"{CPU} by the profile"
            ),
        ),
        (
            [Placed("sum", "Add", GPU), Placed("a", "If", CPU), Placed("b", "If", CPU)],
            {"sum": GPU},
            f"placement: node 'a': expected {GPU}, got {CPU} and 1 more node elsewhere",
        ),
        (
            [Placed("sum", "Add", GPU)],
            {"sum": GPU, "never run": CPU},
            f"placement: node 'never run': expected {GPU}, got {CPU}",
        ),
    ],
    ids=["nothing", "disagree", "profile", "api"],
)
def test_both_accounts_of_placement_must_name_the_device(
    placed: list[Placed], assigned: dict[str, str], message: str
) -> None:
    check_placement([Placed("sum", "Add", GPU)], {"sum": GPU}, GPU)
    with pytest.raises(BackendError) as caught:
        check_placement(placed, assigned, GPU)
    assert str(caught.value) == message


def test_a_session_that_silently_runs_on_the_cpu_is_objected_to() -> None:
    forgotten = Setup(GPU, attach=lambda _: None)
    with pytest.raises(BackendError) as caught:
        open_ort(DOUBLED, forgotten)
    assert str(caught.value) == f"placement: node 'sum': expected {GPU}, got {CPU}"


def test_a_node_that_webgpu_has_no_kernel_for_is_named() -> None:
    needs("webgpu")
    with pytest.raises(BackendError) as caught:
        opener_of("webgpu")(ON_CPU)
    assert str(caught.value) == f"placement: node 'nulls': expected {GPU}, got {CPU}"


def test_no_session_falls_back_in_the_middle_of_serving() -> None:
    needs("webgpu")
    for backend in ("webgpu", "onnxruntime-cpu"):
        with opener_of(backend)(DOUBLED) as executor:
            session: Any = executor
            assert session._session._enable_fallback is False


def test_a_gpu_in_software_is_used_only_by_permission_and_says_what_it_is() -> None:
    needs("webgpu")
    script = """
import onnx
from preproc import BackendAbsent
from preproc.runtime import opener_of
from tests.runtime.test_backends import DOUBLED
try:
    with opener_of("webgpu")(DOUBLED) as executor:
        print(executor.environment()["device"])
except BackendAbsent as error:
    print(error)
"""
    if "PREPROC_SOFTWARE_GPU" not in os.environ:
        pytest.skip("a real GPU is here")
    allowed = told_by(script, PREPROC_SOFTWARE_GPU=os.environ["PREPROC_SOFTWARE_GPU"])
    assert "SwiftShader" in allowed
    assert allowed.endswith("(software)\n")
    denied = told_by(script)
    assert denied.startswith("backend 'webgpu': expected a GPU, got ")
    assert denied.endswith(
        "; to prove graphs without one, let PREPROC_SOFTWARE_GPU name a Vulkan driver in software\n"
    )


def test_a_driver_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime_ep_webgpu", reason="WebGPU is absent: make hardware")
    monkeypatch.setenv("PREPROC_SOFTWARE_GPU", "nowhere.json")
    with pytest.raises(BackendError) as caught:
        opener_of("webgpu")
    assert str(caught.value) == ("Vulkan driver 'nowhere.json': expected its manifest, got no file")


@pytest.mark.parametrize(
    ("backend", "provider", "remedy"),
    [
        (
            "cuda",
            "CUDAExecutionProvider",
            "install preproc-runtime[cuda] with CUDA and cuDNN on a machine with an NVIDIA GPU",
        ),
        (
            "tensorrt",
            "TensorrtExecutionProvider",
            "install preproc-runtime[cuda] with CUDA and TensorRT on a machine with an NVIDIA GPU",
        ),
        (
            "directml",
            "DmlExecutionProvider",
            "install onnxruntime-directml in place of onnxruntime on Windows",
        ),
        ("coreml", "CoreMLExecutionProvider", "install onnxruntime on macOS"),
    ],
)
def test_an_absent_provider_fails_in_one_line(backend: str, provider: str, remedy: str) -> None:
    available = onnxruntime.get_available_providers()
    if provider in available:
        pytest.skip(f"{provider} is compiled in here")
    with pytest.raises(BackendAbsent) as caught:
        opener_of(backend)
    assert str(caught.value) == (
        f"backend {backend!r}: expected {provider} in onnxruntime {onnxruntime.__version__}, got "
        f"{', '.join(available)}; {remedy}"
    )


@pytest.mark.parametrize("backend", ["cuda", "tensorrt", "directml", "coreml"])
def test_a_provider_that_is_compiled_in_but_does_not_load_is_absent(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = [
        "CUDAExecutionProvider",
        "TensorrtExecutionProvider",
        "DmlExecutionProvider",
        "CoreMLExecutionProvider",
    ]
    if set(everything) & set(onnxruntime.get_available_providers()):
        pytest.skip("one of the providers is compiled in here")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: everything)
    with pytest.raises(BackendAbsent) as caught:
        opener_of(backend)
    text = str(caught.value)
    assert text.startswith(f"backend {backend!r}: expected ")
    assert "ExecutionProvider to load, got onnxruntime " in text
    assert "\n" not in text


def test_tensorrt_is_refused_while_the_process_may_use_tf32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tensorrt, "check_builtin", lambda _: None)
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE", raising=False)
    with pytest.raises(BackendError) as caught:
        opener_of("tensorrt")
    assert str(caught.value) == (
        "backend 'tensorrt': expected NVIDIA_TF32_OVERRIDE='0', got None; set it before the "
        "process starts"
    )


def test_a_runtime_that_is_not_installed_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.delitem(sys.modules, "preproc.runtime.backends.openvino", raising=False)
    with pytest.raises(BackendAbsent) as caught:
        opener_of("openvino")
    assert str(caught.value) == (
        "backend 'openvino': expected its runtime, got import of openvino halted; None in "
        "sys.modules; install preproc-runtime[openvino]"
    )


def test_openvino_refuses_float64_which_it_would_narrow_in_silence() -> None:
    needs("openvino")
    with pytest.raises(BackendError) as caught:
        opener_of("openvino")(WIDE)
    assert str(caught.value) == (
        "openvino: value 'a': expected no float64, which it computes in float32, got 2 such "
        "values; lower the graph to float32"
    )


def test_openvino_has_the_precision_that_was_asked_for_or_none() -> None:
    needs("openvino")
    with opener_of("openvino")(DOUBLED, precision="f32") as executor:
        assert {one.provider for one in executor.placement()} == {"OpenVINO CPU f32"}
    try:
        with opener_of("openvino")(DOUBLED, precision="bf16") as executor:
            assert "OpenVINO CPU bf16" in {one.provider for one in executor.placement()}
    except BackendAbsent as error:
        assert str(error) == (  # noqa: PT017  # which of the two depends on the processor
            "backend 'openvino': expected bf16, got f32 in every layer; use a processor that has it"
        )


def test_webassembly_takes_text_float64_and_whole_numbers_as_they_are() -> None:
    needs("wasm")
    feeds = {
        "x": np.array([[1.0, np.nan], [np.inf, 2.0**-1074], [-0.0, 2.0**60]]),
        "t": np.array([["\0none"], ["\x01b"], ["ü€😀"]], object),
        "i": np.array([[2**62 + 1], [-3], [0]]),
        "b": np.array([[True], [False], [True]]),
    }
    with opener_of("wasm")(MIXED) as executor:
        got = executor.execute(feeds)
        nothing = executor.execute({name: array[:0] for name, array in feeds.items()})
    assert got["u"].tolist() == feeds["t"].tolist()
    assert got["is_none"].tolist() == [[True], [False], [False]]
    assert np.array_equal(got["y"], feeds["x"] * 2, equal_nan=True)
    assert (got["j"].tolist(), got["c"].tolist()) == (feeds["i"].tolist(), (~feeds["b"]).tolist())
    assert {name: array.shape for name, array in nothing.items()} == {
        name: (0, array.shape[1]) for name, array in got.items()
    }


def test_webassembly_says_what_went_wrong_and_goes_on() -> None:
    needs("wasm")
    with opener_of("wasm")(DOUBLED) as executor:
        with pytest.raises(BackendError) as caught:
            executor.execute({})
        assert str(caught.value) == "wasm: input 'x' is missing in 'feeds'."
        assert executor.execute({"x": X})["y"].shape == (2, 2)
    with pytest.raises(BackendError) as caught:
        executor.execute({"x": X})
    assert str(caught.value) == "wasm: expected an answer, got the end of Node.js"


def test_webassembly_without_its_module_is_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREPROC_NODE_MODULES", str(tmp_path))
    monkeypatch.setattr("shutil.which", lambda _: "node")
    with pytest.raises(BackendAbsent) as caught:
        opener_of("wasm")
    assert str(caught.value) == (
        f"backend 'wasm': expected node_modules/onnxruntime-web in {str(tmp_path)!r}, got none; "
        "npm install onnxruntime-web somewhere, and let PREPROC_NODE_MODULES name that folder"
    )


def test_the_table_names_each_backend_once() -> None:
    modules = [backend.module for backend in BACKENDS.values()]
    assert len(set(modules)) == len(modules) == 10


@pytest.mark.parametrize("count", range(1, 6))
def test_answers_get_their_names_in_order_however_many(count: int) -> None:
    names, values = [f"output {at}" for at in range(count)], [object() for _ in range(count)]
    named = naming_of(names)(values)
    assert list(named) == names
    assert all(named[name] is value for name, value in zip(names, values, strict=True))
