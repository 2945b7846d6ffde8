"""Says where the torch of this interpreter lies: version, headers and libraries, one a line.

Run by the build with the interpreter whose torch is wanted. It looks without importing torch, which would take seconds.
Exits with 1 and one line that says what is wrong and what to do.
"""

import importlib.util
import pathlib
import runpy
import sys

MINIMUM = (2, 9)


def find():
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{sys.executable} has no torch: install torch >= 2.9 there, or name another interpreter with "
                         "-Dtorch_python=PATH")
    folder = pathlib.Path(next(iter(spec.submodule_search_locations)))
    version = str(runpy.run_path(str(folder / "version.py"))["__version__"])
    if tuple(int(part) for part in version.split("+")[0].split(".")[:2]) < MINIMUM:
        raise SystemExit(f"{sys.executable} has torch {version}, and kernels-aten needs torch >= 2.9: upgrade it, or name "
                         "another interpreter with -Dtorch_python=PATH")
    include, library = folder / "include", folder / "lib"
    for needed in (include / "ATen/core/dispatch/Dispatcher.h", library / "libtorch_cpu.so", library / "libc10.so"):
        if not needed.exists():
            raise SystemExit(f"the torch {version} of {sys.executable} has no {needed}: install a wheel that carries the C++ "
                             "headers, or name another interpreter with -Dtorch_python=PATH")
    return version, include, library


if __name__ == "__main__":
    try:
        print(*find(), sep="\n")
    except SystemExit as error:
        print(error.code)
        sys.exit(1)
