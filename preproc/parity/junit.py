"""Findings as JUnit XML, which CI systems show as tests."""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from preproc.parity.judging import Finding, Judged
from preproc.parity.recording import WHOLE


def junit_of(judged: Judged) -> str:
    """Render a suite a setting and a case a golden set, output and part.

    A breach is a failure, a required backend that did not run an error, another such one is
    skipped; a bound from the command line is a property of the whole.
    """
    root = ET.Element("testsuites", name=f"preproc parity {judged.name}")
    for setting in dict.fromkeys(str(finding.setting) for finding in judged.findings):
        mine = [finding for finding in judged.findings if str(finding.setting) == setting]
        _suite(root, judged, setting, mine)
    problems = {one.backend: f"{one.word}: {one.problem}" for one in judged.unrun}
    problems |= {name: "not in the recording" for name in judged.missing if name not in problems}
    for backend, problem in problems.items():
        must = backend in judged.required
        suite = ET.SubElement(
            root,
            "testsuite",
            name=backend,
            tests="1",
            failures="0",
            errors=str(int(must)),
            skipped=str(int(not must)),
        )
        case = ET.SubElement(suite, "testcase", classname=backend, name="presence")
        ET.SubElement(case, "error" if must else "skipped", message=_plain(problem))
    for key in ("tests", "failures", "errors", "skipped"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(root: ET.Element, judged: Judged, setting: str, mine: Sequence[Finding]) -> None:
    suite = ET.SubElement(
        root,
        "testsuite",
        name=setting,
        tests=str(len(mine)),
        failures=str(sum(not finding.is_pass for finding in mine)),
        errors="0",
        skipped="0",
    )
    properties = ET.SubElement(suite, "properties")
    ET.SubElement(properties, "property", name="digest", value=judged.digest)
    for widening in judged.widenings:
        ET.SubElement(
            properties, "property", name=f"widened {widening.output}", value=str(widening)
        )
    for finding in mine:
        case = ET.SubElement(suite, "testcase", classname=setting, name=_name(finding))
        if not finding.is_pass:
            failure = ET.SubElement(
                case, "failure", message=_plain(finding.problem), type=finding.part
            )
            failure.text = _plain(f"{finding}\nbound: {finding.tolerance.reason}")


def _name(finding: Finding) -> str:
    size = "" if finding.size in {WHOLE, ""} else f"{finding.size} a call"
    return ", ".join(word for word in (finding.vectors, size, finding.output, finding.part) if word)


def _plain(text: str) -> str:
    """Leave out what XML cannot hold, such as the zero byte of a null token."""
    return "".join(sign if sign in "\n\t" or sign.isprintable() else "?" for sign in text)
