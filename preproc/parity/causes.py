"""Why bits moved since export: a version, a feature of the processor, threads, or the provider.

The certificate holds fingerprints of what the graph itself answered at export. A setting whose
bits moved is held against settings that differ from it in one thing: where those did not move,
that thing is the cause, by experiment. What is left is what differs between the two machines.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from preproc.errors import ParityError
from preproc.parity.recording import WHOLE, Batch, Recording, Setting, Trial
from preproc.vectors import fingerprint

Kind = Literal["version", "processor", "threads", "optimisation", "provider", "unknown"]

_MACHINE: Final = ("machine", "processor", "cpu flags", "numpy features", "numpy denormals")
"""Entries of an environment that tell the processor."""
_LONG: Final = 8
"""Words beyond which only those that differ are shown."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not as it was."""

    kind: Kind
    name: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.name} was {self.before}, is {self.after}"


_UNKNOWN: Final = Change("unknown", "nothing that is known", "the same", "the same")


@dataclass(frozen=True, slots=True)
class Moved:
    """A setting whose bits are not those of the export.

    Attributes
    ----------
    setting
        Where.
    outputs
        Sets and outputs that moved, as ``set/output``.
    causes
        What explains it: one cause where an experiment shows it, else all that changed.
    is_shown
        Whether an experiment shows it.
    """

    setting: Setting
    outputs: tuple[str, ...]
    causes: tuple[Change, ...]
    is_shown: bool

    def __str__(self) -> str:
        how = "shown by a setting that differs in nothing else" if self.is_shown else "one of these"
        causes = "; ".join(map(str, self.causes))
        return f"{self.setting}: bits moved in {', '.join(self.outputs)}; {how}: {causes}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What moved, and what is another machine here than at export."""

    compared: int
    moved: tuple[Moved, ...]
    changes: tuple[Change, ...]


def explain(recording: Recording) -> Explanation:
    """Hold the bits of every setting against those of the export.

    Raises
    ------
    ParityError
        When the certificate holds no fingerprints, as those of earlier versions, or nothing ran.
    """
    kept = recording.certificate.get("answers")
    if not kept or not recording.trials:
        raise ParityError(
            "nothing to compare: expected fingerprints of answers in the certificate and a setting "
            "that ran, got none; export again"
        )
    moved_in = [tuple(_moved(trial, kept)) for trial in recording.trials]
    changes = _changes(recording)
    still = [
        trial.setting
        for trial, outputs in zip(recording.trials, moved_in, strict=True)
        if not outputs
    ]
    found = []
    for trial, outputs in zip(recording.trials, moved_in, strict=True):
        if outputs:
            shown = _experiment(trial.setting, still)
            causes = shown or changes or (_UNKNOWN,)
            found.append(Moved(trial.setting, outputs, causes, bool(shown)))
    compared = sum(len(kept.get(one.vectors, ())) for t in recording.trials for one in _wholes(t))
    return Explanation(compared, tuple(found), changes)


def differences(first: Mapping[str, str], second: Mapping[str, str]) -> tuple[Change, ...]:
    """List what differs between two environments of trials."""
    return tuple(
        Change(_kind(name), name, *_shortened(first.get(name), second.get(name)))
        for name in dict.fromkeys((*first, *second))
        if first.get(name) != second.get(name)
    )


def since_export(recording: Recording) -> dict[str, str]:
    """Give what the certificate tells of the machine of the export, in the words of a trial."""
    then = recording.certificate.get("environment", {})
    libraries = {str(name): str(version) for name, version in then.get("libraries", {}).items()}
    return {
        "python": str(then.get("python", "")),
        "machine": str(then.get("machine", "")),
        "numpy features": " ".join(then.get("processor_features", ())),
        **libraries,
    }


def _changes(recording: Recording) -> tuple[Change, ...]:
    """Hold the environment of the certificate against that of the first trial."""
    then, now = since_export(recording), recording.trials[0].environment
    told = {name: text for name, text in then.items() if name in now}
    return differences(told, {name: now[name] for name in told})


def _wholes(trial: Trial) -> Iterator[Batch]:
    return (batch for batch in trial.batches if batch.size == WHOLE)


def _moved(trial: Trial, kept: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for batch in _wholes(trial):
        for output, want in kept.get(batch.vectors, {}).items():
            if output not in batch.answers or fingerprint(batch.answers[output]) != want:
                yield f"{batch.vectors}/{output}"


def _experiment(setting: Setting, still: Sequence[Setting]) -> tuple[Change, ...]:
    """Find a setting that did not move and differs in one thing: that thing moved the bits."""
    for other in still:
        if other.mode != setting.mode:
            continue
        if other.backend != setting.backend:
            if setting.options.get("threads", 1) == other.threads or not setting.options:
                return (Change("provider", "backend", other.backend, setting.backend),)
            continue
        names = [
            name
            for name in {**setting.options, **other.options}
            if setting.options.get(name) != other.options.get(name)
        ]
        if len(names) == 1:
            (name,) = names
            kind: Kind = "threads" if name == "threads" else "optimisation"
            before, after = other.options.get(name), setting.options.get(name)
            return (Change(kind, name, str(before), str(after)),)
    return ()


def _kind(name: str) -> Kind:
    if name in _MACHINE:
        return "processor"
    if name in {"device", "driver", "provider"}:
        return "provider"
    return "threads" if "threads" in name.lower() else "version"


def _shortened(first: str | None, second: str | None) -> tuple[str, str]:
    """Of two long lists of words, only those that one of them has alone."""
    one, other = ([] if text is None else text.split() for text in (first, second))
    if len(one) > _LONG or len(other) > _LONG:
        alone = [word for word in one if word not in other], [w for w in other if w not in one]
        return f"with {' '.join(alone[0]) or 'no more'}", f"with {' '.join(alone[1]) or 'no more'}"
    return first or "absent", second or "absent"
