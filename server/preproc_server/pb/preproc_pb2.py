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
    b'sVersion"O\n\rDutiesReques'
    b't\x12\x1d\n\nmodel_name\x18\x01 \x01(\tR\tm'
    b'odelName\x12\x1f\n\x0bmax_samples\x18'
    b'\x02 \x01(\rR\nmaxSamples"l\n\x10Set'
    b'CanaryRequest\x12\x1d\n\nmodel_n'
    b'ame\x18\x01 \x01(\tR\tmodelName\x12#\n\r'
    b'model_version\x18\x02 \x01(\tR\x0cmod'
    b'elVersion\x12\x14\n\x05share\x18\x03 \x01(\x01'
    b'R\x05share"1\n\x10EndCanaryRequ'
    b'est\x12\x1d\n\nmodel_name\x18\x01 \x01(\tR'
    b'\tmodelName"V\n\x10SetShadowR'
    b'equest\x12\x1d\n\nmodel_name\x18\x01 \x01'
    b'(\tR\tmodelName\x12#\n\rmodel_v'
    b'ersion\x18\x02 \x01(\tR\x0cmodelVersi'
    b'on"1\n\x10EndShadowRequest\x12\x1d'
    b'\n\nmodel_name\x18\x01 \x01(\tR\tmode'
    b'lName"\xdd\x01\n\x0eDutiesResponse'
    b'\x12\x1d\n\nmodel_name\x18\x01 \x01(\tR\tmo'
    b"delName\x12'\n\x0fdefault_versi"
    b'on\x18\x02 \x01(\tR\x0edefaultVersion'
    b'\x12+\n\x11previous_versions\x18\x03 '
    b'\x03(\tR\x10previousVersions\x12*\n'
    b'\x06canary\x18\x04 \x01(\x0b2\x12.preproc.'
    b'v1.CanaryR\x06canary\x12*\n\x06sha'
    b'dow\x18\x05 \x01(\x0b2\x12.preproc.v1.S'
    b'hadowR\x06shadow"`\n\x06Canary\x12'
    b'#\n\rmodel_version\x18\x01 \x01(\tR\x0c'
    b'modelVersion\x12\x1b\n\tis_serve'
    b'd\x18\x02 \x01(\x08R\x08isServed\x12\x14\n\x05sha'
    b're\x18\x03 \x01(\x01R\x05share"\xed\x01\n\x06Shad'
    b'ow\x12#\n\rmodel_version\x18\x01 \x01('
    b'\tR\x0cmodelVersion\x12\x1b\n\tis_se'
    b'rved\x18\x02 \x01(\x08R\x08isServed\x12\x12\n\x04'
    b'rows\x18\x03 \x01(\x03R\x04rows\x12\x1f\n\x0bmiss'
    b'ed_rows\x18\x04 \x01(\x03R\nmissedRow'
    b's\x12>\n\rdisagreements\x18\x05 \x03(\x0b'
    b'2\x18.preproc.v1.Disagreeme'
    b'ntR\rdisagreements\x12,\n\x07sam'
    b'ples\x18\x06 \x03(\x0b2\x12.preproc.v1.'
    b'SampleR\x07samples"J\n\x0cDisag'
    b'reement\x12\x12\n\x04kind\x18\x01 \x01(\tR\x04k'
    b'ind\x12\x12\n\x04band\x18\x02 \x01(\tR\x04band\x12'
    b'\x12\n\x04rows\x18\x03 \x01(\x03R\x04rows"\x8d\x01\n\x06'
    b'Sample\x12\x12\n\x04kind\x18\x01 \x01(\tR\x04ki'
    b'nd\x12\x12\n\x04band\x18\x02 \x01(\tR\x04band\x12\x19'
    b'\n\x08row_json\x18\x03 \x01(\tR\x07rowJso'
    b'n\x12\x1f\n\x0banswer_json\x18\x04 \x01(\tR\n'
    b'answerJson\x12\x1f\n\x0bshadow_jso'
    b'n\x18\x05 \x01(\tR\nshadowJson2\x82\x05\n\x07'
    b'Preproc\x12E\n\x08Contract\x12\x1b.pr'
    b'eproc.v1.ContractRequest'
    b'\x1a\x1c.preproc.v1.ContractRe'
    b'sponse\x12H\n\tSelfCheck\x12\x1c.pr'
    b'eproc.v1.SelfCheckReques'
    b't\x1a\x1d.preproc.v1.SelfCheck'
    b'Response\x12B\n\x07Promote\x12\x1a.pr'
    b'eproc.v1.PromoteRequest\x1a'
    b'\x1b.preproc.v1.PromoteResp'
    b'onse\x12E\n\x08RollBack\x12\x1b.prepr'
    b'oc.v1.RollBackRequest\x1a\x1c.'
    b'preproc.v1.RollBackRespo'
    b'nse\x12?\n\x06Duties\x12\x19.preproc.'
    b'v1.DutiesRequest\x1a\x1a.prepr'
    b'oc.v1.DutiesResponse\x12E\n\t'
    b'SetCanary\x12\x1c.preproc.v1.S'
    b'etCanaryRequest\x1a\x1a.prepro'
    b'c.v1.DutiesResponse\x12E\n\tE'
    b'ndCanary\x12\x1c.preproc.v1.En'
    b'dCanaryRequest\x1a\x1a.preproc'
    b'.v1.DutiesResponse\x12E\n\tSe'
    b'tShadow\x12\x1c.preproc.v1.Set'
    b'ShadowRequest\x1a\x1a.preproc.'
    b'v1.DutiesResponse\x12E\n\tEnd'
    b'Shadow\x12\x1c.preproc.v1.EndS'
    b'hadowRequest\x1a\x1a.preproc.v'
    b'1.DutiesResponseb\x06proto3'
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
DutiesRequest = GetMessageClass(_MESSAGES["DutiesRequest"])
SetCanaryRequest = GetMessageClass(_MESSAGES["SetCanaryRequest"])
EndCanaryRequest = GetMessageClass(_MESSAGES["EndCanaryRequest"])
SetShadowRequest = GetMessageClass(_MESSAGES["SetShadowRequest"])
EndShadowRequest = GetMessageClass(_MESSAGES["EndShadowRequest"])
DutiesResponse = GetMessageClass(_MESSAGES["DutiesResponse"])
Canary = GetMessageClass(_MESSAGES["Canary"])
Shadow = GetMessageClass(_MESSAGES["Shadow"])
Disagreement = GetMessageClass(_MESSAGES["Disagreement"])
Sample = GetMessageClass(_MESSAGES["Sample"])
