"""Every error that preproc raises, drawn as one tree.

::

    PreprocError
    ├── SignatureError      the request: columns, dtypes, shapes, no rows
    ├── RefusedRows         rows that scikit-learn or the contract refuses; a ValueError too
    ├── ExportError         the pipeline: a step that cannot be exported exactly
    │   └── ProofError      the exported graph disagrees with scikit-learn
    ├── ArtifactError       the folder: missing, truncated, altered, from another format
    ├── CheckError          the check of a pipeline: nothing to check, no answer
    ├── BackendError        the executor: an unknown one, or one that cannot run the graph
    │   └── BackendAbsent   its runtime or its device is not there
    ├── ScoreError          a file of rows or answers: missing, truncated, not to be written
    ├── LogError            the request log: missing, empty, damaged, or a policy that cannot be
    ├── DriftError          the monitor: a baseline or a window that cannot be judged
    ├── PageError           a report as a page: nothing to show, parts that do not fit
    └── ParityError         the harness: nothing compared, a breach at the gate

Messages read ``where: expected X, got Y; what to do``.
"""

from collections.abc import Sequence

from preproc.wording import counted


class PreprocError(Exception):
    """Base of all errors of this library."""


class SignatureError(PreprocError):
    """A batch that does not match the contract; nothing was computed.

    Parameters
    ----------
    field
        Name of the column at fault, empty when the batch as a whole is.
    problem
        What was expected, what came.
    """

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        self.problem = problem
        super().__init__(f"field {field!r}: {problem}" if field else f"batch: {problem}")


class RefusedRows(PreprocError, ValueError):  # noqa: N818  # the public name says what happened
    """Rows that were refused, as scikit-learn refuses the whole batch: with a ValueError.

    Parameters
    ----------
    rows
        Positions of the refused rows in the batch, ascending.
    columns
        For each of them, the input column of the first rule that it breaks.
    rules
        For each of them, that rule in words.
    """

    def __init__(self, rows: Sequence[int], columns: Sequence[str], rules: Sequence[str]) -> None:
        self.rows = tuple(rows)
        self.columns = tuple(columns)
        self.rules = tuple(rules)
        shown = [
            f"row {row}, column {column!r}: {rule}"
            for row, column, rule in list(zip(rows, columns, rules, strict=True))[:5]
        ]
        rest = len(self.rows) - len(shown)
        super().__init__(
            "; ".join(shown) + (f"; and {counted(rest, 'more refused row')}" if rest else "")
        )


class ExportError(PreprocError):
    """A step that cannot be exported exactly.

    Parameters
    ----------
    step
        Path of the step in the pipeline, such as ``prep/num/scaler``.
    problem
        Class, parameter, reason, and what would work.
    """

    def __init__(self, step: str, problem: str) -> None:
        self.step = step
        self.problem = problem
        super().__init__(f"step {step or '.'}: {problem}")


class ProofError(ExportError):
    """A golden row on which the graph disagrees with scikit-learn beyond its bound."""


class ArtifactError(PreprocError):
    """An artifact folder that cannot be read, written or trusted.

    Parameters
    ----------
    path
        The file or folder at fault.
    problem
        What was expected, what came.
    """

    def __init__(self, path: object, problem: str) -> None:
        self.path = str(path)
        self.problem = problem
        super().__init__(f"artifact {str(path)!r}: {problem}")


class CheckError(PreprocError):
    """A pipeline or data that cannot be checked."""


class BackendError(PreprocError):
    """A requested backend that is absent, wrong, or not able to run the graph."""


class BackendAbsent(BackendError):  # noqa: N818  # the public name says what happened
    """A backend whose runtime or device is not there; no other one takes its place.

    Parameters
    ----------
    backend
        Its name.
    problem
        What was expected, what came.
    remedy
        What would bring it.
    """

    def __init__(self, backend: str, problem: str, remedy: str) -> None:
        self.backend = backend
        self.problem = problem
        self.remedy = remedy
        text = f"backend {backend!r}: {problem}; {remedy}"
        super().__init__(" ".join(text.split()))  # errors of drivers have many lines


class ScoreError(PreprocError):
    """A file of rows that cannot be read, or a file of answers that cannot be written.

    Parameters
    ----------
    path
        The file at fault.
    problem
        What was expected, what came.
    """

    def __init__(self, path: object, problem: str) -> None:
        self.path = str(path)
        self.problem = problem
        super().__init__(f"file {str(path)!r}: {problem}")


class LogError(PreprocError):
    """A request log that cannot be read, written or kept by its policy."""


class DriftError(PreprocError):
    """A baseline, a calibration or a window from which nothing can be told."""


class PageError(PreprocError):
    """A page that shows nothing, or whose parts do not fit each other."""


class ParityError(PreprocError):
    """A comparison that compared nothing, or a session that breaks its certificate."""
