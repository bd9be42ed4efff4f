"""Golden rows of a numeric artifact for polygraphy, which compares TensorRT with other runtimes.

    ARTIFACT=models/late/1 python examples/polygraphy_golden.py golden.json
    ARTIFACT=models/late/1 polygraphy run models/late/1/model.onnx --onnxrt --providers cpu \
        --data-loader-script examples/polygraphy_golden.py --load-outputs golden.json

polygraphy knows no text, and takes no NaN for equal to another: refused rows, whose answers are
NaN, are left out.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from preproc import read_artifact
from preproc.signature import ROW_ERROR
from preproc.vectors import VectorSet


def load_data() -> Iterator[dict[str, Any]]:
    """Give polygraphy the inputs of each golden set; it asks for this name."""
    for vectors in _answered():
        yield dict(vectors.inputs)


def main(target: Path) -> None:
    """Write scikit-learn's answers as the results of a runner."""
    from polygraphy.comparator import IterationResult, RunResults  # noqa: PLC0415

    results = RunResults()
    iterations = [
        IterationResult(outputs=dict(vectors.answers), runner_name="scikit-learn")
        for vectors in _answered()
    ]
    results.add(iterations, runner_name="scikit-learn")
    results.save(str(target))


def _answered() -> list[VectorSet]:
    artifact = read_artifact(os.environ["ARTIFACT"])
    return [vectors for vectors in artifact.vectors if not vectors.answers[ROW_ERROR].any()]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
