"""Calls of aten operators with arguments that torch itself holds to be right.

`every_call(calls)` runs them through `calls.run(op, args, kwargs)`, in the same order with the same numbers each time:
the samples of torch's operator database (op_db), dispatched and, for composites, traced before dispatch; mixtures of
types for whatever promotes them; samples of our own for operators that the database does not reach; and for what is
still without a call the arguments of its kin: the in-place form, the alias, the copying form, another overload.
"""

import collections
import itertools
import os
import random
import sys
import zlib

import numpy
import torch
from torch.fx.experimental.proxy_tensor import make_fx
from torch.testing._internal.common_methods_invocations import op_db
from torch.utils._python_dispatch import TorchDispatchMode

from make_opset import all_operators
from op_case import copy_of
from op_own_samples import own_calls

SAMPLE_TYPES = [torch.float32, torch.int64, torch.bool, torch.complex64, torch.bfloat16, torch.uint8, torch.float64]


class Recorder(TorchDispatchMode):
    def __init__(self, calls):
        super().__init__()
        self.calls = calls

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return self.calls.run(func, args, kwargs or {})


class Replayer(torch.fx.Interpreter):
    """Runs a traced graph node by node, composites whole."""

    def __init__(self, module, calls):
        super().__init__(module)
        self.calls = calls

    def call_function(self, target, args, kwargs):
        if isinstance(target, torch._ops.OpOverload):
            return self.calls.run(target, args, kwargs)
        return super().call_function(target, args, kwargs)


def with_fixed_hashes():
    """Starts the program anew if Python's string hashes are random: some samples of torch's come in the order of a set."""
    if sys.flags.hash_randomization:
        os.execve(sys.executable, sys.orig_argv, {**os.environ, "PYTHONHASHSEED": "0"})


def seed(text):
    """What follows draws the same numbers whatever came before."""
    number = zlib.crc32(text.encode())
    torch.manual_seed(number)
    random.seed(number)
    numpy.random.seed(number)


def samples(entry, dtype, limit):
    """The first samples, made before anything traces."""
    generator = entry.sample_inputs("cpu", dtype, requires_grad=False)
    try:
        return list(itertools.islice(generator, limit))
    except Exception:  # an entry may have no samples of this type
        return []
    finally:
        if hasattr(generator, "close"):
            generator.close()


def database_calls(calls, limit, traced):
    for entry in op_db:
        types = [dtype for dtype in SAMPLE_TYPES if dtype in entry.dtypes]
        for dtype in types:
            seed(f"{entry.formatted_name} {dtype}")
            for index, sample in enumerate(samples(entry, dtype, limit if dtype == types[0] else max(limit // 4, 3))):
                try:
                    with Recorder(calls):
                        entry.op(sample.input, *sample.args, **sample.kwargs)
                except Exception:  # what torch refuses is no sample
                    continue
                if index >= traced or dtype not in types[:2]:
                    continue
                try:
                    module = make_fx(lambda value: entry.op(value, *sample.args, **sample.kwargs), pre_dispatch=True)(sample.input)
                    Replayer(module, calls).run(sample.input)
                except Exception:  # not everything can be traced
                    continue


PROMOTED = ["add.Tensor", "sub.Tensor", "mul.Tensor", "div.Tensor", "eq.Tensor", "maximum.default", "pow.Tensor_Tensor",
            "remainder.Tensor", "bitwise_and.Tensor", "where.self", "floor_divide.default", "atan2.default",
            "fmod.Tensor", "copysign.Tensor", "xlogy.Tensor", "float_power.Tensor_Tensor", "div.Tensor_mode",
            "rsub.Tensor", "logical_and.default", "cat.default", "stack.default"]  # fmt: skip
PROMOTED_NUMBERS = ["add.Scalar", "mul.Scalar", "sub.Scalar", "div.Scalar", "pow.Tensor_Scalar", "pow.Scalar", "eq.Scalar",
                    "clamp.default", "remainder.Scalar", "rsub.Scalar", "where.ScalarOther", "masked_fill.Scalar",
                    "clamp_min.default", "fmod.Scalar", "bitwise_or.Scalar"]  # fmt: skip


def promotion_calls(calls):
    dtypes = [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16,
              torch.float32, torch.float64, torch.complex64, torch.complex128, torch.uint16]  # fmt: skip
    mask = torch.ones(3, dtype=torch.bool)
    values = [torch.ones(shape, dtype=dtype) for dtype in dtypes for shape in [(2, 3), ()]]
    numbers = [True, 2, 2.5, 1j]

    def call(name, *args, **kwargs):
        base, overload = name.split(".")
        try:
            calls.run(getattr(getattr(torch.ops.aten, base), overload), args, kwargs)
        except Exception:  # torch refuses the mixture
            pass

    for name, a, b in itertools.product(PROMOTED, values, values + numbers):
        tensors = isinstance(b, torch.Tensor)
        if name == "where.self":
            tensors and call(name, mask, a, b)
        elif name == "div.Tensor_mode":
            call(name, a, b, rounding_mode="floor")
        elif name in ("cat.default", "stack.default"):
            tensors and call(name, [a, b])
        else:
            call(name, a, b)
    for name, a, b in itertools.product(PROMOTED_NUMBERS, values, numbers):
        if name == "pow.Scalar":
            call(name, b, a)
        elif name == "where.ScalarOther":
            call(name, mask, a, b)
        elif name == "masked_fill.Scalar":
            call(name, a, mask, b)
        else:
            call(name, a, b)


OPERATORS = {"__and__": "bitwise_and", "__or__": "bitwise_or", "__xor__": "bitwise_xor",
             "__lshift__": "bitwise_left_shift", "__rshift__": "bitwise_right_shift",
             "__iand__": "bitwise_and", "__ior__": "bitwise_or", "__ixor__": "bitwise_xor",
             "__ilshift__": "bitwise_left_shift", "__irshift__": "bitwise_right_shift"}  # fmt: skip


class Kin:
    """Which operators take the same arguments: names that torch's database calls aliases, and forms of one name."""

    def __init__(self):
        self.parents = {}
        for entry in op_db:
            names = [entry.name, entry.aten_name, *(alias.name for alias in entry.aliases)]
            for name in names[1:]:
                self.join(names[0], name)

    @staticmethod
    def plain(name):
        """"special.erf", "special_erf" and "erf_" are forms of "erf"."""
        name = OPERATORS.get(name, name.split(".")[-1])
        for prefix in ("special_", "linalg_", "fft_"):
            name = name.removeprefix(prefix)
        name = name.removeprefix("_unsafe_").removesuffix("_").removesuffix("_copy")
        return name.removesuffix("_functional")

    def find(self, name):
        while self.parents.get(name, name) != name:
            name = self.parents[name]
        return name

    def join(self, a, b):
        self.parents[self.find(self.plain(a))] = self.find(self.plain(b))

    def family(self, base):
        return self.find(self.plain(base))


def adapted(argument, value):
    """A donor's argument as another schema wants it: numbers and tensors stand for each other."""
    kind = str(argument.real_type).removeprefix("Optional[").removesuffix("]")
    if kind == "Tensor" and isinstance(value, (bool, int, float, complex)):
        return torch.tensor(value)
    if kind in ("number", "Scalar") and isinstance(value, torch.Tensor):
        return value.flatten()[0].item() if value.numel() else 2
    return value


def kin_calls(calls, donated, tries):
    """`donated` has calls (op, args, kwargs) by operator; operators that have none get those of their kin."""
    kin, families = Kin(), collections.defaultdict(list)
    for name in sorted(donated):
        families[kin.family(name.split(".")[1])].append(name)
    for name, op in all_operators(torch):
        if name in donated or not calls.wants(name):
            continue
        seed(name)
        donors = families[kin.family(name.split(".")[1])]
        in_turn = (call for turn in itertools.zip_longest(*(donated[donor] for donor in donors)) for call in turn if call)
        for donor, args, kwargs in itertools.islice(in_turn, tries):
            given = {argument.name: value for argument, value in zip(donor._schema.arguments, args)} | kwargs
            try:
                named = {}
                for position, argument in enumerate(op._schema.arguments):
                    if argument.name in given:
                        value = given[argument.name]
                    elif position < len(args) and not argument.kwarg_only:
                        value = args[position]
                    elif argument.has_default_value():
                        continue
                    elif str(argument.real_type).startswith("Optional"):
                        value = None
                    else:
                        raise TypeError(argument.name)
                    named[argument.name] = adapted(argument, value)
                calls.run(op, (), copy_of(named))
            except Exception:  # not of this form, then
                continue


def every_call(calls, donated, limit, traced, tries=60):
    """`limit` samples of each entry of the database, `traced` of them before dispatch, too.

    `donated()` gives, once the database is through, the calls to lend to operators without any.
    """
    seed("own")
    own_calls(calls)
    promotion_calls(calls)
    database_calls(calls, limit, traced)
    kin_calls(calls, donated(), tries)
