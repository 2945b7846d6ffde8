"""One call of an operator as an ExecutionPlan writes it: a graph of one node whose declared types are torch's answer."""

import json
import math

import torch
from torch.utils._pytree import tree_leaves, tree_map

from make_opset import default_value

NAMES = {
    torch.bool: "bool", torch.uint8: "u8", torch.int8: "i8", torch.uint16: "u16", torch.int16: "i16",
    torch.uint32: "u32", torch.int32: "i32", torch.uint64: "u64", torch.int64: "i64",
    torch.float16: "f16", torch.bfloat16: "bf16", torch.float32: "f32", torch.float64: "f64",
    torch.complex32: "c32", torch.complex64: "c64", torch.complex128: "c128",
    torch.float8_e4m3fn: "f8e4m3fn", torch.float8_e5m2: "f8e5m2",
}  # fmt: skip
FORMATS = {
    torch.contiguous_format: "contiguous", torch.preserve_format: "preserve",
    torch.channels_last: "channels_last", torch.channels_last_3d: "channels_last_3d",
}  # fmt: skip


class Unsupported(Exception):
    """A call that a plan cannot hold (sparse, quantised, generators…)."""


def op_name(op):
    return f"aten.{op._schema.name.split('::')[1]}.{op._schema.overload_name or 'default'}"


def writes(argument):
    return argument.alias_info is not None and argument.alias_info.is_write


def contiguous(shape):
    strides, step = [], 1
    for size in reversed(shape):
        strides.insert(0, step)
        step *= max(size, 1)
    return strides


def extent_bytes(tensor):
    """From the first element to the last."""
    if tensor.numel() == 0:
        return 0
    return tensor.element_size() * (1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride())))


def declare(tensor):
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.dtype not in NAMES or tensor.is_nested:
        raise Unsupported
    value = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape)}
    if list(tensor.stride()) != contiguous(tensor.shape):
        value["strides"] = list(tensor.stride())
    return value


def number(value):
    if isinstance(value, bool):
        return {"bool": value}
    if isinstance(value, int):
        return {"int": value} if abs(value) < 2**53 else {"int": str(value)}
    if math.isnan(value):
        return {"float": "NaN"}
    if math.isinf(value):
        return {"float": "Infinity" if value > 0 else "-Infinity"}
    return {"float": "-0" if value == 0 and math.copysign(1, value) < 0 else value}


def flat_results(result):
    """An operator's results in the order in which a plan names them."""
    leaves = list(result) if isinstance(result, (list, tuple)) else [] if result is None else [result]
    flat = []
    for leaf in leaves:
        flat.extend(leaf if isinstance(leaf, (list, tuple)) else [leaf])
    return flat


def copied(tensor, known):
    """The same elements at the same distances, in memory of its own."""
    if id(tensor) in known:
        return known[id(tensor)]
    key = id(tensor)
    tensor = tensor.detach().resolve_conj().resolve_neg() if tensor.layout == torch.strided else tensor.detach()
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_nested:
        copy = tensor.clone()
    else:
        copy = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype)
        if tensor.numel():
            extent = 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride()))
            flat = tensor.as_strided((extent,), (1,), tensor.storage_offset())
            copy.as_strided((extent,), (1,)).copy_(flat)
    known[key] = copy
    return copy


def copy_of(arguments):
    known = {}
    return tree_map(lambda leaf: copied(leaf, known) if isinstance(leaf, torch.Tensor) else leaf, arguments)


def without_noise(arguments):
    """The numbers given beside tensors, to three digits.

    Some samples take them from random tensors, whose last bits depend on which vector instructions the processor has.
    """

    def rounded(leaf):
        if isinstance(leaf, complex):
            return complex(rounded(leaf.real), rounded(leaf.imag))
        return float(f"{leaf:.3g}") if isinstance(leaf, float) else leaf

    return tree_map(rounded, arguments)


class Case:
    """A call: `graph` is its plan, `inputs` the tensors behind the plan's values by id."""

    def __init__(self, op, args, kwargs):
        self.op, self.name = op, op_name(op)
        self.values, self.inputs, self.ids, self.written = {}, {}, {}, []
        self.args, self.kwargs = [], {}
        self.sees_storage = any(argument.name == "storage_offset" for argument in op._schema.arguments)
        for position, argument in enumerate(op._schema.arguments):
            if not argument.kwarg_only and position < len(args):
                spelled = self.given(argument, args[position])
            elif argument.name in kwargs:
                spelled = self.given(argument, kwargs[argument.name])
            elif argument.has_default_value():
                spelled = default_value(argument)
            else:
                raise Unsupported
            if argument.kwarg_only:
                self.kwargs[argument.name] = spelled
            else:
                self.args.append(spelled)

    def value(self, tensor):
        if id(tensor) not in self.ids:
            declared = declare(tensor)
            if self.sees_storage and (tensor.storage_offset() or tensor.untyped_storage().nbytes() != extent_bytes(tensor)):
                raise Unsupported  # the call reaches elements that are not the value's
            self.ids[id(tensor)] = name = f"v{len(self.ids)}"
            self.values[name], self.inputs[name] = declared, tensor
        return self.ids[id(tensor)]

    def given(self, argument, value):
        if isinstance(value, torch.Tensor) and "Tensor" not in str(argument.real_type):
            raise Unsupported  # Python turns it into a number
        if writes(argument):
            self.written += [self.value(leaf) for leaf in tree_leaves(value) if isinstance(leaf, torch.Tensor)]
        return self.argument(value)

    def argument(self, given):
        if given is None:
            return None
        if isinstance(given, torch.Tensor):
            return {"value": self.value(given)}
        if isinstance(given, (bool, int, float)):
            return number(given)
        if isinstance(given, complex):
            if not (math.isfinite(given.real) and math.isfinite(given.imag)):
                raise Unsupported
            return {"complex": [given.real, given.imag]}
        if isinstance(given, str):
            return {"str": given}
        if isinstance(given, torch.dtype) and given in NAMES:
            return {"dtype": NAMES[given]}
        if isinstance(given, torch.memory_format):
            return {"memory_format": FORMATS[given]}
        if isinstance(given, torch.layout) and given == torch.strided:
            return {"layout": "strided"}
        if isinstance(given, torch.device) and given.type == "cpu":
            return {"device": "local"}
        if isinstance(given, (list, tuple)):
            return {"list": [self.argument(item) for item in given]}
        raise Unsupported

    def finish(self, result):
        """Declares the results; what the call wrote to stays declared as it was given."""
        self.results = []
        for index, leaf in enumerate(flat_results(result) if self.op._schema.returns else []):
            name = f"r{index}"
            if leaf is None:
                name = ""
            elif isinstance(leaf, torch.Tensor):
                self.values[name] = declare(leaf)
                if self.ids.get(id(leaf)) in self.written:
                    self.values[name]["alias_of"] = self.ids[id(leaf)]
            elif isinstance(leaf, (bool, int, float)):
                kind = "bool" if isinstance(leaf, bool) else "int" if isinstance(leaf, int) else "float"
                self.values[name] = {"scalar": kind}
            else:
                raise Unsupported
            self.results.append(name)
        return self

    def graph(self):
        node = {"id": "n0", "op": self.name, "args": self.args, "results": self.results}
        if self.kwargs:
            node["kwargs"] = self.kwargs
        if self.written:
            node["mutates"] = list(dict.fromkeys(self.written))
        return {"values": self.values, "nodes": [node]}

    def line(self):
        return json.dumps(self.graph(), separators=(",", ":"))
