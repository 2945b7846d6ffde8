"""Inputs and outputs of exported programs, under the names that Genie uses for them.

* An input is named as the program's placeholder: ``input_ids``.
* An output is named by its path in the output tree: a dict key or field name, an index, joined by dots when nested
  (``past.0.key``); a sole unnamed tensor is ``output``.
* A Python number is a 0-d tensor. ``None`` and text have no tensor and are left out.

Files are written as ``safetensors``.
"""

import collections.abc
import dataclasses

import torch
from torch.utils import _pytree as pytree

from genie.symbols import user_input_specs


def input_tensors(program, args, kwargs=None):
    """Name the tensors of one call of ``program``.

    ``args`` and ``kwargs`` are what one would pass to ``program.module()``. Returns a dict from input name to tensor.
    """
    kwargs = dict(kwargs or {})
    if program.example_inputs:
        # Placeholders follow the order in which the program was exported, not the order of this call.
        exported_order = [key for key in program.example_inputs[1] if key in kwargs]
        kwargs = {key: kwargs[key] for key in [*exported_order, *(k for k in kwargs if k not in exported_order)]}
    leaves = pytree.tree_leaves((tuple(args), kwargs))
    specs = user_input_specs(program)
    if len(leaves) != len(specs):
        expected = ", ".join(spec.arg.name for spec in specs)
        raise ValueError(f"the program takes {len(specs)} inputs ({expected}), but the call has {len(leaves)} values")
    tensors = {}
    for spec, leaf in zip(specs, leaves):
        tensor = _as_tensor(leaf)
        if tensor is not None:
            tensors[spec.arg.name] = tensor
    return tensors


def output_tensors(result):
    """Name the tensors in what a module returned. Returns a dict from output name to tensor."""
    named = list(_walk(result, ()))
    if len(named) == 1 and named[0][0] == ():
        return {"output": named[0][1]}
    return {".".join(path): tensor for path, tensor in named}


def save_tensors(path, tensors):
    """Write named tensors to a ``safetensors`` file.

    Every tensor is written dense and on its own: the format knows neither strides nor shared storage.
    """
    from safetensors.torch import save_file

    save_file({name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}, str(path))


def run_steps(program, steps):
    """Run a program as PyTorch does and name its outputs.

    ``steps`` is a list of ``(args, kwargs)``. One step gives plain names. Several run one after the other on the same
    module, so that mutated buffers carry over, and their outputs are named ``<step>/<output>``, counted from 0.
    """
    return run_modules({"": program.module()}, [(args, kwargs, "") for args, kwargs in steps])


def run_modules(modules, steps):
    """Run the programs of one session as PyTorch does and name their outputs as :func:`run_steps` does.

    ``modules`` maps the name of a method to a module; ``steps`` is a list of ``(args, kwargs, method)``.
    """
    results = []
    with torch.no_grad():
        for args, kwargs, method in steps:
            # Later steps may change a buffer that this step returned: keep the values of this moment.
            outputs = output_tensors(modules[method](*args, **(kwargs or {})))
            results.append({name: tensor.clone() for name, tensor in outputs.items()})
    if len(results) == 1:
        return results[0]
    return {f"{index}/{name}": tensor for index, result in enumerate(results) for name, tensor in result.items()}


def _as_tensor(value):
    """A tensor for a leaf of an argument or result tree, or None where there is none."""
    if isinstance(value, torch.Tensor):
        return value
    if isinstance(value, bool):
        return torch.tensor(value)
    if isinstance(value, int):
        return torch.tensor(value, dtype=torch.int64)
    if isinstance(value, float):
        return torch.tensor(value, dtype=torch.float64)
    return None


def _walk(value, path):
    """Yield ``(path, tensor)`` for every tensor or number inside ``value``, in order."""
    tensor = _as_tensor(value)
    if tensor is not None:
        yield path, tensor
        return
    if isinstance(value, collections.abc.Mapping):
        children = value.items()
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        children = zip(value._fields, value)
    elif isinstance(value, (list, tuple)):
        children = enumerate(value)
    elif dataclasses.is_dataclass(value):
        children = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
    else:
        leaves = pytree.tree_leaves(value)
        children = [] if len(leaves) == 1 and leaves[0] is value else enumerate(leaves)
    for key, child in children:
        yield from _walk(child, (*path, str(key)))
