"""What processes of one server tell each other of the repository, as plain JSON data."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from preproc_server.loading import Model
from preproc_server.routes import Route
from preproc_server.state import Entry, Proof, State, state_of


def state_to_json(state: State) -> dict[str, Any]:
    """Turn a state into JSON data, without its models."""
    return {
        "generation": state.generation,
        "entries": [
            {
                "name": entry.name,
                "version": entry.version,
                "path": str(entry.path),
                "state": entry.state,
                "reason": entry.reason,
                "seconds": entry.seconds,
                "proof": None if entry.proof is None else asdict(entry.proof),
            }
            for of in state.entries.values()
            for entry in of.values()
        ],
        "routes": {name: asdict(route) for name, route in state.routes.items()},
    }


def state_from_json(data: Mapping[str, Any], models: Mapping[int, Model]) -> State:
    """Turn JSON data into a state, with the models of this process.

    Raises
    ------
    KeyError
        When a model is not there that the state serves.
    """
    entries: dict[str, dict[int, Entry]] = {}
    for told in data["entries"]:
        proof = told["proof"] and Proof(**told["proof"])
        entry = Entry(
            **{**told, "path": Path(told["path"]), "proof": proof},
            model=models[proof.number] if proof else None,
        )
        entries.setdefault(entry.name, {})[entry.version] = entry
    routes = {
        name: Route(**{**told, "previous": tuple(told["previous"])})
        for name, told in data["routes"].items()
    }
    return state_of(entries, routes, generation=data["generation"])
