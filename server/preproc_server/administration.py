"""The calls of ``preproc.v1.Preproc``: contract, self-check, promote, roll back."""

import json
from typing import Any, Final

import grpc

from preproc_server.calls import Call, Guard, Service, serialize
from preproc_server.errors import WireError
from preproc_server.pb import preproc_pb2 as pb
from preproc_server.repository import Repository
from preproc_server.versions import parse_version

SERVICE: Final = "preproc.v1.Preproc"


class Administration:
    """Answers from one repository."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

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

    def handlers(self, guard: Guard) -> grpc.GenericRpcHandler:
        """Make the service, each method guarded."""
        methods: dict[str, tuple[Any, Any]] = {
            "Contract": (self.contract, pb.ContractRequest),
            "SelfCheck": (self.self_check, pb.SelfCheckRequest),
            "Promote": (self.promote, pb.PromoteRequest),
            "RollBack": (self.roll_back, pb.RollBackRequest),
        }
        return Service(
            SERVICE,
            {
                name: grpc.unary_unary_rpc_method_handler(
                    guard.unary(name, answer), kind.FromString, serialize
                )
                for name, (answer, kind) in methods.items()
            },
        )

    def _default(self, name: str) -> str:
        version = self._repository.default(name)
        return "" if version is None else str(version)
