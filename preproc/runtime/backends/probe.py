"""A graph of one node, to see whether a device is there and what it does with denormals."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

PROBE: Final = onnx.parser.parse_model("""
<ir_version: 8, opset_import: ["" : 18]>
probe (float[N] x, float[N] half) => (float[N] y) { [probe] y = Mul(x, half) }
""")


def denormals_of(execute: Callable[[Mapping[str, NDArray[Any]]], Mapping[str, Any]]) -> str:
    """Tell what becomes of half of the smallest normal float32, as `PROBE` computes it."""
    smallest = np.full(4, np.finfo(np.float32).smallest_normal)
    product = execute({"x": smallest, "half": np.full(4, 0.5, np.float32)})["y"]
    return "kept" if (np.asarray(product) > 0).all() else "flushed to zero"
