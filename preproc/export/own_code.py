"""What an export asks of code of the user's own: that it answers row by row, here and elsewhere."""

from typing import Any, Final

from preproc.errors import ExportError
from preproc.export.checking import check_pipeline
from preproc.export.checking.check import declared_steps
from preproc.export.checking.stages import is_custom, leaves_of

RULED_OUT: Final = frozenset(["column order", "index independence", "input dtype"])
"""Relations that the contract keeps by itself: columns come by name, in training's dtypes, without
an index. They are told in the certificate, and no reason to refuse."""


def check_own_code(
    pipeline: Any,
    X: Any,  # noqa: N803  # scikit-learn's name
    y: Any,
) -> dict[str, Any]:
    """Check the steps that run code of the user's own.

    A trace sees one run: what that run read off a clock, a time zone or a hash would stand in the
    graph as a constant.

    Returns
    -------
    dict
        For the certificate: ``fit_transform_differs``, paths of steps that encode their training
        rows otherwise by design; ``worlds``, how far clock, zone and hash were moved; ``notes``,
        relations that only the contract keeps.

    Raises
    ------
    ExportError
        With the step, the relation that does not hold and the rows that prove it.
    """
    if not any(is_custom(step) for _, step in leaves_of(pipeline)):
        declared = declared_steps(pipeline, (), None)
        return {"fit_transform_differs": list(declared), "worlds": {}, "notes": []}
    report = check_pipeline(pipeline, X, y, only_custom=True)
    for finding in report.findings:
        if finding.relation not in RULED_OUT:
            said = str(finding).partition(": ")[2]
            raise ExportError(finding.step, f"{said}; see `preproc check`")
    return {
        "fit_transform_differs": list(report.declared),
        "worlds": report.worlds,
        "notes": [str(finding) for finding in report.findings],
    }
