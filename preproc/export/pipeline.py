"""The one call at the end of training: convert, prove, write."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from preproc.artifact import Artifact, read_contract, write_artifact
from preproc.contract import Contract, Mode
from preproc.errors import ArtifactError, ExportError, PreprocError
from preproc.export.batches import Columns
from preproc.export.certificate import library_versions, summary_of
from preproc.export.conversion import SEED, Graph, convert
from preproc.export.converters.lookup import TransformerConverter
from preproc.export.crossings import Probe
from preproc.export.fast_form import measure_fast
from preproc.export.freshness import with_freshness
from preproc.export.monitoring import Rates, held_rows, monitored, without_blocks
from preproc.export.oracle import Oracle
from preproc.export.own_code import check_own_code
from preproc.export.proof import Evidence, Proof, prove_graph
from preproc.export.warned import warned_once
from preproc.graph import expose, fast, is_inside
from preproc.naming import wire_names, wire_numbers
from preproc.runtime.building import session_of
from preproc.runtime.opening import MODES
from preproc.signature import Signature


@warned_once()
def export_pipeline(
    pipeline: Any,
    X: Any,  # noqa: N803  # scikit-learn's name
    y: Any = None,
    *,
    repository: str | os.PathLike[str],
    name: str,
    version: int | None = None,
    outputs: Sequence[str] | Mapping[str, str] | None = None,
    mode: Mode = "exact",
    float32: Sequence[str] = (),
    label: str = "",
    freshness: Mapping[str, Mapping[str, Any]] | None = None,
    converters: Mapping[type, TransformerConverter] | None = None,
    tabulate: Sequence[str] = (),
    blocks: Any = None,
    false_alarms: float = 0.05,
    unwatched: Sequence[str] = (),
    held_out: Sequence[Any] | None = None,
) -> Artifact:
    """Export a fitted pipeline, model included, as the next version of an artifact.

    Prints a short certificate. What the pipeline warns of while it is asked is shown once.

    Parameters
    ----------
    pipeline
        Fitted Pipeline, transformer or predictor.
    X
        Training data: a pandas or polars frame, or an array (n, features). Real golden rows and
        the profile are taken from it.
    y
        Training target (n,), only counted into the profile; optional.
    repository
        Folder of models, made when absent.
    name
        Name of the model in it.
    version
        Positive number, by default the next free one.
    outputs
        Roles to give (``label``, ``probabilities``, ``scores``, ``prediction``, ``features``), or
        role → name on the graph. By default what the model is for.
    mode
        ``exact``, or ``fast``: a form for speed is offered beside the exact one, with bounds of
        its own, measured here; a server then runs it.
    float32
        In mode ``fast``, paths of steps (``model``, ``prep/scale``) that compute in float32 in the
        form for speed; the splits of trees stay exact. Pays for networks in batches.
    label
        What the label means, in words, for the contract.
    freshness
        Column that a caller looks up → what the look-up may be: ``allowed``, statuses among
        ``OK``, ``STALE``, ``DEFAULT`` and ``TIMEOUT``; ``max_age_s``, age limit in seconds or
        None; ``breach``, ``refuse`` or ``flag``. By default ``OK`` alone, of any age, else refuse.
    converters
        Class of a transformer → function of a `Scope`, a fitted object of exactly that class and a
        `Table` that adds its nodes and returns a table. What it builds is proved against
        ``transform`` on real and drawn rows, as all else is.
    tabulate
        Paths of steps (``prep/clean``) whose function no trace can see but each word alone decides:
        they become tables over the words of training; a row with any other word is refused.
    blocks
        What rows of training belong together in time, so that live traffic can be held against
        them: a column of X, or labels (n,), that sort in time, such as days; or a number of rows,
        where they are independent of each other. By default nothing is calibrated.
    false_alarms
        Share of quiet blocks that may alarm, all columns and answers together.
    unwatched
        Columns that are not watched, such as a month; dates and times never are.
    held_out
        Labelled rows that the pipeline was not fitted on, ``(X, y)``, or ``(X, y, blocks)`` where
        blocks are no column: what later labels are held against, since a model is too good on its
        own training rows. Without them no change of meaning is ever found, only suspected.

    Returns
    -------
    Artifact
        What was written, with path and digest.

    Raises
    ------
    ExportError
        When a step cannot be exported exactly: its path, class, parameter, why, what would work.
    ProofError
        When the graph disagrees with scikit-learn on a golden row beyond its bound.
    ArtifactError
        When the version is taken, or earlier versions have other columns.
    """
    if mode not in MODES:
        raise ExportError("", f"mode: expected one of {sorted(MODES)}, got {mode!r}")
    check_name(name)
    if version is not None and version < 1:
        raise ExportError("", f"version: expected a positive number, got {version!r}")
    check_is_fitted(pipeline)
    held = held_rows(pipeline, held_out, blocks)
    X, blocks = without_blocks(pipeline, X, blocks)  # noqa: N806  # scikit-learn's name
    graph = convert(pipeline, X, outputs, converters, tabulate)
    graph = replace(graph, signature=with_freshness(graph.signature, freshness or {}))
    check_float32(graph, mode, float32)
    contract = replace(
        contract_of(graph, name),
        mode=mode,
        float32=tuple(float32),
        label=label,
        wire=_wire_numbers(Path(repository) / name, graph.signature),
    )
    with check_own_code(pipeline, X, y) as wait:
        try:
            proof = proof_of(pipeline, X, y, graph, contract)
        except PreprocError:
            wait()  # where code of one's own answers otherwise elsewhere, that is the cause
            raise
        checked = wait()
    certificate = {**proof.certificate, "check": checked, "unused": list(graph.unused)}
    if mode == "fast":
        with session_of(contract, graph.model, mode="fast") as session:
            certificate["fast"] = measure_fast(graph.model, session, proof.vectors)
    profile = dict(proof.profile)
    if blocks is not None:
        rates = Rates(false_alarms, tuple(unwatched), SEED)
        with session_of(contract, graph.model) as session:
            worth, parts = monitored(session, (X, y, blocks), held, rates)
        certificate["monitor"] = worth
        profile |= parts
    written = write_artifact(
        Artifact(
            contract=contract,
            model=graph.model.SerializeToString(deterministic=True),
            vectors=proof.vectors,
            steps=proof.steps,
            certificate=certificate,
            profile=profile,
        ),
        repository,
        version=version,
    )
    print(summary_of(str(written.path), written.certificate))  # noqa: T201  # the promised report
    return written


def contract_of(graph: Graph, name: str) -> Contract:
    """Make the contract of a graph as it stands, of no repository yet."""
    return Contract(
        name=name,
        signature=graph.signature,
        mode="exact",
        label="",
        libraries=library_versions(),
        wire={},
        domains={item.domain or "ai.onnx": item.version for item in graph.model.opset_import},
    )


def proof_of(
    pipeline: Any,
    X: Any,  # noqa: N803  # scikit-learn's name
    y: Any,
    graph: Graph,
    contract: Contract,
) -> Proof:
    """Hold a graph against its pipeline.

    Raises
    ------
    ProofError
        At the first row that is answered on one side only, or beyond its bound.
    """
    oracle = Oracle(pipeline, X, graph.signature)
    with session_of(contract, graph.model) as session, probe_of(contract, graph) as probe:
        evidence = Evidence(
            oracle,
            session,
            graph.outputs,
            Probe(graph.signature, probe),
            graph.steps,
            graph.doubts,
            seed=SEED,
        )
        return prove_graph(evidence, X, y)


@contextmanager
def probe_of(
    contract: Contract, graph: Graph
) -> Iterator[Callable[[Columns], Mapping[str, NDArray[Any]]]]:
    """Open the graph with what its steps take laid open: raw rows → inner values."""
    tables = [t for step in graph.steps for t in (step.taken, step.given) if t is not None]
    inner: list[tuple[str, str, int | str]] = [
        (block.value, block.dtype, block.width) for table in tables for block in table.blocks
    ]
    inner += [
        (answer.summed, "float64", f"summed_{at}") for at, (answer, _) in enumerate(graph.outputs)
    ]
    inner += [(doubt.rows, "bool", f"doubt_{at}") for at, doubt in enumerate(graph.doubts)]
    given = {column.name for column in graph.signature.columns}
    if all(not value or value in given for value, _, _ in inner):
        yield dict
        return
    model = expose(graph.whole, inner)
    with session_of(contract, model, form="public") as session:
        yield lambda rows: {**rows, **session.run_prepared(session.pack(rows))}


def check_float32(graph: Graph, mode: Mode, paths: Sequence[str]) -> None:
    """Refuse float32 where nothing would compute in it.

    Raises
    ------
    ExportError
        When the mode is not ``fast``, no step stands at a path, or none of it is arithmetic.
    """
    if paths and mode != "fast":
        raise ExportError("", f"float32: expected mode 'fast', got {mode!r}")
    known = [step.path for step in graph.steps]
    for path in paths:
        if not any(is_inside(step, [path]) for step in known):
            raise ExportError("", f"float32 {path!r}: expected the path of a step, one of {known}")
        nodes = [len(fast(graph.model, part).graph.node) for part in ([], [path])]
        if nodes[0] == nodes[1]:
            raise ExportError("", f"float32 {path!r}: expected arithmetic there, got none")


def check_name(name: str) -> None:
    """Refuse names that are no plain folder name."""
    if not name or name.startswith(".") or any(sign in name for sign in "/\\\0") or name.isspace():
        raise ExportError("", f"name: expected a plain folder name, got {name!r}")


def _wire_numbers(home: Path, signature: Signature) -> dict[str, int]:
    """Give each column its number in the typed service; numbers of earlier versions stay."""
    known: dict[str, int] = {}
    for folder in sorted(home.glob("[0-9]*"), key=lambda path: path.name):
        known |= read_contract(folder).wire
    try:
        return wire_numbers(known, list(wire_names(signature.columns)))
    except ArtifactError as error:
        raise ExportError("", error.problem) from error
