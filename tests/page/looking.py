"""Looks at pages with a browser that has no window: all of them at once, since it starts slowly."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
)
WIDE, NARROW, HEIGHT = 1100, 420, 1500
MEASURE = """
function overlap(a, b) {
  return Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1.5 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3;
}
function seen(frame) {
  const page = frame.contentDocument, clashes = [], cut = [], nameless = [];
  for (const svg of page.querySelectorAll("svg")) {
    if (!(svg.getAttribute("aria-label") || "").trim()) nameless.push(svg.outerHTML.slice(0, 80));
    const whole = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll("text")].filter(one => one.textContent.trim());
    const boxes = texts.map(one => one.getBoundingClientRect());
    boxes.forEach((box, at) => {
      if (box.left < whole.left - 2 || box.right > whole.right + 2 ||
          box.top < whole.top - 2 || box.bottom > whole.bottom + 2) cut.push(texts[at].textContent);
      for (let other = 0; other < at; other++)
        if (overlap(box, boxes[other]))
          clashes.push(texts[other].textContent + " / " + texts[at].textContent);
    });
  }
  return {clashes, cut, nameless, pictures: page.querySelectorAll("svg").length,
    wide: page.documentElement.scrollWidth - page.documentElement.clientWidth};
}
window.onload = () => {
  const found = {};
  for (const frame of document.querySelectorAll("iframe")) found[frame.title] = seen(frame);
  console.log("SEEN " + JSON.stringify(found) + " SEEN");
};
"""


@dataclass(frozen=True, slots=True)
class Looks:
    """What a browser saw.

    Attributes
    ----------
    complaints
        Lines of its console.
    seen
        Page and how it was shown (``wide`` or ``narrow``) → what was measured.
    wide, narrow
        Page → pixels (height, width, 3): wide by day, narrow by night.
    """

    complaints: tuple[str, ...]
    seen: Mapping[str, Mapping[str, Any]]
    wide: Mapping[str, NDArray[np.int64]]
    narrow: Mapping[str, NDArray[np.int64]]


def look_at(pages: Mapping[str, str], folder: Path) -> Looks:
    """Show each page in a wide light window and in a narrow dark one."""
    if CHROMIUM is None:
        assert "CI" not in os.environ, "expected chromium, got none; make hardware installs it"
        pytest.skip("expected chromium, got none (make hardware)")
    frames = []
    for at, (name, page) in enumerate(pages.items()):
        night = page.replace("(prefers-color-scheme: dark)", "all")
        assert night != page
        for how, text, left, width in (
            ("wide", page, 0, WIDE),
            ("narrow", night, WIDE, NARROW),
        ):
            style = f"position:absolute;border:0;left:{left}px;top:{at * HEIGHT}px"
            frames.append(
                f'<iframe title="{name} {how}" width="{width}" height="{HEIGHT}" '
                f'style="{style}" srcdoc="{escape(text)}"></iframe>'
            )
    index, picture = folder / "index.html", folder / "pages.png"
    index.write_text(
        f"<!doctype html><meta charset=utf-8><script>{MEASURE}</script>{''.join(frames)}", "utf-8"
    )
    done = subprocess.run(
        [
            CHROMIUM,
            *FLAGS,
            f"--window-size={WIDE + NARROW},{HEIGHT * len(pages)}",
            f"--user-data-dir={folder / 'profile'}",
            f"--screenshot={picture}",
            index.as_uri(),
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=90,
    )
    (said,) = re.findall(r'"SEEN (\{.*\}) SEEN"', done.stderr)
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    pixels = _pixels(picture)
    rows = {name: slice(at * HEIGHT, (at + 1) * HEIGHT) for at, name in enumerate(pages)}
    return Looks(
        tuple(line for line in complaints if "SEEN" not in line),
        json.loads(said),
        {name: pixels[part, :WIDE] for name, part in rows.items()},
        {name: pixels[part, WIDE:] for name, part in rows.items()},
    )


def pixels_near(pixels: NDArray[np.int64], colour: str) -> int:
    """Count the pixels of a colour, ``#rrggbb``."""
    want = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return int((np.abs(pixels - want).max(axis=2) <= 2).sum())


def _pixels(picture: Path) -> NDArray[np.int64]:
    from PIL import Image  # noqa: PLC0415  # comes with matplotlib

    with Image.open(picture) as image:
        return np.asarray(image.convert("RGB")).astype(np.int64)
