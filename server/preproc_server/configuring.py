"""Reads settings: flags over environment (``PREPROC_*``) over the file ``preproc.env``, checked."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from typing import Annotated, Any, Final, get_type_hints

from pydantic import (
    AfterValidator,
    BeforeValidator,
    DirectoryPath,
    ValidationError,
    create_model,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from preproc.runtime import BACKENDS
from preproc_server.errors import SettingsError
from preproc_server.settings import FILE, NAMES, PREFIX, Settings, guess
from preproc_server.versions import parse_policy


def _known_backend(name: str) -> str:
    if name not in BACKENDS:
        raise ValueError(f"expected one of {sorted(BACKENDS)}, got {name!r}")
    return name


def _known_policy(text: str) -> str:
    parse_policy(text)
    return text


def _listed(names: Any) -> Any:
    return tuple(filter(None, names.split(","))) if isinstance(names, str) else names


KINDS: Final[Mapping[str, Any]] = {
    "repository": DirectoryPath,
    "backend": Annotated[str, AfterValidator(_known_backend)],
    "versions": Annotated[str, AfterValidator(_known_policy)],
    "load_models": Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)],
}
"""Settings that are checked for more than their type and bounds."""


class _Read(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=FILE, extra="forbid")


@cache
def _reader() -> type[BaseSettings]:
    """Make what reads the fields of `Settings`."""
    hints = get_type_hints(Settings, include_extras=True)
    asked: dict[str, Any] = {
        one.name: (
            KINDS.get(one.name, hints[one.name]),
            ... if one.default is MISSING else one.default,
        )
        for one in fields(Settings)
    }
    return create_model("Settings", __base__=_Read, **asked)


def settings_of(given: Mapping[str, Any]) -> Settings:
    """Make the settings of flags, environment and file.

    Raises
    ------
    SettingsError
        Naming each setting at fault.
    """
    try:
        return Settings(**_reader()(**given).model_dump())
    except ValidationError as error:
        raise SettingsError([_fault(**found) for found in error.errors()]) from error


def _fault(*, loc: tuple[Any, ...], type: str, msg: str, input: Any, **_: Any) -> str:  # noqa: A002  # pydantic's words
    name = "".join(map(str, loc)).removeprefix(PREFIX.lower())
    if name not in NAMES:
        return f"{name}: expected a setting, got an unknown name{guess(name)}"
    if type == "path_not_directory":
        text = "expected a folder that is there"
    elif type == "value_error":  # one of our own, which says all
        text = msg.removeprefix("Value error, ")
    else:
        text = "expected " + msg.removeprefix("Input should be ").partition(", unable to")[0]
    text = text if ", got " in text else f"{text}, got {str(input)!r}"
    return f"{name}: {text}; change {PREFIX}{name.upper()}, preproc.env or the flag"
