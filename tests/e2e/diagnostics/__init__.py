"""Every mistake that a golden text is kept of: one function each, grouped by what is wrong.

A case is a function that is handed a ``World``, spoils something in it, and returns the arguments of genie-host. Its name and
its module name the golden file; its docstring says what the user did.
"""

import importlib
import pkgutil


def all_cases():
    """Yield ``(group/name, function)`` of every case: the functions of the modules ``case_*``."""
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        if not module.name.startswith("case_"):
            continue
        members = vars(importlib.import_module(f"{__name__}.{module.name}"))
        for name, function in members.items():
            if callable(function) and getattr(function, "__module__", None) == f"{__name__}.{module.name}" and not name.startswith("_"):
                yield f"{module.name.removeprefix('case_').replace('_', '-')}/{name.replace('_', '-')}", function
