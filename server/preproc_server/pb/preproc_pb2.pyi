from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ContractRequest(_message.Message):
    __slots__ = ("model_name", "model_version")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ...) -> None: ...

class ContractResponse(_message.Message):
    __slots__ = ("model_name", "model_version", "contract_digest", "model_digest", "contract_json", "certificate_json")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    MODEL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_JSON_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_JSON_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    contract_digest: str
    model_digest: str
    contract_json: str
    certificate_json: str
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., contract_digest: _Optional[str] = ..., model_digest: _Optional[str] = ..., contract_json: _Optional[str] = ..., certificate_json: _Optional[str] = ...) -> None: ...

class SelfCheckRequest(_message.Message):
    __slots__ = ("model_name", "model_version")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ...) -> None: ...

class SelfCheckResponse(_message.Message):
    __slots__ = ("is_pass", "checks")
    IS_PASS_FIELD_NUMBER: _ClassVar[int]
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    is_pass: bool
    checks: _containers.RepeatedCompositeFieldContainer[Check]
    def __init__(self, is_pass: _Optional[bool] = ..., checks: _Optional[_Iterable[_Union[Check, _Mapping[str, object]]]] = ...) -> None: ...

class Check(_message.Message):
    __slots__ = ("model_name", "model_version", "is_pass", "reason", "seconds")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    IS_PASS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    is_pass: bool
    reason: str
    seconds: float
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., is_pass: _Optional[bool] = ..., reason: _Optional[str] = ..., seconds: _Optional[float] = ...) -> None: ...

class PromoteRequest(_message.Message):
    __slots__ = ("model_name", "model_version")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ...) -> None: ...

class PromoteResponse(_message.Message):
    __slots__ = ("model_name", "model_version", "previous_version")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_VERSION_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    previous_version: str
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., previous_version: _Optional[str] = ...) -> None: ...

class RollBackRequest(_message.Message):
    __slots__ = ("model_name",)
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    def __init__(self, model_name: _Optional[str] = ...) -> None: ...

class RollBackResponse(_message.Message):
    __slots__ = ("model_name", "model_version", "previous_version")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_VERSION_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    previous_version: str
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., previous_version: _Optional[str] = ...) -> None: ...
