"""When bits move, the cause is named: by experiment where there is one, else by what changed."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from preproc import Artifact, ParityError
from preproc.parity import Recording, explain, record
from preproc.parity.causes import differences
from preproc.vectors import fingerprint
from tests.processor import HAS_OWN_POWERS

CPU = "onnxruntime-cpu"


@pytest.fixture(scope="module")
def recording(boosting_artifact: Artifact) -> Recording:
    return record(boosting_artifact, [CPU, "reference"], sizes=())


def with_export(recording: Recording, **changes: Any) -> Recording:
    """Change what the certificate tells of the export."""
    environment = recording.certificate["environment"] | changes
    return replace(recording, certificate={**recording.certificate, "environment": environment})


def moved(recording: Recording) -> Recording:
    """Let every fingerprint of the export be another."""
    answers = recording.certificate["answers"]
    other = {name: dict.fromkeys(found, "0" * 64) for name, found in answers.items()}
    return replace(recording, certificate={**recording.certificate, "answers": other})


def test_threads_are_the_cause_where_one_thread_keeps_the_bits(recording: Recording) -> None:
    found = explain(recording)
    assert found.changes == ()
    assert found.compared == len(recording.trials) * len(recording.vectors) * 4
    threaded = [one for one in found.moved if one.setting.threads == 2]
    assert len(threaded) == 4
    for one in threaded:
        assert one.is_shown
        assert [str(cause) for cause in one.causes] == ["threads: threads was 1, is 2"]
        assert "real/scores" in one.outputs
    others = [one for one in found.moved if one.setting.threads != 2]
    assert all(one.setting.backend == "reference" and one.is_shown for one in others)
    assert HAS_OWN_POWERS or not others


def test_the_provider_is_the_cause_where_another_keeps_the_bits(recording: Recording) -> None:
    *others, last = recording.trials
    first, *batches = last.batches
    scores = np.nextafter(first.answers["scores"], np.inf)
    changed = replace(first, answers={**first.answers, "scores": scores})
    trial = replace(last, batches=(changed, *batches))
    found = explain(replace(recording, trials=(*others, trial)))
    (one,) = [one for one in found.moved if one.setting.backend == "reference"]
    assert one.is_shown
    assert str(one.causes[0]) == "provider: backend was onnxruntime-cpu, is reference"
    assert "real/scores" in one.outputs
    assert HAS_OWN_POWERS or one.outputs == ("real/scores",)


def test_versions_and_features_that_changed_are_listed_where_no_experiment_tells(
    recording: Recording,
) -> None:
    libraries = {**recording.certificate["environment"]["libraries"], "onnxruntime": "1.30.0"}
    other = with_export(
        moved(recording), libraries=libraries, processor_features=["X86_V2", "X86_V3", "X86_V9"]
    )
    found = explain(other)
    assert len(found.moved) == len(recording.trials)
    assert not any(one.is_shown for one in found.moved)
    assert [change.kind for change in found.moved[0].causes] == ["processor", "version"]
    processor, version = map(str, found.moved[0].causes)
    assert processor.startswith("processor: numpy features was X86_V2 X86_V3 X86_V9, is ")
    assert version.startswith("version: onnxruntime was 1.30.0, is ")


def test_an_environment_that_changed_without_moving_bits_is_only_listed(
    recording: Recording,
) -> None:
    found = explain(with_export(recording, python="3.1"))
    assert [change.name for change in found.changes] == ["python"]
    assert all(one.is_shown for one in found.moved)


def test_bits_that_moved_without_a_change_are_not_explained_away(recording: Recording) -> None:
    found = explain(moved(recording))
    assert {cause.kind for one in found.moved for cause in one.causes} == {"unknown"}


def test_a_certificate_without_fingerprints_explains_nothing(recording: Recording) -> None:
    bare = {key: value for key, value in recording.certificate.items() if key != "answers"}
    with pytest.raises(ParityError, match="expected fingerprints of answers in the certificate"):
        explain(replace(recording, certificate=bare))


def test_of_long_lists_only_what_one_side_has_alone_is_shown() -> None:
    flags = [f"flag{i}" for i in range(20)]
    (change,) = differences({"cpu flags": " ".join(flags)}, {"cpu flags": " ".join(flags[1:])})
    assert str(change) == "processor: cpu flags was with flag0, is with no more"


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (np.array([np.nan]), -np.array([np.nan]), True),
        (np.array([0.0]), np.array([-0.0]), False),
        (np.array([1.0]), np.array([1], np.int64), False),
        (np.array(["ab", "c"], object), np.array(["a", "bc"], object), False),
        (np.zeros((2, 1)), np.zeros(2), False),
    ],
    ids=["nan", "zero", "dtype", "text", "shape"],
)
def test_a_fingerprint_is_of_dtype_shape_and_bits(one: Any, other: Any, *, is_same: bool) -> None:
    assert (fingerprint(one) == fingerprint(other)) is is_same
