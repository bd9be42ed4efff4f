"""Reads settings: flags over environment (``PREPROC_*``) over the file ``preproc.env``, checked.

Why msgspec: a server answers nobody before its settings are read, and it is imported in no time.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import msgspec

from preproc.runtime.backends import BACKENDS
from preproc_server.errors import SettingsError
from preproc_server.settings import FILE, NAMES, PREFIX, Settings, guess, of_text
from preproc_server.versions import parse_policy

_SPELT: Final[Mapping[str, bool]] = {"yes": True, "on": True, "no": False, "off": False}
"""Words for a flag, in any capitals, beside ``true``, ``false``, ``1`` and ``0``."""


def settings_of(given: Mapping[str, Any]) -> Settings:
    """Make the settings of flags, environment and file.

    Raises
    ------
    SettingsError
        Naming each setting at fault.
    """
    kinds = get_type_hints(Settings, include_extras=True)
    needed = dict.fromkeys(one.name for one in fields(Settings) if one.default is MISSING)
    told = {**needed, **_of_file(), **_of_environment(), **given}
    values, faults = {}, []
    for name, value in sorted(told.items(), key=lambda item: item[0] not in kinds):
        try:
            values[name] = _checked(name, kinds, value)
        except ValueError as error:
            faults.append(f"{name}: {error}")
    if faults:
        raise SettingsError(faults)
    return Settings(**values)


def _of_environment() -> dict[str, Any]:
    """Take the variables that set something; of others `unknown_variables` tells."""
    told = {name.lower().removeprefix(PREFIX.lower()): name for name in _named(os.environ)}
    return {name: os.environ[told[name]] for name in told if name in NAMES}


def _of_file() -> dict[str, Any]:
    """Read the file, where there is one; a name in it that sets nothing is a fault."""
    if not Path(FILE).is_file():
        return {}
    from dotenv import dotenv_values  # noqa: PLC0415  # only who has the file

    told = dotenv_values(FILE, encoding="utf-8")
    named = _named(told)
    return {
        name.lower().removeprefix(PREFIX.lower()) if name in named else name.upper(): value
        for name, value in told.items()
    }


def _named(names: Mapping[str, Any]) -> list[str]:
    return [name for name in names if name.upper().startswith(PREFIX)]


def _checked(name: str, kinds: Mapping[str, Any], value: Any) -> Any:
    """Read one setting; raises `ValueError` with all that is wrong with it."""
    if name not in kinds:
        raise ValueError(f"expected a setting, got an unknown name{guess(name)}")
    kind = kinds[name]
    try:
        read = msgspec.convert(_plain(kind, value), kind, strict=False, dec_hook=of_text)
        if name in _CHECKS:
            _CHECKS[name](read)
    except (msgspec.ValidationError, ValueError) as error:
        text = _expected(kind, error) if isinstance(error, msgspec.ValidationError) else str(error)
        text = text if ", got " in text else f"{text}, got {str(value)!r}"
        raise ValueError(f"{text}; change {PREFIX}{name.upper()}, {FILE} or the flag") from error
    return read


def _plain(kind: Any, value: Any) -> Any:
    """Take text apart that stands for a flag or for a list."""
    if kind is bool and isinstance(value, str):
        return _SPELT.get(value.lower(), value)
    if get_origin(kind) is tuple and isinstance(value, str):
        return tuple(filter(None, value.split(",")))
    return value


def _expected(kind: Any, error: msgspec.ValidationError) -> str:
    if get_origin(kind) is Literal:
        *others, last = map(repr, get_args(kind))
        return f"expected {', '.join(others)} or {last}"
    text = str(error).partition(", got ")[0].replace("`", "")
    return text[:1].lower() + text[1:]


def _check_folder(path: Path) -> None:
    if not path.is_dir():
        raise ValueError("expected a folder that is there")


def _check_backend(name: str) -> None:
    if name not in BACKENDS:
        raise ValueError(f"expected one of {sorted(BACKENDS)}")


_CHECKS: Final[Mapping[str, Callable[[Any], object]]] = {
    "repository": _check_folder,
    "backend": _check_backend,
    "versions": parse_policy,
}
"""Settings that are checked for more than their type and bounds."""
