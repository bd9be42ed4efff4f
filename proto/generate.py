"""Write the Python stubs of the protocol: ``python proto/generate.py [--check]``.

Why not protoc's own module: it registers the messages in protobuf's default pool, where a second
client of the protocol in the same process would register the same names again and die. Ours loads
the same descriptor into a pool of its own. The tools are pinned in ``requirements.txt``.
"""

import argparse
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Final

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

HERE: Final = Path(__file__).resolve().parent
STEMS: Final = ("open_inference", "preproc")
TARGET: Final = HERE.parent / "server" / "preproc_server" / "pb"

_MODULE: Final = '''\
"""Messages of ``proto/{stem}.proto``, in a descriptor pool of their own.

Written by ``proto/generate.py``; do not edit.
"""

from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

_FILE = (
{descriptor}
)

DESCRIPTOR = DescriptorPool().AddSerializedFile(_FILE)
_MESSAGES = DESCRIPTOR.message_types_by_name

{classes}
'''


def compile_source(stem: str, folder: Path) -> tuple[FileDescriptorProto, str]:
    """Run protoc on one file; give the descriptor without comments, and the type stub."""
    source = HERE / f"{stem}.proto"
    descriptors = folder / f"{stem}.bin"
    arguments = [f"-I{HERE}", f"--descriptor_set_out={descriptors}", f"--pyi_out={folder}"]
    if protoc.main(["protoc", *arguments, str(source)]):
        raise SystemExit(f"{source.name}: protoc refuses it")
    found = FileDescriptorSet.FromString(descriptors.read_bytes()).file[0]
    return found, (folder / f"{stem}_pb2.pyi").read_text(encoding="utf-8")


def render_module(stem: str, descriptor: FileDescriptorProto) -> str:
    """Render the module that loads the descriptor into a private pool."""
    content = descriptor.SerializeToString(deterministic=True)
    pieces = [content[start : start + 24] for start in range(0, len(content), 24)]
    names = [message.name for message in descriptor.message_type]
    return _MODULE.format(
        stem=stem,
        descriptor=textwrap.indent("\n".join(map(repr, pieces)), "    "),
        classes="\n".join(f'{name} = GetMessageClass(_MESSAGES["{name}"])' for name in names),
    )


def render_stub(stub: str) -> str:
    """Give the bare mappings of protoc's stub the parameters that strict checkers ask for."""
    return stub.replace("_Mapping]", "_Mapping[str, object]]")


def main() -> int:
    """Write the files, or with ``--check`` only tell whether they are fresh."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when stale")
    is_check = parser.parse_args().check
    wanted = {}
    with tempfile.TemporaryDirectory() as folder:
        for stem in STEMS:
            descriptor, stub = compile_source(stem, Path(folder))
            wanted[f"{stem}_pb2.py"] = render_module(stem, descriptor)
            wanted[f"{stem}_pb2.pyi"] = render_stub(stub)
    for name, text in wanted.items():
        file = TARGET / name
        if not is_check:
            file.write_text(text, encoding="utf-8")
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            sys.stderr.write(f"{name}: expected what proto/ gives; run make proto\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
