"""What the graph is measured against: skl2onnx's default graph, and a graph that does nothing."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import skl2onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from skl2onnx.common.data_types import FloatTensorType, StringTensorType

Feeds = Mapping[str, NDArray[Any]]


def one_thread(model: onnx.ModelProto) -> Any:
    """Open a model in ONNX Runtime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    content = model.SerializeToString()
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def skl2onnx_graph(pipeline: Any, frame: pd.DataFrame) -> onnx.ModelProto:
    """Convert as skl2onnx does by default, float32 and one input a column; arrays, no dicts."""
    kinds = [
        (
            name,
            FloatTensorType([None, 1]) if is_number(frame[name]) else StringTensorType([None, 1]),
        )
        for name in frame
    ]
    final = pipeline.steps[-1][1]
    options = {id(final): {"zipmap": False}} if hasattr(final, "predict_proba") else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model: onnx.ModelProto = skl2onnx.to_onnx(pipeline, initial_types=kinds, options=options)
    return model


def skl2onnx_feeds(frame: pd.DataFrame) -> Feeds:
    """Lay rows out for it."""
    return {
        str(name): frame[name].to_numpy(np.float32 if is_number(frame[name]) else object)[:, None]
        for name in frame
    }


def skl2onnx_call(model: onnx.ModelProto, frame: pd.DataFrame) -> Callable[[], Any]:
    """Make its bare call, all outputs."""
    session, feeds = one_thread(model), skl2onnx_feeds(frame)
    return lambda: session.run(None, feeds)


def trivial_call(feeds: Feeds) -> Callable[[], Any]:
    """Make the bare call of a graph that takes the same matrices and does one thing."""
    inputs = [
        helper.make_tensor_value_info(
            name,
            TensorProto.STRING
            if values.dtype.kind in "OS"
            else helper.np_dtype_to_tensor_dtype(values.dtype),
            [None, values.shape[1]],
        )
        for name, values in feeds.items()
    ]
    first = next(name for name, values in feeds.items() if values.dtype == np.float64)
    nodes = [helper.make_node("Neg", [first], ["y"])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.DOUBLE, [None, None])]
    graph = helper.make_graph(nodes, "trivial", inputs, outputs)
    opset = [helper.make_opsetid("", 21)]
    session = one_thread(helper.make_model(graph, opset_imports=opset, ir_version=10))
    return lambda: session.run(None, feeds)


def is_number(column: pd.Series) -> bool:
    return column.dtype.kind == "f"
