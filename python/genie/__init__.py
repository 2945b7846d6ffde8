"""Genie's helpers for Python users.

This package is thin: importing it imports no framework. The submodules do the work and are imported on first use:

* :mod:`genie.export`: write a PyTorch module as a ``.pt2`` archive that Genie reads.
* :mod:`genie.tensors`: write inputs and expected outputs under the names that Genie's run configuration uses.
* :mod:`genie.huggingface`: make models of the ``transformers`` library exportable.
"""

import importlib

__version__ = "0.1.0"
__all__ = ["export", "huggingface", "symbols", "tensors"]


def __getattr__(name):
    """Import a submodule when it is first named, so that ``import genie`` stays instant."""
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
