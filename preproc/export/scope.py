"""One step under conversion: the graph, the path that names the step's nodes, the way down."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from preproc.errors import ExportError
from preproc.graph import GraphBuilder, element_type
from preproc.signature import Origin

if TYPE_CHECKING:
    from preproc.export.answers import Answer
    from preproc.export.oracle import Oracle
    from preproc.export.table import Table


@dataclass(frozen=True, slots=True)
class Step:
    """One converted transformer or model.

    Attributes
    ----------
    path
        Where it stands in the pipeline.
    fitted
        The estimator itself.
    taken
        What it takes.
    given
        What it gives, None for a model.
    """

    path: str
    fitted: Any
    taken: "Table"
    given: "Table | None"


@dataclass(frozen=True, slots=True)
class Ground:
    """What a conversion may look at besides the fitted steps.

    Attributes
    ----------
    graph
        The whole graph under construction.
    rows
        Some real rows: input column → array (rows, width).
    oracle
        Builds data of training's kind.
    converters
        The caller's own, by class.
    tabulate
        Paths of steps that the caller declares to be functions of single words.
    """

    graph: GraphBuilder
    rows: Mapping[str, NDArray[Any]]
    oracle: "Oracle"
    converters: Mapping[type, Callable[["Scope", Any, "Table"], "Table"]]
    tabulate: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a converter adds its nodes.

    Attributes
    ----------
    graph
        Builder of the whole graph.
    path
        Path of the step, such as ``prep/num/scaler``.
    dispatch
        Converts any transformer: scope of that transformer, fitted transformer, its input.
    dispatch_model
        Converts any predictor, likewise.
    steps
        All steps converted so far, in the order in which they finished; shared by all scopes.
    ground
        What steps of the user's own are proved on; None where nothing is to be proved.
    """

    graph: GraphBuilder
    path: str
    dispatch: Callable[["Scope", Any, "Table"], "Table"]
    dispatch_model: Callable[["Scope", Any, "Table"], tuple["Answer", ...]]
    steps: list[Step] = field(default_factory=list)
    ground: Ground | None = None

    def op(self, op_type: str, *inputs: str | ArrayLike, **attributes: Any) -> str:
        """Add a node named by the path; see `GraphBuilder.op`."""
        return self.graph.op(op_type, *inputs, scope=self.path, **attributes)

    def cast(self, value: str, dtype: str) -> str:
        """Add a Cast to a dtype of the contract."""
        return self.op("Cast", value, to=element_type(dtype))

    def row(self, values: ArrayLike) -> Any:
        """Shape float64 parameters of k features as (1, k), against any number of rows."""
        return np.asarray(values, np.float64).reshape(1, -1)

    def refuse(
        self, broken: str, columns: Sequence[str], text: str, *, origin: Origin = "oracle"
    ) -> None:
        """Refuse rows; see `GraphBuilder.refuse`."""
        self.graph.refuse(broken, columns, step=self.path, text=text, origin=origin)

    def doubt(self, rows: str, text: str) -> None:
        """Mark rows, boolean (n, k), on which scikit-learn's own answer is a matter of chance.

        The graph answers them in one of scikit-learn's ways; the proof counts them and compares
        them with nothing.
        """
        self.graph.doubt(rows, step=self.path, text=text)

    def child(self, name: str) -> "Scope":
        """Scope of a step inside this one."""
        path = f"{self.path}/{name}" if self.path else name
        return replace(self, path=path)

    def convert(self, name: str, fitted: Any, table: "Table") -> "Table":
        """Convert a transformer inside this one."""
        return self.dispatch(self.child(name), fitted, table)

    def predict(self, name: str, fitted: Any, table: "Table") -> Mapping[str, "Answer"]:
        """Convert a predictor inside this one; key of the output → answer."""
        answers = self.dispatch_model(self.child(name), fitted, table)
        return {answer.output.key: answer for answer in answers}

    def error(self, problem: str) -> ExportError:
        """Make the error that refuses the export at this step."""
        return ExportError(self.path, problem)
