"""Fitted pipelines and samples of data from disk, without running what nobody vouched for."""

import pickle
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final, Literal

import narwhals as nw
import skops.io
from skops.io.exceptions import UntrustedTypesFoundException

from preproc.errors import CheckError
from preproc.export.trusted import TRUSTED

FrameKind = Literal["pandas", "polars"]
READERS: Final = {".parquet": "read_parquet", ".csv": "read_csv"}


def load_pipeline(path: Path, *, trusted: Collection[str] = (), allow_pickle: bool = False) -> Any:
    """Load a fitted pipeline.

    Parameters
    ----------
    path
        A file of skops, or with `allow_pickle` one of pickle or joblib, which runs any code that
        its writer put there.
    trusted
        Full names of types, such as ``features.Ratio``, that skops may load beside scikit-learn's
        estimators and `TRUSTED`.
    allow_pickle
        Whether files of other kinds than ``.skops`` are loaded at all.

    Raises
    ------
    CheckError
        When the file is missing, damaged or of another kind, or holds types that nobody trusts.
    """
    if not path.is_file():
        raise CheckError(f"pipeline {str(path)!r}: expected a file, got none")
    if path.suffix != ".skops":
        return _unpickled(path, allow_pickle=allow_pickle)
    try:
        return skops.io.load(path, trusted=[*TRUSTED, *trusted])
    except UntrustedTypesFoundException as error:
        unknown = sorted(set(skops.io.get_untrusted_types(file=path)) - {*TRUSTED, *trusted})
        flags = " ".join(f"--trust {name}" for name in unknown)
        raise CheckError(
            f"pipeline {str(path)!r}: expected trusted types, got {unknown}; look at their code, "
            f"then add {flags}"
        ) from error
    except Exception as error:  # a damaged archive fails in as many ways as there are bytes
        raise CheckError(
            f"pipeline {str(path)!r}: expected a file of skops, got {type(error).__name__}: {error}"
        ) from error


def _unpickled(path: Path, *, allow_pickle: bool) -> Any:
    if not allow_pickle:
        raise CheckError(
            f"pipeline {str(path)!r}: expected a .skops file, got {path.suffix or 'no suffix'!r}; "
            "save it with skops.io.dump, or add --allow-pickle if you trust whoever wrote it: "
            "loading a pickle runs their code"
        )
    import joblib  # noqa: PLC0415  # reads plain pickles as well as its own files

    try:
        return joblib.load(path)
    except (pickle.UnpicklingError, EOFError, ImportError, AttributeError, ValueError) as error:
        raise CheckError(
            f"pipeline {str(path)!r}: expected a pickle that loads here, got "
            f"{type(error).__name__}: {error}"
        ) from error


def load_frame(path: Path, kind: FrameKind = "pandas") -> Any:
    """Read a Parquet or CSV file into a frame of a library.

    Raises
    ------
    CheckError
        When the file is missing, unreadable or of another kind.
    """
    reader = READERS.get(path.suffix)
    if reader is None or not path.is_file():
        got = "none" if reader else repr(path.suffix)
        raise CheckError(f"data {str(path)!r}: expected a file of {sorted(READERS)}, got {got}")
    read = getattr(nw, reader)
    try:
        return read(str(path), backend=kind).to_native()
    except Exception as error:  # every reader has its own errors
        raise CheckError(
            f"data {str(path)!r}: cannot be read by {kind}: {type(error).__name__}: {error}"
        ) from error
