"""What an export asks of code of the user's own: that it answers row by row, here and elsewhere."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from preproc.errors import ExportError
from preproc.export.checking.check import begun_check, declared_steps
from preproc.export.checking.relations import Finding
from preproc.export.checking.stages import is_custom, leaves_of

RULED_OUT: Final = frozenset(["column order", "index independence", "input dtype"])
"""Relations that the contract keeps by itself: columns come by name, in training's dtypes, without
an index. They are told in the certificate, and no reason to refuse."""


@contextmanager
def check_own_code(
    pipeline: Any,
    X: Any,  # noqa: N803  # scikit-learn's name
    y: Any,
) -> Iterator[Callable[[], dict[str, Any]]]:
    """Check the steps that run code of the user's own, other processes beside the block.

    A trace sees one run: what that run read off a clock, a time zone or a hash would stand in the
    graph as a constant.

    Yields
    ------
    Callable
        Waits for the other processes. It gives, for the certificate: ``fit_transform_differs``,
        paths of steps that encode their training rows otherwise by design; ``worlds``, how far
        clock, zone and hash were moved; ``notes``, relations that only the contract keeps.

    Raises
    ------
    ExportError
        With the step, the relation that does not hold and the rows that prove it: on entry where
        this process shows it, else from the function given.
    """
    if not any(is_custom(step) for _, step in leaves_of(pipeline)):
        declared = declared_steps(pipeline, (), None)
        yield lambda: {"fit_transform_differs": list(declared), "worlds": {}, "notes": []}
        return
    with begun_check(pipeline, X, y, only_custom=True) as begun:
        _refuse(begun.findings)

        def wait() -> dict[str, Any]:
            report = begun.wait()
            _refuse(report.findings)
            return {
                "fit_transform_differs": list(report.declared),
                "worlds": report.worlds,
                "notes": [str(finding) for finding in report.findings],
            }

        yield wait


def _refuse(findings: Iterable[Finding]) -> None:
    for finding in findings:
        if finding.relation not in RULED_OUT:
            said = str(finding).partition(": ")[2]
            raise ExportError(finding.step, f"{said}; see `preproc check`")
