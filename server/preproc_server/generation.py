"""The typed services of one generation of the repository, and the handler that finds them.

Why a fresh pool each time: a descriptor in a pool cannot be replaced. Pool and method table are
made anew after each change and swapped as one; calls under way keep those that they began with.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, cast

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from preproc.contract import Contract
from preproc.errors import PreprocError
from preproc.signature import ROW_ERROR
from preproc_server import rows
from preproc_server.calls import Call, Guard
from preproc_server.counters import Statistics, Times
from preproc_server.door import Policy, check_batch, check_digest
from preproc_server.errors import ContractError, RequestError, WireError
from preproc_server.loading import Model
from preproc_server.metrics import Metrics
from preproc_server.schema import METHOD, schema_of
from preproc_server.state import Snapshot
from preproc_server.typed import Typed, typed_of, write_predictions

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came, with the model that it is for."""

    model_name: str
    content: bytes


class Models(Protocol):
    """What is asked of the repository."""

    def model(self, name: str, version: str, *, key: str = "") -> Model:
        """Look a model up that is served."""

    def default(self, name: str) -> int | None:
        """Version that answers a call that names none."""


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
    metrics
        Told of refused rows and of what was let through with a mark.
    guard
        Turns errors into statuses.
    contracts
        Gives the contracts of a model's versions: digest → contract.
    statistics
        Told of each request.
    policy
        Of the door.
    clock_s
        Seconds since 1970, UTC.
    """

    def __init__(
        self,
        models: Models,
        metrics: Metrics,
        guard: Guard,
        *,
        contracts: Callable[[str], Mapping[str, Contract]],
        statistics: Statistics,
        policy: Policy | None = None,
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        self._models = models
        self._metrics = metrics
        self._guard = guard
        self._contracts = contracts
        self._statistics = statistics
        self._policy = policy or Policy()
        self._clock_s = clock_s
        self._methods: Mapping[str, Any] = {}
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
        """Find a method, None where there is none of the name."""
        return self._methods.get(details.method)

    def _method(self, service: Typed) -> "grpc.RpcMethodHandler[Any, Any]":
        def answer(asked: Asked, call: Call) -> Message:
            return self._predict(service, asked.content, call)

        def read(content: bytes) -> Asked:
            return Asked(service.schema.model, content)

        return grpc.unary_unary_rpc_method_handler(self._guard.unary(METHOD, answer), read)

    def _predict(self, service: Typed, content: bytes, call: Call) -> Message:
        request = cast("Any", _parsed(service, content))
        name = service.schema.model
        model = self._models.model(name, request.model_version, key=call.key)
        given = request.contract_digest
        if not check_digest(model.door, self._policy, given, lambda: self._contracts(name)):
            self._metrics.count_untold_digest(name)
        if model.door.digest != service.digest:
            raise ContractError(
                f"model {name!r}: expected a version with the contract {service.digest} that the "
                f"typed service was made from, got version {model.version} with "
                f"{model.door.digest}; ask for it by ModelInfer"
            )
        try:
            self._check_unknown(request, name)
            return self._answer(service, model, request, call)
        except Exception:
            took_ns = time.perf_counter_ns() - call.arrived_ns
            self._statistics.count_failure(name, model.version, took_ns)
            raise

    def _answer(self, service: Typed, model: Model, request: Any, call: Call) -> Message:
        cells = rows.read_rows(service, request.rows)
        prepared = rows.lay_out(service, model.plan, cells)
        companions = rows.companions_of(service, cells) if model.door.fresh else {}
        found = check_batch(model.door, self._policy, prepared.feeds, companions, self._clock_s())
        self._metrics.count_marks(model.name, found.marks)
        found.refuse()
        call.check_time(0)
        decoded = time.perf_counter_ns()
        answers = model.run(prepared)
        computed = time.perf_counter_ns()
        signature = model.session.signature
        self._metrics.count_refused(model.name, signature.rules, answers[ROW_ERROR])
        if not request.report_refused:
            model.session.raise_refused(answers[ROW_ERROR])
        response = service.response()
        told: Any = response
        told.model_version, told.contract_digest = str(model.version), model.door.digest
        told.model_digest, told.flagged = model.digest, found.flagged
        write_predictions(service, response, answers, signature)
        times = Times(call.arrived_ns, call.read_ns, decoded, computed, time.perf_counter_ns())
        self._statistics.count(model.name, model.version, prepared.rows, times)
        return response

    def _check_unknown(self, request: Any, name: str) -> None:
        """Refuse or count fields that the contract does not know, as extra columns are."""
        extra = [
            (f"rows[{at}]", f"expected no such field, got number {unknown.field_number}")
            for at, row in enumerate(request.rows)
            for unknown in cast("Iterable[Any]", UnknownFieldSet(row))  # its stub lacks __iter__
        ]
        if extra and self._policy.extra_columns == "refuse":
            raise RequestError(extra)
        if extra:
            self._metrics.count_extra_columns(name, len({rule for _, rule in extra}))


def _parsed(service: Typed, content: bytes) -> Message:
    try:
        return service.request.FromString(content)
    except DecodeError as error:
        raise WireError(
            f"service {service.schema.full_name!r}: expected its PredictRequest, got other bytes"
        ) from error
