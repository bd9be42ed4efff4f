"""The typed services of one generation of the repository, and the handler that finds them.

Why a fresh pool each time: a descriptor in a pool cannot be replaced. Pool and method table are
made anew after each change and swapped as one; calls under way keep those that they began with.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
from google.protobuf.descriptor_pool import DescriptorPool

from preproc.errors import PreprocError
from preproc_server.calls import Asked, Call, Guard
from preproc_server.core import Desk
from preproc_server.prediction import Models, predict
from preproc_server.schema import METHOD, schema_of
from preproc_server.state import Snapshot
from preproc_server.steps import Method, Steps, handler_of
from preproc_server.typed import Typed, typed_of

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Generation:
    """All typed services at one moment.

    Attributes
    ----------
    pool
        Holds their descriptors and nothing else.
    services
        Full name of a service → the service.
    reasons
        Model → why it has no typed service.
    """

    pool: DescriptorPool = field(default_factory=DescriptorPool)
    services: Mapping[str, Typed] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)


def generation_of(
    served: Snapshot, default: Callable[[str], int | None] = lambda _: None
) -> Generation:
    """Make the typed services of all that is served and proved; a name that clashes gets none."""
    pool, services, reasons = DescriptorPool(), dict[str, Typed](), dict[str, str]()
    packages: dict[str, str] = {}
    for name in sorted(served):
        versions = served[name]
        model = versions.get(default(name) or 0, versions[max(versions)]) if versions else None
        if model is None or not model.is_proved:
            continue
        try:
            schema = schema_of(model.artifact.contract)
            other = packages.setdefault(schema.package, name)
            if other != name:
                reasons[name] = f"package {schema.package!r} is that of model {other!r}; rename one"
                continue
            service = typed_of(model.artifact.contract, model.door.digest, pool)
            services[service.schema.full_name] = service
        except PreprocError as error:
            reasons[name] = str(error)
    return Generation(pool, services, reasons)


class TypedServices(grpc.GenericRpcHandler):
    """Finds the method of a call among the services of the current generation.

    Parameters
    ----------
    models
        The repository.
    guard
        Turns errors into statuses.
    desk
        What all calls share.
    """

    def __init__(self, models: Models, guard: Guard, desk: Desk) -> None:
        self._models = models
        self._guard = guard
        self._desk = desk
        self._methods: Mapping[str, Method] = {}
        self.generation = Generation()

    def follow(self, served: Snapshot) -> None:
        """Make the services of what is served now, and swap them in whole."""
        generation = generation_of(served, self._models.default)
        for name, reason in generation.reasons.items():
            if self.generation.reasons.get(name) != reason:
                _LOG.error("model %r has no typed service: %s", name, reason)
        methods = {
            f"/{name}/{METHOD}": self._method(service)
            for name, service in generation.services.items()
        }
        self.generation, self._methods = generation, methods

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        """Find a method for gRPC's server, None where there is none of the name."""
        method = self._methods.get(details.method)
        return None if method is None else handler_of(method, self._guard)

    def find(self, path: str) -> Method | None:
        """Find a method, None where there is none of the name."""
        return self._methods.get(path)

    def _method(self, service: Typed) -> Method:
        def answer(asked: Asked, call: Call) -> Steps:
            return predict(service, self._models, asked.content, self._desk, call)

        def read(content: bytes) -> Asked:
            return Asked(content, service.schema.model)

        return Method(METHOD, read, answer)
