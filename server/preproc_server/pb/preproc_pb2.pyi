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

class DutiesRequest(_message.Message):
    __slots__ = ("model_name", "max_samples")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MAX_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    max_samples: int
    def __init__(self, model_name: _Optional[str] = ..., max_samples: _Optional[int] = ...) -> None: ...

class SetCanaryRequest(_message.Message):
    __slots__ = ("model_name", "model_version", "share")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    share: float
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., share: _Optional[float] = ...) -> None: ...

class EndCanaryRequest(_message.Message):
    __slots__ = ("model_name",)
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    def __init__(self, model_name: _Optional[str] = ...) -> None: ...

class SetShadowRequest(_message.Message):
    __slots__ = ("model_name", "model_version")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ...) -> None: ...

class EndShadowRequest(_message.Message):
    __slots__ = ("model_name",)
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    def __init__(self, model_name: _Optional[str] = ...) -> None: ...

class DutiesResponse(_message.Message):
    __slots__ = ("model_name", "default_version", "previous_versions", "canary", "shadow")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_VERSION_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    CANARY_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    default_version: str
    previous_versions: _containers.RepeatedScalarFieldContainer[str]
    canary: Canary
    shadow: Shadow
    def __init__(self, model_name: _Optional[str] = ..., default_version: _Optional[str] = ..., previous_versions: _Optional[_Iterable[str]] = ..., canary: _Optional[_Union[Canary, _Mapping[str, object]]] = ..., shadow: _Optional[_Union[Shadow, _Mapping[str, object]]] = ...) -> None: ...

class Canary(_message.Message):
    __slots__ = ("model_version", "is_served", "share")
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    IS_SERVED_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    model_version: str
    is_served: bool
    share: float
    def __init__(self, model_version: _Optional[str] = ..., is_served: _Optional[bool] = ..., share: _Optional[float] = ...) -> None: ...

class Shadow(_message.Message):
    __slots__ = ("model_version", "is_served", "rows", "missed_rows", "disagreements", "samples")
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    IS_SERVED_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    MISSED_ROWS_FIELD_NUMBER: _ClassVar[int]
    DISAGREEMENTS_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    model_version: str
    is_served: bool
    rows: int
    missed_rows: int
    disagreements: _containers.RepeatedCompositeFieldContainer[Disagreement]
    samples: _containers.RepeatedCompositeFieldContainer[Sample]
    def __init__(self, model_version: _Optional[str] = ..., is_served: _Optional[bool] = ..., rows: _Optional[int] = ..., missed_rows: _Optional[int] = ..., disagreements: _Optional[_Iterable[_Union[Disagreement, _Mapping[str, object]]]] = ..., samples: _Optional[_Iterable[_Union[Sample, _Mapping[str, object]]]] = ...) -> None: ...

class Disagreement(_message.Message):
    __slots__ = ("kind", "band", "rows")
    KIND_FIELD_NUMBER: _ClassVar[int]
    BAND_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    kind: str
    band: str
    rows: int
    def __init__(self, kind: _Optional[str] = ..., band: _Optional[str] = ..., rows: _Optional[int] = ...) -> None: ...

class Sample(_message.Message):
    __slots__ = ("kind", "band", "row_json", "answer_json", "shadow_json")
    KIND_FIELD_NUMBER: _ClassVar[int]
    BAND_FIELD_NUMBER: _ClassVar[int]
    ROW_JSON_FIELD_NUMBER: _ClassVar[int]
    ANSWER_JSON_FIELD_NUMBER: _ClassVar[int]
    SHADOW_JSON_FIELD_NUMBER: _ClassVar[int]
    kind: str
    band: str
    row_json: str
    answer_json: str
    shadow_json: str
    def __init__(self, kind: _Optional[str] = ..., band: _Optional[str] = ..., row_json: _Optional[str] = ..., answer_json: _Optional[str] = ..., shadow_json: _Optional[str] = ...) -> None: ...
