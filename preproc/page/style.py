"""Colours and layout of every page."""

from collections.abc import Mapping
from typing import Final

LIGHT: Final[Mapping[str, str]] = {
    "ink": "#1f2a37",
    "muted": "#616c7a",
    "line": "#e4e8ee",
    "paper": "#fefefe",
    "back": "#f5f7fa",
    "mark": "#fdf3dc",
    "on": "#fffffe",
    "pass": "#2f7d5b",
    "breach": "#b3362b",
    "warn": "#946410",
    "past": "#b4bdc9",
    "now": "#3b6ea5",
    "c2": "#d08a2e",
    "c3": "#7a5ea8",
    "c4": "#4c9a8a",
    "c5": "#a0574f",
}
"""Name → colour; pictures are drawn in these, each of which is there once, and follow the theme."""
DARK: Final[Mapping[str, str]] = {
    "ink": "#e3e8ef",
    "muted": "#9daab9",
    "line": "#2c3540",
    "paper": "#171d25",
    "back": "#0f141a",
    "mark": "#43371a",
    "on": "#10151b",
    "pass": "#58c193",
    "breach": "#f37d71",
    "warn": "#dfae4c",
    "past": "#5d6977",
    "now": "#6da7e3",
    "c2": "#e2a552",
    "c3": "#a78fd6",
    "c4": "#6cbcab",
    "c5": "#c9847c",
}


def _variables(colours: Mapping[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())


_THEMES: Final = f"""
:root {{ color-scheme: light dark; {_variables(LIGHT)} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_variables(DARK)} }} }}
@media print {{ :root {{ {_variables(LIGHT)} }} }}
"""
_LAYOUT: Final = """
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1000px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0; letter-spacing: -.01em;
  overflow-wrap: anywhere; }
h2 { font-size: 17px; margin: 0 0 4px; }
h3 { font-size: 14px; margin: 20px 0 4px; }
p { margin: 4px 0 12px; color: var(--muted); max-width: 72ch; overflow-wrap: break-word; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
  padding: 20px 22px; margin-top: 18px; }
header { display: flex; gap: 8px 16px; align-items: center; flex-wrap: wrap; margin-bottom: 6px; }
code, td.n { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: 13px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th { text-align: left; color: var(--muted); font-weight: 500; white-space: nowrap; }
th, td { padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th:last-child, td:last-child { padding-right: 0; }
tr:last-child td { border-bottom: 0; }
td.n, th.n { text-align: right; white-space: nowrap; }
td.breaks { overflow-wrap: anywhere; min-width: 22ch; }
td:first-child, td > code { white-space: nowrap; }
tr.noted td { border-bottom: 0; padding-bottom: 0; white-space: nowrap; }
td.note { color: var(--muted); font-size: 12.5px; }
.marked { background: var(--mark); }
.badge { border-radius: 999px; padding: 3px 12px; color: var(--on); font-weight: 600;
  font-size: 13px; background: var(--warn); white-space: nowrap; }
.badge.pass { background: var(--pass); } .badge.breach { background: var(--breach); }
td .badge { padding: 1px 9px; font-size: 12px; }
figure { margin: 6px 0 10px; }
figcaption { color: var(--muted); font-size: 12.5px; }
figure > h3 { margin-top: 12px; overflow-wrap: anywhere; }
svg { width: 100%; height: auto; display: block; }
svg * { stroke-linejoin: round; stroke-linecap: butt; }
.scroll > svg { min-width: 740px; }
.small > svg { max-width: 400px; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(270px, 1fr));
  gap: 4px 24px; }
ul { margin: 4px 0; padding-left: 20px; } li { margin: 4px 0; overflow-wrap: break-word; }
@media (max-width: 600px) { main { padding: 18px 10px 40px; } section { padding: 14px 12px; } }
"""
STYLE: Final = _THEMES + _LAYOUT
