"""Compiles what reads requests, where there is a C compiler; without one protobuf reads them."""

import os
import tempfile
from pathlib import Path
from typing import Any, Final

from Cython.Build import cythonize
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension

SOURCE: Final = Path("server/preproc_server/cells.pyx")
FLAGS: Final = ["-g0"] if os.name == "posix" else []
"""Without what a debugger reads, which would be nine tenths of the file."""


class Compilation(BuildHookInterface):  # type: ignore[type-arg]
    """Puts the compiled module beside its source, and into a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before a wheel is built, be it an editable one."""
        if self.target_name != "wheel":
            return
        built = compiled(Path(self.root) / SOURCE)
        if built is None:
            self.app.display_warning(f"{SOURCE}: not compiled, so the server will be slower")
            return
        build_data["pure_python"], build_data["infer_tag"] = False, True
        if version != "editable":
            build_data["force_include"][str(built)] = f"preproc_server/{built.name}"


def compiled(source: Path) -> Path | None:
    """Compile a module of Cython; give the file that Python imports, beside its source.

    Where that fails, for want of a compiler or of Python's headers, setuptools says why, and
    there is none.
    """
    with tempfile.TemporaryDirectory(prefix="preproc-build-", dir=source.parent) as folder:
        name = ".".join(source.with_suffix("").parts[-2:])
        extension = Extension(name, [str(source)], extra_compile_args=FLAGS)
        (module,) = cythonize([extension], build_dir=folder, quiet=True)
        module.optional = True
        command = Distribution({"ext_modules": [module]}).get_command_obj("build_ext")
        command.build_lib = command.build_temp = folder
        command.ensure_finalized()
        command.run()
        (built,) = map(Path, command.get_outputs())
        # at once, for whoever builds beside
        return built.replace(source.parent / built.name) if built.exists() else None
