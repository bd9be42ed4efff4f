"""Inner values of a pipeline on a backend, computed from its inputs or from other inner values.

A backend that runs the graph whole runs a part of the public graph. One that runs halves runs a
part of its device half; what the device half does not hold is computed by the host, as in serving.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

import onnx
from numpy.typing import NDArray

from preproc.errors import BackendError
from preproc.graph import Halves, cut, inner_dtypes, lower
from preproc.parity.recording import Setting
from preproc.runtime import DEFAULT_BACKEND, opener_of
from preproc.runtime.backends import backend_of
from preproc.runtime.halves import open_halves
from preproc.signature import TEXT

Arrays = Mapping[str, NDArray[Any]]


class Inner(Protocol):
    """Computes values of the public graph by name."""

    def values(self, names: Sequence[str], given: Arrays) -> dict[str, NDArray[Any]]:
        """Compute some values, with others given in place of what computes them.

        Parameters
        ----------
        names
            Values of the public graph: inputs, inner values, outputs.
        given
            Value → array (n, width).

        Raises
        ------
        BackendError
            When the backend cannot run the part, or the graph does not tell a dtype.
        """


def open_inner(model: onnx.ModelProto, setting: Setting, inputs: Arrays) -> Inner:
    """Take a public graph apart in the form that a backend runs; `inputs` are its rows."""
    backend = backend_of(setting.backend)
    if backend.form != "halves":
        return _Whole(model, setting, inputs)
    host = _Whole(model, Setting(DEFAULT_BACKEND), inputs)
    return _Device(host, lower(model, dtype=backend.dtype), setting)


def _outputs_from(model: onnx.ModelProto, given: Arrays) -> onnx.ModelProto:
    """Cut a public graph so that it takes some inner values and gives all of its outputs."""
    dtypes = inner_dtypes(model)
    shapes = {name: (_dtype(dtypes, name), array.shape[1]) for name, array in given.items()}
    wanted = [
        (item.name, _dtype(dtypes, item.name), _width(item.type.tensor_type.shape))
        for item in model.graph.output
    ]
    return cut(model, shapes, wanted)


def _width(shape: onnx.TensorShapeProto) -> int | str | None:
    if len(shape.dim) == 1:
        return None
    return shape.dim[1].dim_value or shape.dim[1].dim_param


@dataclass(frozen=True, slots=True)
class _Whole:
    """Parts of one graph on one backend."""

    model: onnx.ModelProto
    setting: Setting
    inputs: Arrays
    half: str = "whole"

    def values(self, names: Sequence[str], given: Arrays) -> dict[str, NDArray[Any]]:
        """Compute some values; see `Inner.values`."""
        feeds = {**self.inputs, **given}
        known = {name: feeds[name] for name in names if name in feeds}
        dtypes = inner_dtypes(self.model)
        flat = {
            output.name
            for output in self.model.graph.output
            if len(output.type.tensor_type.shape.dim) == 1
        }
        wanted = [
            (name, _dtype(dtypes, name), None if name in flat else f"width of {name}")
            for name in dict.fromkeys(names)
            if name not in known
        ]
        if not wanted:
            return known
        cast = {name: _as(array, _dtype(dtypes, name)) for name, array in given.items()}
        shapes = {name: (_dtype(dtypes, name), array.shape[1]) for name, array in cast.items()}
        part = cut(self.model, shapes, wanted)
        taken = [item.name for item in part.graph.input]
        options = dict(self.setting.options) | ({} if self.half == "whole" else {"half": self.half})
        with opener_of(self.setting.backend)(part, **options) as executor:
            feeds |= cast
            return {**known, **executor.execute({name: feeds[name] for name in taken})}


@dataclass(frozen=True, slots=True)
class _Device:
    """Parts of a device half, and the host for the rest."""

    host: _Whole
    halves: Halves
    setting: Setting

    def values(self, names: Sequence[str], given: Arrays) -> dict[str, NDArray[Any]]:
        """Compute some values; see `Inner.values`."""
        outputs = [item.name for item in self.host.model.graph.output]
        ends = [name for name in names if name in outputs]
        answers = self._ends(ends, given) if ends else {}
        on_device = {n: self.halves.counterparts[n] for n in names if n in self.halves.counterparts}
        if on_device:
            sent = self._sent()
            mapped = {
                self.halves.counterparts[n]: a
                for n, a in given.items()
                if n in self.halves.counterparts
            }
            device = _Whole(self.halves.device, self.setting, sent, "device")
            there = {name: array for name, array in mapped.items() if name not in sent}
            found = device.values(list(on_device.values()), there)
            answers |= {name: found[value] for name, value in on_device.items()}
        rest = [name for name in names if name not in answers]
        return {**answers, **(self.host.values(rest, given) if rest else {})}

    def _ends(self, names: Sequence[str], given: Arrays) -> dict[str, NDArray[Any]]:
        """Give outputs; from given values, by lowering what is left of the public graph."""
        halves, inputs = self.halves, self.host.inputs
        if given:
            dtypes = inner_dtypes(self.host.model)
            inputs = {**inputs, **{n: _as(a, _dtype(dtypes, n)) for n, a in given.items()}}
            halves = lower(_outputs_from(self.host.model, given), dtype=_dtype_of(halves))
        opener = opener_of(self.setting.backend)
        with open_halves(opener, halves, self.setting.options) as executor:
            taken = [item.name for item in halves.host.graph.input]
            answers = executor.execute({name: inputs[name] for name in taken})
        return {name: answers[name] for name in names}

    def _sent(self) -> dict[str, NDArray[Any]]:
        """Run the host half: all that crosses, and what it keeps for the tail."""
        model = self.halves.host
        host = _Whole(model, Setting(DEFAULT_BACKEND), self.host.inputs)
        names = [item.name for item in model.graph.output]
        return {**host.values(names, {}), **_inputs_of(model, self.host.inputs)}


_NUMPY: Final = {TEXT: object}


def _dtype_of(halves: Halves) -> Literal["float32", "float64"]:
    return "float64" if halves.dtype == "float64" else "float32"


def _inputs_of(model: onnx.ModelProto, inputs: Arrays) -> Arrays:
    return {item.name: inputs[item.name] for item in model.graph.input}


def _dtype(dtypes: Mapping[str, str], value: str) -> str:
    if value not in dtypes:
        raise BackendError(f"value {value!r}: expected its dtype, got none from the graph")
    return dtypes[value]


def _as(array: NDArray[Any], dtype: str) -> NDArray[Any]:
    return array.astype(_NUMPY.get(dtype, dtype))
