"""A parity report as one HTML page."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from preproc.page import (
    Badge,
    Bullets,
    Cell,
    Code,
    Figure,
    Heading,
    Outcome,
    Page,
    Part,
    Row,
    Section,
    Span,
    Table,
    Words,
)
from preproc.parity.bisecting import StepFinding, culprit
from preproc.parity.causes import Change, differences, since_export
from preproc.parity.judging import Judged
from preproc.parity.plots import error_plot, placement_plot
from preproc.parity.recording import Recording
from preproc.parity.report import Line, grouped, labels_of, lines_of, ulp_text
from preproc.parity.series import Errors, errors_of, nodes_of, served
from preproc.parity.worst import worst_rows
from preproc.wording import counted


def page_of(
    recording: Recording, judged: Judged, steps: Mapping[str, Sequence[StepFinding]] | None = None
) -> Page:
    """Make a whole page; `steps` holds what a bisection found, by setting.

    It shows verdicts, breaches with their worst rows, how large errors are, where nodes ran, and
    what is another environment than the certificate's.
    """
    sections: list[Section] = []
    if recording.trials:
        lines = list(lines_of(judged, labels_of(recording)))
        sections.append(_verdicts(lines))
    sections += _objections(recording, judged)
    if recording.trials:  # else nothing ran, so there is nothing to show but why
        sections += _steps(steps or {})
        sections += [
            _errors(list(errors_of(recording, judged))),
            _placement(recording),
            _environment(recording),
            _bounds(lines),
        ]
    badge = Badge(_outcome(judged), judged.outcome)
    return Page(f"Parity of {recording.name}", badge, _summary(judged), sections)


def _outcome(judged: Judged) -> Outcome:
    outcomes: Mapping[str, Outcome] = {"pass": "pass", "breach": "breach"}
    return outcomes.get(judged.outcome, "warn")


def _summary(judged: Judged) -> tuple[Span, ...]:
    compared = sum(finding.part == "answers" for finding in judged.findings)
    settings = {str(finding.setting) for finding in judged.findings}
    counts = f"{counted(compared, 'comparison')} in {counted(len(settings), 'setting')}"
    ran = f"{counts} on {', '.join(judged.backends)}"
    words = ran if judged.backends else "Nothing ran"
    for word in dict.fromkeys(one.word for one in judged.unrun):
        names = [one.backend for one in judged.unrun if one.word == word]
        words += f"; {word}: {', '.join(names)}"
    return f"{words}. Artifact ", Code(judged.digest[:16]), "."


def _verdicts(lines: Sequence[Line]) -> Section:
    heads = ("rows", "bitwise", "max ULP", "max abs", "±0", "flips", "shown", "moved")
    rows = [
        Row((line.backend, line.output, _verdict(is_pass=line.is_pass), *_numbers(line)))
        for line in lines
    ]
    return Section(
        "verdicts",
        "Verdicts",
        "All settings, golden sets and batch sizes of a backend together. ±0: zeros of the other "
        "sign, which no bound forbids. Shown: refused rows without their poison. Moved: values "
        "that differ from the same row's in another batch.",
        [Table(("backend", "output", "verdict", *heads), rows, frozenset(heads))],
    )


def _verdict(*, is_pass: bool) -> Badge:
    return Badge("pass", "pass") if is_pass else Badge("breach", "breach")


def _numbers(line: Line) -> tuple[str, ...]:
    return (
        f"{line.rows:,}",
        f"{int(1e5 * line.bitwise_share) / 1e3:g} %",
        ulp_text(line.max_ulp),
        f"{line.max_abs:.2g}",
        str(line.zero_signs),
        "" if line.label_flips is None else str(line.label_flips),
        f"{line.refused - line.poisoned}" if line.refused else "",
        f"{line.moved}" if line.alone else "",
    )


def _objections(recording: Recording, judged: Judged) -> Iterator[Section]:
    items: list[tuple[Span, ...]] = [
        (f"{finding}{f'; and {others} more like it' if others else ''}",)
        for finding, others in grouped(judged.breaches)
    ]
    items += [(f"{one.word}: {one.problem}",) for one in judged.unrun]
    said = "as the command line says, instead of its declared bound"
    items += [
        (f"widened: output {one.output} may be off by {one}, {said}",) for one in judged.widenings
    ]
    if not items:
        return
    rows = [
        Row(
            (row.backend, f"{row.vectors} {row.row}", row.output, Code(row.want), Code(row.got)),
            ", ".join(f"{name}={value}" for name, value in row.inputs.items()),
        )
        for row in worst_rows(recording, judged)
    ]
    parts: list[Part] = [Bullets(items)]
    if rows:
        heads = ("backend", "row", "output", "want", "got")
        parts += [Heading("Worst rows"), Table(heads, rows)]
    yield Section(
        "objections",
        "Objections",
        "What breaks a bound, what did not run, and which bounds are not the declared ones.",
        parts,
    )


def _steps(steps: Mapping[str, Sequence[StepFinding]]) -> Iterator[Section]:
    parts: list[Part] = []
    for setting, found in steps.items():
        guilty = culprit(found)
        rows = [
            Row(
                (
                    one.path,
                    str(one.comparison.elements),
                    str(one.comparison.breaches),
                    one.column,
                    Badge("breach", one.fault or "") if one is guilty else one.fault or "right",
                )
            )
            for one in found
        ]
        heads = ("step", "values", "wrong", "first column", "fault")
        parts += [Heading(setting), Table(heads, rows, frozenset(("values", "wrong")))]
    if parts:
        yield Section(
            "steps",
            "Steps",
            "Each step against what scikit-learn's own transform gave at export. A step that "
            "differs is computed again from scikit-learn's inputs: still different, it is wrong "
            "by itself.",
            parts,
        )


def _errors(found: Sequence[Errors]) -> Section:
    figures = [
        Figure(error_plot(one.errors, one.bounds), _errors_in_words(one), title=one.output)
        for one in found
    ]
    none = Words(("No output is a float, so there is nothing but equal and unequal.",))
    return Section(
        "errors",
        "Errors",
        "Absolute error of every answered value whose bits are not scikit-learn's. Red lies beyond "
        "the absolute bound; such a value still passes where it is within the bound in ULP or the "
        "share of its row.",
        figures or [none],
    )


def _errors_in_words(found: Errors) -> str:
    told = (
        f"{' '.join(name.split())}: {int((errors == 0).sum())} of {errors.size} equal, largest "
        f"{errors.max(initial=0):.2g}, bound {found.bounds[name]:.2g}"
        for name, errors in found.errors.items()
    )
    return f"Histogram of the absolute errors of {found.output}. {'; '.join(told)}."


def _placement(recording: Recording) -> Section:
    kinds: dict[tuple[str, str, str], Counter[str]] = {}
    for trial in served(recording).values():
        for node in trial.placement:
            key = trial.setting.backend, node.half, node.provider
            kinds.setdefault(key, Counter())[node.op_type] += 1
    rows = [Row((*key, _listed(counts))) for key, counts in kinds.items()]
    nodes = nodes_of(recording)
    told = (f"{backend}: {_listed(Counter(counts))}" for backend, counts in nodes.items())
    heads = ("backend", "half", "provider", "nodes")
    return Section(
        "placement",
        "Placement",
        "Where nodes ran, by a profiled run: what was asked for is not always what computes.",
        [
            Figure(placement_plot(nodes), f"Nodes by provider. {'; '.join(told)}."),
            Table(heads, rows, breaks=frozenset(("nodes",))),
        ],
    )


def _environment(recording: Recording) -> Section:
    firsts = served(recording)
    names = list(dict.fromkeys(key for trial in firsts.values() for key in trial.environment))
    export = since_export(recording)
    rows = []
    for name in names:
        then = export.get(name)
        cells = []
        for trial in firsts.values():
            now = trial.environment.get(name, "")
            is_other = then is not None and bool(now) and now != then
            cells.append(Cell((_short(now),), is_marked=is_other))
        rows.append(Row((name, _short(then or ""), *cells)))
    changes: list[tuple[Span, ...]] = [
        (f"{backend}: {change}",)
        for backend, trial in firsts.items()
        for change in _known_on_both(export, trial.environment)
    ]
    heads = ("", "at export", *firsts)
    return Section(
        "environment",
        "Environment",
        "What may move bits, at export by the certificate and here; what is another is marked.",
        [
            Bullets(changes) if changes else Words(("Nothing of it changed.",)),
            Table(heads, rows, breaks=frozenset(heads[1:])),
        ],
    )


def _bounds(lines: Sequence[Line]) -> Section:
    rows = [
        Row((line.backend, line.output, ", ".join(line.bounds), "; ".join(line.reasons)))
        for line in lines
    ]
    return Section(
        "bounds",
        "Bounds",
        "What each output may be off by on each backend.",
        [Table(("backend", "output", "bound", "why not less"), rows)],
    )


def _known_on_both(then: Mapping[str, str], now: Mapping[str, str]) -> tuple[Change, ...]:
    names = [name for name in then if name in now]
    return differences({name: then[name] for name in names}, {name: now[name] for name in names})


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def _short(text: str) -> str:
    words = text.split()
    return text if len(words) <= 24 else f"{' '.join(words[:24])} … {len(words)} words"  # noqa: PLR2004
