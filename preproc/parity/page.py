"""A parity report as one HTML page: no script, no other file, plots inside."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from preproc.parity.bisecting import StepFinding, culprit
from preproc.parity.causes import Change, differences, since_export
from preproc.parity.judging import Judged
from preproc.parity.plots import error_plot, numbered, placement_plot
from preproc.parity.recording import Recording
from preproc.parity.report import Line, grouped, labels_of, lines_of, ulp_text
from preproc.parity.series import errors_of, nodes_of, served
from preproc.parity.worst import worst_rows

STYLE: Final = """
:root { color-scheme: light; --ink: #1f2a37; --muted: #6b7684; --line: #e4e8ee; --pass: #2f7d5b;
  --breach: #b3362b; --warn: #9a6a12; --paper: #fff; --back: #f5f7fa; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1000px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 26px; margin: 0; letter-spacing: -.01em; }
h2 { font-size: 17px; margin: 0 0 4px; }
h3 { font-size: 14px; margin: 20px 0 4px; }
p { margin: 4px 0 12px; color: var(--muted); max-width: 72ch; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
  padding: 20px 22px; margin-top: 18px; overflow-x: auto; }
header { display: flex; gap: 16px; align-items: center; flex-wrap: wrap; }
code, td.n { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: 13px; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th { text-align: left; color: var(--muted); font-weight: 500; }
th, td { padding: 5px 10px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
td.n, th.n { text-align: right; white-space: nowrap; }
.badge { border-radius: 999px; padding: 3px 12px; color: #fff; font-weight: 600; font-size: 13px;
  background: var(--warn); }
.badge.pass { background: var(--pass); } .badge.breach { background: var(--breach); }
td .badge { padding: 1px 9px; font-size: 12px; }
.changed { background: #fdf3dc; }
td.value { overflow-wrap: anywhere; }
tr.pair td { border-bottom: 0; padding-bottom: 0; white-space: nowrap; }
td.inputs { color: var(--muted); font-size: 12.5px; }
td:first-child, td > code { white-space: nowrap; }
svg { width: 100%; height: auto; display: block; margin: 6px 0; }
ul { margin: 4px 0; padding-left: 20px; } li { margin: 4px 0; }
"""


def page_of(
    recording: Recording, judged: Judged, steps: Mapping[str, Sequence[StepFinding]] | None = None
) -> str:
    """Render a whole page; `steps` holds what a bisection found, by setting.

    Returns
    -------
    str
        HTML that shows verdicts, breaches with their worst rows, how large errors are, where nodes
        ran, and what is another environment than the certificate's.
    """
    title = f"Parity of {escape(recording.name)}"
    if not recording.trials:  # nothing ran, so there is nothing to show but why
        return _whole(title, _head(title, judged) + _objections(recording, judged))
    lines = list(lines_of(judged, labels_of(recording)))
    errors = list(errors_of(recording, judged))
    plots = [error_plot(found.errors, found.bounds) for found in errors]
    *svgs, placement = numbered([*plots, placement_plot(nodes_of(recording))])
    named = [(found.output, svg) for found, svg in zip(errors, svgs, strict=True)]
    body = "".join(
        (
            _head(title, judged),
            _verdicts(lines),
            _objections(recording, judged),
            _steps(steps or {}),
            _plots(named),
            _placement(recording, placement),
            _environment(recording),
            _bounds(lines),
        )
    )
    return _whole(title, body)


def _whole(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )


def _head(title: str, judged: Judged) -> str:
    compared = sum(finding.part == "answers" for finding in judged.findings)
    absent = [one.backend for one in judged.absent]
    settings = {str(finding.setting) for finding in judged.findings}
    ran = f"{compared} comparisons in {len(settings)} settings on {', '.join(judged.backends)}"
    words = ran if judged.backends else "Nothing ran"
    if absent:
        words += f"; absent: {', '.join(absent)}"
    return (
        f"<header><h1>{title}</h1>{_badge(judged.outcome)}</header>"
        f"<p>{escape(words)}. Artifact <code>{escape(judged.digest[:16])}</code>.</p>"
    )


def _verdicts(lines: Sequence[Line]) -> str:
    rows = [
        f"<tr><td>{escape(line.backend)}</td><td>{escape(line.output)}</td>"
        f"<td>{_badge('pass' if line.is_pass else 'breach')}</td>{_numbers(line)}</tr>"
        for line in lines
    ]
    heads = ("rows", "bitwise", "max ULP", "max abs", "±0", "flips", "shown", "moved")
    head = "<th>backend</th><th>output</th><th>verdict</th>" + "".join(
        f'<th class="n">{name}</th>' for name in heads
    )
    return _section(
        "verdicts",
        "Verdicts",
        "All settings, golden sets and batch sizes of a backend together. ±0: zeros of the other "
        "sign, which no bound forbids. Shown: refused rows without their poison. Moved: values "
        "that differ from the same row's in another batch.",
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>",
    )


def _numbers(line: Line) -> str:
    cells = (
        f"{line.rows:,}",
        f"{int(1e5 * line.bitwise_share) / 1e3:g} %",
        ulp_text(line.max_ulp),
        f"{line.max_abs:.2g}",
        str(line.zero_signs),
        "" if line.label_flips is None else str(line.label_flips),
        f"{line.refused - line.poisoned}" if line.refused else "",
        f"{line.moved}" if line.alone else "",
    )
    return "".join(f'<td class="n">{cell}</td>' for cell in cells)


def _objections(recording: Recording, judged: Judged) -> str:
    items = [
        f"<li>{escape(str(finding))}{f'; and {others} more like it' if others else ''}</li>"
        for finding, others in grouped(judged.breaches)
    ]
    items += [f"<li>absent: {escape(one.problem)}</li>" for one in judged.absent]
    items += [
        f"<li><b>widened</b>: output {escape(one.output)} may be off by {escape(str(one))}, as the "
        "command line says, instead of its declared bound</li>"
        for one in judged.widenings
    ]
    if not items:
        return ""
    rows = [
        f"<tr class='pair'><td>{escape(row.backend)}</td><td>{escape(row.vectors)} {row.row}</td>"
        f"<td>{escape(row.output)}</td><td><code>{escape(row.want)}</code></td>"
        f"<td><code>{escape(row.got)}</code></td></tr>"
        f"<tr><td colspan='5' class='inputs'>{escape(_inputs(row.inputs))}</td></tr>"
        for row in worst_rows(recording, judged)
    ]
    table = ""
    if rows:
        heads = ("backend", "row", "output", "want", "got")
        head = "".join(f"<th>{name}</th>" for name in heads)
        table = (
            f"<h3>Worst rows</h3><table><thead><tr>{head}</tr></thead>"
            f"<tbody>{''.join(rows)}</tbody></table>"
        )
    return _section(
        "objections",
        "Objections",
        "What breaks a bound, what did not run, and which bounds are not the declared ones.",
        f"<ul>{''.join(items)}</ul>{table}",
    )


def _steps(steps: Mapping[str, Sequence[StepFinding]]) -> str:
    body = []
    for setting, found in steps.items():
        guilty = culprit(found)
        rows = "".join(
            f"<tr><td>{escape(one.path)}</td><td class='n'>{one.comparison.elements}</td>"
            f"<td class='n'>{one.comparison.breaches}</td><td>{escape(one.column)}</td>"
            f"<td>{_fault(one, guilty)}</td></tr>"
            for one in found
        )
        body.append(
            f"<h3>{escape(setting)}</h3><table><thead><tr><th>step</th><th class='n'>values</th>"
            "<th class='n'>wrong</th><th>first column</th><th>fault</th></tr></thead>"
            f"<tbody>{rows}</tbody></table>"
        )
    if not body:
        return ""
    return _section(
        "steps",
        "Steps",
        "Each step against what scikit-learn's own transform gave at export. A step that differs "
        "is computed again from scikit-learn's inputs: still different, it is wrong by itself.",
        "".join(body),
    )


def _fault(found: StepFinding, guilty: StepFinding | None) -> str:
    return _badge("breach", found.fault) if found is guilty else found.fault or "right"


def _plots(named: Sequence[tuple[str, str]]) -> str:
    body = "".join(f"<h3>{escape(name)}</h3>{svg}" for name, svg in named)
    return _section(
        "errors",
        "Errors",
        "Absolute error of every answered value whose bits are not scikit-learn's. Red lies beyond "
        "the absolute bound; such a value still passes where it is within the bound in ULP or the "
        "share of its row.",
        body or "<p>No output is a float, so there is nothing but equal and unequal.</p>",
    )


def _placement(recording: Recording, svg: str) -> str:
    kinds: dict[tuple[str, str, str], Counter[str]] = {}
    for trial in served(recording).values():
        for node in trial.placement:
            key = trial.setting.backend, node.half, node.provider
            kinds.setdefault(key, Counter())[node.op_type] += 1
    rows = "".join(
        f"<tr><td>{escape(backend)}</td><td>{escape(half)}</td><td>{escape(provider)}</td>"
        f'<td class="value">{escape(_listed(counts))}</td></tr>'
        for (backend, half, provider), counts in kinds.items()
    )
    head = "".join(f"<th>{name}</th>" for name in ("backend", "half", "provider", "nodes"))
    return _section(
        "placement",
        "Placement",
        "Where nodes ran, by a profiled run: what was asked for is not always what computes.",
        f"{svg}<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>",
    )


def _environment(recording: Recording) -> str:
    firsts = served(recording)
    names = list(dict.fromkeys(key for trial in firsts.values() for key in trial.environment))
    export = since_export(recording)
    head = "<th></th><th>at export</th>" + "".join(f"<th>{escape(name)}</th>" for name in firsts)
    rows = []
    for name in names:
        then = export.get(name)
        cells = []
        for trial in firsts.values():
            now = trial.environment.get(name, "")
            mark = " changed" if then is not None and now and now != then else ""
            cells.append(f'<td class="value{mark}">{escape(_short(now))}</td>')
        rows.append(
            f"<tr><td>{escape(name)}</td><td class='value'>{escape(_short(then or ''))}</td>"
            f"{''.join(cells)}</tr>"
        )
    changes = [
        f"<li>{escape(backend)}: {escape(str(change))}</li>"
        for backend, trial in firsts.items()
        for change in _known_on_both(export, trial.environment)
    ]
    told = f"<ul>{''.join(changes)}</ul>" if changes else "<p>Nothing of it changed.</p>"
    return _section(
        "environment",
        "Environment",
        "What may move bits, at export by the certificate and here; what is another is marked.",
        f"{told}<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>",
    )


def _bounds(lines: Sequence[Line]) -> str:
    rows = "".join(
        f"<tr><td>{escape(line.backend)}</td><td>{escape(line.output)}</td>"
        f"<td>{escape(', '.join(line.bounds))}</td><td>{escape('; '.join(line.reasons))}</td></tr>"
        for line in lines
    )
    head = "".join(f"<th>{name}</th>" for name in ("backend", "output", "bound", "why not less"))
    return _section(
        "bounds",
        "Bounds",
        "What each output may be off by on each backend.",
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>",
    )


def _known_on_both(then: Mapping[str, str], now: Mapping[str, str]) -> tuple[Change, ...]:
    names = [name for name in then if name in now]
    return differences({name: then[name] for name in names}, {name: now[name] for name in names})


def _section(name: str, title: str, words: str, body: str) -> str:
    return f'<section id="{name}"><h2>{title}</h2><p>{words}</p>{body}</section>'


def _badge(outcome: str, words: str | None = None) -> str:
    return f'<span class="badge {outcome}">{words or outcome}</span>'


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def _inputs(inputs: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in inputs.items())


def _short(text: str) -> str:
    words = text.split()
    return text if len(words) <= 24 else f"{' '.join(words[:24])} … {len(words)} words"  # noqa: PLR2004
