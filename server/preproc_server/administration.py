"""The calls of ``preproc.v1.Preproc``: contract, self-check, promotion, versions on trial."""

import json
from typing import Any, Final

import grpc

from preproc_server.calls import Call, Guard, Service
from preproc_server.errors import WireError
from preproc_server.findings import Findings, json_of
from preproc_server.lookup import default_of, route_of, versions_of
from preproc_server.pb import preproc_pb2 as pb
from preproc_server.repository import Repository
from preproc_server.versions import parse_version

SERVICE: Final = "preproc.v1.Preproc"


class Administration:
    """Answers from one repository, and from what its shadows find."""

    def __init__(self, repository: Repository, findings: Findings) -> None:
        self._repository = repository
        self._findings = findings

    def contract(self, request: pb.ContractRequest, _: Call) -> pb.ContractResponse:
        """Give contract and certificate of a version."""
        model = self._repository.model(request.model_name, request.model_version)
        return pb.ContractResponse(
            model_name=model.name,
            model_version=str(model.version),
            contract_digest=model.door.digest,
            model_digest=model.digest,
            contract_json=model.contract,
            certificate_json=json.dumps(model.artifact.certificate),
        )

    def self_check(self, request: pb.SelfCheckRequest, _: Call) -> pb.SelfCheckResponse:
        """Replay golden vectors now."""
        if request.model_version and not request.model_name:
            raise WireError("model_name: expected a name beside model_version, got none")
        checks = self._repository.self_check(request.model_name, request.model_version)
        response = pb.SelfCheckResponse(is_pass=bool(checks) and all(c.is_pass for c in checks))
        for check in checks:
            told = response.checks.add(model_name=check.name, model_version=str(check.version))
            told.is_pass, told.reason, told.seconds = check.is_pass, check.reason, check.seconds
        return response

    def promote(self, request: pb.PromoteRequest, _: Call) -> pb.PromoteResponse:
        """Make a version the default."""
        before = self._default(request.model_name)
        version = parse_version(request.model_version)
        self._repository.promote(request.model_name, version)
        return pb.PromoteResponse(
            model_name=request.model_name, model_version=str(version), previous_version=before
        )

    def roll_back(self, request: pb.RollBackRequest, _: Call) -> pb.RollBackResponse:
        """Undo the last promotion."""
        before = self._default(request.model_name)
        version = self._repository.roll_back(request.model_name)
        return pb.RollBackResponse(
            model_name=request.model_name, model_version=str(version), previous_version=before
        )

    def duties(self, request: pb.DutiesRequest, _: Call) -> pb.DutiesResponse:
        """Tell which version has which duty."""
        return self._duties(request.model_name, request.max_samples)

    def set_canary(self, request: pb.SetCanaryRequest, _: Call) -> pb.DutiesResponse:
        """Let a version answer a share of the calls."""
        version = parse_version(request.model_version)
        self._repository.split(request.model_name, version, request.share)
        return self._duties(request.model_name)

    def end_canary(self, request: pb.EndCanaryRequest, _: Call) -> pb.DutiesResponse:
        """Give its share back to the default."""
        self._repository.split(request.model_name, None, 0.0)
        return self._duties(request.model_name)

    def set_shadow(self, request: pb.SetShadowRequest, _: Call) -> pb.DutiesResponse:
        """Let a version score the default's calls too."""
        self._repository.shadow(request.model_name, parse_version(request.model_version))
        return self._duties(request.model_name)

    def end_shadow(self, request: pb.EndShadowRequest, _: Call) -> pb.DutiesResponse:
        """Let the default alone score its calls."""
        self._repository.shadow(request.model_name, None)
        return self._duties(request.model_name)

    def handlers(self, guard: Guard) -> grpc.GenericRpcHandler:
        """Make the service, each method guarded."""
        methods: dict[str, tuple[Any, Any]] = {
            "Contract": (self.contract, pb.ContractRequest),
            "SelfCheck": (self.self_check, pb.SelfCheckRequest),
            "Promote": (self.promote, pb.PromoteRequest),
            "RollBack": (self.roll_back, pb.RollBackRequest),
            "Duties": (self.duties, pb.DutiesRequest),
            "SetCanary": (self.set_canary, pb.SetCanaryRequest),
            "EndCanary": (self.end_canary, pb.EndCanaryRequest),
            "SetShadow": (self.set_shadow, pb.SetShadowRequest),
            "EndShadow": (self.end_shadow, pb.EndShadowRequest),
        }
        return Service(
            SERVICE,
            {
                name: grpc.unary_unary_rpc_method_handler(
                    guard.unary(name, answer), kind.FromString
                )
                for name, (answer, kind) in methods.items()
            },
        )

    def _default(self, name: str) -> str:
        return _text(self._repository.default(name))

    def _duties(self, name: str, max_samples: int = 0) -> pb.DutiesResponse:
        state = self._repository.state
        served, route = versions_of(state, name), route_of(state, name)
        default = default_of(state, name)
        response = pb.DutiesResponse(
            model_name=name,
            default_version=_text(default),
            previous_versions=map(str, route.previous),
        )
        if route.canary is not None:
            canary = response.canary
            canary.model_version, canary.share = str(route.canary), route.share
            canary.is_served = route.canary in served
        if route.shadow is not None:
            response.shadow.is_served = route.shadow in served
            self._write_shadow(response.shadow, name, (default, route.shadow), max_samples)
        return response

    def _write_shadow(
        self, told: pb.Shadow, name: str, duties: tuple[int | None, int], max_samples: int
    ) -> None:
        record, version = self._findings.record(name, *duties), duties[1]
        told.model_version, told.rows, told.missed_rows = str(version), record.rows, record.missed
        for (kind, band), rows in sorted(record.bands.items()):
            told.disagreements.add(kind=kind, band=band, rows=rows)
        pair = record.version, version
        samples = [
            sample
            for sample in self._findings.samples(name)
            if (sample.version, sample.shadow) == pair
        ]
        for sample in samples[max(len(samples) - max_samples, 0) :]:
            told.samples.add(
                kind=sample.kind,
                band=sample.band,
                row_json=json_of(sample.row),
                answer_json=json_of(sample.want),
                shadow_json=json_of(sample.got),
            )


def _text(version: int | None) -> str:
    return "" if version is None else str(version)
