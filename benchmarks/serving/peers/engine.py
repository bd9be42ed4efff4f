"""What every peer computes with: scikit-learn itself, or skl2onnx's default graph."""

from pathlib import Path
from typing import Any

import numpy as np


class Engine:
    """Columns, each an array (n,), to probabilities (n, 2).

    Parameters
    ----------
    kind
        ``sklearn`` or ``onnx``.
    folder
        Holds ``model.joblib`` and ``model.onnx``.
    """

    def __init__(self, kind: str, folder: str) -> None:
        self._ask = _sklearn(Path(folder)) if kind == "sklearn" else _onnx(Path(folder))

    def __call__(self, columns: dict[str, Any]) -> Any:
        return self._ask(columns)


def _sklearn(folder: Path) -> Any:
    import joblib  # noqa: PLC0415  # only one of the two is wanted
    import pandas as pd  # noqa: PLC0415

    pipeline = joblib.load(folder / "model.joblib")
    return lambda columns: pipeline.predict_proba(pd.DataFrame(columns))


def _onnx(folder: Path) -> Any:
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )
    kinds = {
        one.name: object if one.type == "tensor(string)" else np.float32
        for one in session.get_inputs()
    }
    name = session.get_outputs()[1].name

    def ask(columns: dict[str, Any]) -> Any:
        feeds = {
            column: np.asarray(columns[column], kind).reshape(-1, 1)
            for column, kind in kinds.items()
        }
        return session.run([name], feeds)[0]

    return ask
