"""The picture of a graph: what flows where, boxes that do not overlap, text that is safe."""

import re
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree as ET

from typer.testing import CliRunner

from preproc import Artifact
from preproc.cli.commands import app
from preproc.graph import GraphBuilder, picture_of
from preproc.graph.flow import flow_of
from preproc.signature import Column, Output

SVG = "{http://www.w3.org/2000/svg}"


def small(*, name: str = "a") -> bytes:
    """Make a step that chooses columns, feeds two others and joins what they give."""
    graph = GraphBuilder()
    taken = graph.input(Column(name, "float64"))
    other = graph.input(Column("b", "float64"))
    chosen = graph.op("Neg", taken, scope="prep")
    left = graph.op("Abs", chosen, scope="prep/left")
    right = graph.op("Sqrt", other, scope="prep/right")
    graph.refuse(graph.op("IsInf", right, scope="prep/right"), ["b"], step="prep/right", text="no")
    joined = graph.op("Concat", left, right, scope="prep", axis=1)
    model = graph.finish([(joined, Output("features", "features", "float64", 2, None))])
    return model.SerializeToString()


def boxes_of(picture: str) -> list[tuple[float, float, float, float]]:
    rects = [group.find(f"{SVG}rect") for group in ET.fromstring(picture).iter(f"{SVG}g")]  # noqa: S314  # our own
    sides = [
        [float(r.attrib[k]) for k in ("x", "y", "width", "height")] for r in rects if r is not None
    ]
    return [(x, y, x + w, y + h) for x, y, w, h in sides]


def overlaps(boxes: list[tuple[float, float, float, float]]) -> bool:
    return any(
        a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
        for a, b in combinations(boxes, 2)
    )


def test_parts_take_what_they_are_computed_from() -> None:
    parts = flow_of(small())
    takes = {part.name: [parts[at].name for at in part.takes] for part in parts}
    assert takes == {
        "a": [],
        "b": [],
        "prep/left": ["a"],
        "prep/right": ["b"],
        "prep": ["prep/left", "prep/right"],
        "features": ["prep"],
    }
    assert [part.name for part in parts if part.refuses] == ["prep/right"]
    assert all(at < place for place, part in enumerate(parts) for at in part.takes)


def test_a_pipeline_of_one_step_is_one_box() -> None:
    graph = GraphBuilder()
    given = graph.op("Abs", graph.input(Column("a", "float32")), scope="")
    model = graph.finish([(given, Output("features", "features", "float32", 1, None))])
    first, step, last = flow_of(model.SerializeToString())
    assert (first.dtype, step.name, step.takes, step.refuses) == ("float32", "", (0,), False)
    assert last.takes == (1,)
    assert ">pipeline</text>" in picture_of(model.SerializeToString(), "one")


def test_every_part_is_drawn_and_no_box_covers_another(logistic_artifact: Artifact) -> None:
    picture = picture_of(logistic_artifact.model, "people, version 1")
    parts = flow_of(logistic_artifact.model)
    for part in parts:
        assert f">{part.name.rpartition('/')[2]}" in picture
    rules = logistic_artifact.contract.signature.rules
    assert {part.name for part in parts if part.refuses} == {rule.step for rule in rules}
    boxes = boxes_of(picture)
    assert len(boxes) >= sum(part.kind != "input" for part in parts) + 1
    assert not overlaps(boxes)
    assert overlaps([*boxes, boxes[0]])
    assert picture == picture_of(logistic_artifact.model, "people, version 1")


def test_nothing_comes_from_elsewhere_and_odd_names_are_escaped() -> None:
    picture = picture_of(small(name="<b>&\x01"), "<script>")
    assert "<script" not in picture
    assert "&lt;b&gt;&amp;\ufffd: float64" in picture
    assert not re.findall(r"href|url\(|<image", picture)
    assert len(boxes_of(picture)) == 6


def test_inspect_writes_the_picture(logistic_artifact: Artifact, tmp_path: Path) -> None:
    file, wrong = tmp_path / "graph.svg", tmp_path / "graph.png"
    done = CliRunner().invoke(app, ["inspect", str(logistic_artifact.path), "--picture", str(file)])
    assert (done.exit_code, done.stdout) == (0, f"{file}\n")
    assert boxes_of(file.read_text(encoding="utf-8"))
    done = CliRunner().invoke(
        app, ["inspect", str(logistic_artifact.path), "--picture", str(wrong)]
    )
    assert done.exit_code == 3
    assert done.stderr == f"preproc: --picture {str(wrong)!r}: expected a name that ends in .svg\n"
