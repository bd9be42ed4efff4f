"""Messages of ``proto/preproc.proto``, in a descriptor pool of their own.

Written by ``proto/generate.py``; do not edit.
"""

from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

_FILE = (
    b'\n\rpreproc.proto\x12\npreproc'
    b'.v1"U\n\x0fContractRequest\x12\x1d'
    b'\n\nmodel_name\x18\x01 \x01(\tR\tmode'
    b'lName\x12#\n\rmodel_version\x18\x02'
    b' \x01(\tR\x0cmodelVersion"\xf2\x01\n\x10C'
    b'ontractResponse\x12\x1d\n\nmodel'
    b'_name\x18\x01 \x01(\tR\tmodelName\x12#'
    b'\n\rmodel_version\x18\x02 \x01(\tR\x0cm'
    b"odelVersion\x12'\n\x0fcontract_"
    b'digest\x18\x03 \x01(\tR\x0econtractDi'
    b'gest\x12!\n\x0cmodel_digest\x18\x04 \x01'
    b'(\tR\x0bmodelDigest\x12#\n\rcontr'
    b'act_json\x18\x05 \x01(\tR\x0ccontract'
    b'Json\x12)\n\x10certificate_json'
    b'\x18\x06 \x01(\tR\x0fcertificateJson"'
    b'V\n\x10SelfCheckRequest\x12\x1d\n\nm'
    b'odel_name\x18\x01 \x01(\tR\tmodelNa'
    b'me\x12#\n\rmodel_version\x18\x02 \x01('
    b'\tR\x0cmodelVersion"W\n\x11SelfC'
    b'heckResponse\x12\x17\n\x07is_pass\x18'
    b'\x01 \x01(\x08R\x06isPass\x12)\n\x06checks\x18'
    b'\x02 \x03(\x0b2\x11.preproc.v1.Check'
    b'R\x06checks"\x96\x01\n\x05Check\x12\x1d\n\nmo'
    b'del_name\x18\x01 \x01(\tR\tmodelNam'
    b'e\x12#\n\rmodel_version\x18\x02 \x01(\t'
    b'R\x0cmodelVersion\x12\x17\n\x07is_pas'
    b's\x18\x03 \x01(\x08R\x06isPass\x12\x16\n\x06reaso'
    b'n\x18\x04 \x01(\tR\x06reason\x12\x18\n\x07secon'
    b'ds\x18\x05 \x01(\x01R\x07seconds"T\n\x0ePro'
    b'moteRequest\x12\x1d\n\nmodel_nam'
    b'e\x18\x01 \x01(\tR\tmodelName\x12#\n\rmo'
    b'del_version\x18\x02 \x01(\tR\x0cmodel'
    b'Version"\x80\x01\n\x0fPromoteRespo'
    b'nse\x12\x1d\n\nmodel_name\x18\x01 \x01(\tR'
    b'\tmodelName\x12#\n\rmodel_vers'
    b'ion\x18\x02 \x01(\tR\x0cmodelVersion\x12'
    b')\n\x10previous_version\x18\x03 \x01('
    b'\tR\x0fpreviousVersion"0\n\x0fRo'
    b'llBackRequest\x12\x1d\n\nmodel_n'
    b'ame\x18\x01 \x01(\tR\tmodelName"\x81\x01\n'
    b'\x10RollBackResponse\x12\x1d\n\nmod'
    b'el_name\x18\x01 \x01(\tR\tmodelName'
    b'\x12#\n\rmodel_version\x18\x02 \x01(\tR'
    b'\x0cmodelVersion\x12)\n\x10previou'
    b's_version\x18\x03 \x01(\tR\x0fpreviou'
    b'sVersion2\xa5\x02\n\x07Preproc\x12E\n\x08'
    b'Contract\x12\x1b.preproc.v1.Co'
    b'ntractRequest\x1a\x1c.preproc.'
    b'v1.ContractResponse\x12H\n\tS'
    b'elfCheck\x12\x1c.preproc.v1.Se'
    b'lfCheckRequest\x1a\x1d.preproc'
    b'.v1.SelfCheckResponse\x12B\n'
    b'\x07Promote\x12\x1a.preproc.v1.Pr'
    b'omoteRequest\x1a\x1b.preproc.v'
    b'1.PromoteResponse\x12E\n\x08Rol'
    b'lBack\x12\x1b.preproc.v1.RollB'
    b'ackRequest\x1a\x1c.preproc.v1.'
    b'RollBackResponseb\x06proto3'
)

DESCRIPTOR = DescriptorPool().AddSerializedFile(_FILE)
_MESSAGES = DESCRIPTOR.message_types_by_name

ContractRequest = GetMessageClass(_MESSAGES["ContractRequest"])
ContractResponse = GetMessageClass(_MESSAGES["ContractResponse"])
SelfCheckRequest = GetMessageClass(_MESSAGES["SelfCheckRequest"])
SelfCheckResponse = GetMessageClass(_MESSAGES["SelfCheckResponse"])
Check = GetMessageClass(_MESSAGES["Check"])
PromoteRequest = GetMessageClass(_MESSAGES["PromoteRequest"])
PromoteResponse = GetMessageClass(_MESSAGES["PromoteResponse"])
RollBackRequest = GetMessageClass(_MESSAGES["RollBackRequest"])
RollBackResponse = GetMessageClass(_MESSAGES["RollBackResponse"])
