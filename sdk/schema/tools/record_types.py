#!/usr/bin/env python3
"""Records what torch itself makes of operators' arguments: a corpus that the plan library's shape rules are tested against.

    python sdk/schema/tools/record_types.py tests/plan/op_types.jsonl --per-op 6   # the committed corpus
    python sdk/schema/tools/record_types.py /tmp/all.jsonl --per-op 60              # a thorough one
    python sdk/schema/tools/record_types.py /tmp/add.jsonl --only aten.add          # one family

Samples come from torch's own operator database (op_db): every operator that a sample reaches is recorded, composites too
(traced before dispatch). Type promotion gets samples of its own: all pairs of types, as tensors, 0-d tensors and numbers.
Each line is a method of an ExecutionPlan with one node; the declared result types are torch's.
"""

import argparse
import collections
import gc
import hashlib
import itertools
import json
import math
import sys
import warnings

import torch
from torch.fx.experimental.proxy_tensor import make_fx
from torch.testing._internal.common_methods_invocations import op_db
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

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
SAMPLE_TYPES = [torch.float32, torch.int64, torch.bool, torch.complex64, torch.bfloat16, torch.uint8, torch.float64]


class Unsupported(Exception):
    """A call that a plan cannot hold (sparse, quantised, generators…)."""


def contiguous(shape):
    strides, step = [], 1
    for size in reversed(shape):
        strides.insert(0, step)
        step *= max(size, 1)
    return strides


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


class Case:
    """One call as a method of one node."""

    def __init__(self, op):
        self.op = op
        self.values = {}
        self.ids = {}
        self.written = []

    def value(self, tensor):
        if id(tensor) not in self.ids:
            self.ids[id(tensor)] = f"v{len(self.ids)}"
            self.values[self.ids[id(tensor)]] = declare(tensor)
        return self.ids[id(tensor)]

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
        if isinstance(given, torch.dtype):
            if given not in NAMES:
                raise Unsupported
            return {"dtype": NAMES[given]}
        if isinstance(given, torch.memory_format):
            return {"memory_format": FORMATS[given]}
        if isinstance(given, torch.layout):
            if given != torch.strided:
                raise Unsupported
            return {"layout": "strided"}
        if isinstance(given, torch.device):
            return {"device": "local"}
        if isinstance(given, (list, tuple)):
            return {"list": [self.argument(item) for item in given]}
        raise Unsupported

    def arguments(self, args, kwargs):
        self.args, self.kwargs = [], {}
        for position, argument in enumerate(self.op._schema.arguments):
            if not argument.kwarg_only and position < len(args):
                given = args[position]
            elif argument.name in kwargs:
                given = kwargs[argument.name]
            elif argument.has_default_value():
                spelled = default_value(argument)
                if argument.kwarg_only:
                    self.kwargs[argument.name] = spelled
                else:
                    self.args.append(spelled)
                continue
            else:
                raise Unsupported
            spelled = self.argument(given)
            if argument.alias_info is not None and argument.alias_info.is_write:
                for tensor in tree_leaves(given):
                    if isinstance(tensor, torch.Tensor):
                        self.written.append(self.value(tensor))
            if argument.kwarg_only:
                self.kwargs[argument.name] = spelled
            else:
                self.args.append(spelled)

    def finish(self, result):
        inputs = [{"name": name, "value": name} for name in self.values]
        results = []
        leaves = list(result) if isinstance(result, (list, tuple)) else [] if result is None else [result]
        flat = []
        for leaf in leaves:
            flat.extend(leaf if isinstance(leaf, (list, tuple)) else [leaf])
        for index, leaf in enumerate(flat):
            if leaf is None:
                results.append("")
                continue
            name = f"r{index}"
            if isinstance(leaf, torch.Tensor):
                self.values[name] = declare(leaf)
                if id(leaf) in self.ids and self.ids[id(leaf)] in self.written:
                    self.values[name]["alias_of"] = self.ids[id(leaf)]
            elif isinstance(leaf, bool):
                self.values[name] = {"scalar": "bool"}
            elif isinstance(leaf, int):
                self.values[name] = {"scalar": "int"}
            elif isinstance(leaf, float):
                self.values[name] = {"scalar": "float"}
            else:
                raise Unsupported
            results.append(name)
        if not self.op._schema.returns:
            results = []
        node = {"id": "n0", "op": op_name(self.op), "args": self.args, "results": results}
        if self.kwargs:
            node["kwargs"] = self.kwargs
        if self.written:
            node["mutates"] = self.written
        return {"inputs": inputs, "outputs": [], "values": self.values, "nodes": [node]}


def op_name(op):
    return f"aten.{op._schema.name.split('::')[1]}.{op._schema.overload_name or 'default'}"


class Corpus:
    def __init__(self, known, per_op, only):
        self.known, self.per_op, self.only = known, per_op, only
        self.lines = collections.defaultdict(dict)

    def wants(self, op):
        name = op_name(op)
        return name in self.known and name.startswith(self.only) and len(self.lines[name]) < max(self.per_op * 8, 1000)

    def add(self, op, args, kwargs, run):
        """Runs the call; records it when a plan can hold it."""
        case = None
        if isinstance(op, torch._ops.OpOverload) and op.namespace == "aten" and self.wants(op):
            case = Case(op)
            try:
                case.arguments(args, kwargs)
            except (Unsupported, KeyError, ValueError):
                case = None
        result = run()
        if case is not None:
            try:
                method = case.finish(result)
                line = json.dumps(method, separators=(",", ":"))
                self.lines[op_name(op)].setdefault(hashlib.sha256(line.encode()).hexdigest(), line)
            except Unsupported:
                pass
        return result

    def chosen(self):
        """A few cases an op, chosen by hash: the same whenever torch is the same."""
        for name in sorted(self.lines):
            # What promotes types has many more ways to be wrong.
            few = self.per_op * (10 if name.removeprefix("aten.") in PROMOTED + PROMOTED_NUMBERS else 1)
            for digest in sorted(self.lines[name])[:few]:
                yield self.lines[name][digest]


class Recorder(TorchDispatchMode):
    def __init__(self, corpus):
        super().__init__()
        self.corpus = corpus

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        return self.corpus.add(func, args, kwargs, lambda: func(*args, **kwargs))


class Replayer(torch.fx.Interpreter):
    """Runs a traced graph node by node, composites whole."""

    def __init__(self, module, corpus):
        super().__init__(module)
        self.corpus = corpus

    def call_function(self, target, args, kwargs):
        return self.corpus.add(target, args, kwargs, lambda: super(Replayer, self).call_function(target, args, kwargs))


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


def record_database(corpus, limit, traced):
    for entry in op_db:
        types = [dtype for dtype in SAMPLE_TYPES if dtype in entry.dtypes]
        for dtype in types:
            for index, sample in enumerate(samples(entry, dtype, limit if dtype == types[0] else max(limit // 4, 3))):
                call = lambda *tensors: entry.op(sample.input, *sample.args, **sample.kwargs)  # noqa: E731
                try:
                    with Recorder(corpus):
                        call()
                except Exception:
                    continue
                if index >= traced or dtype not in types[:2]:
                    continue
                try:
                    module = make_fx(lambda value: entry.op(value, *sample.args, **sample.kwargs), pre_dispatch=True)(sample.input)
                    Replayer(module, corpus).run(sample.input)
                except Exception:
                    continue


PROMOTED = ["add.Tensor", "sub.Tensor", "mul.Tensor", "div.Tensor", "eq.Tensor", "maximum.default", "pow.Tensor_Tensor",
            "remainder.Tensor", "bitwise_and.Tensor", "where.self", "floor_divide.default", "atan2.default",
            "fmod.Tensor", "copysign.Tensor", "xlogy.Tensor", "float_power.Tensor_Tensor", "div.Tensor_mode",
            "rsub.Tensor", "logical_and.default", "cat.default", "stack.default"]  # fmt: skip
PROMOTED_NUMBERS = ["add.Scalar", "mul.Scalar", "sub.Scalar", "div.Scalar", "pow.Tensor_Scalar", "pow.Scalar", "eq.Scalar",
                    "clamp.default", "remainder.Scalar", "rsub.Scalar", "where.ScalarOther", "masked_fill.Scalar",
                    "clamp_min.default", "fmod.Scalar", "bitwise_or.Scalar"]  # fmt: skip


def record_promotion(corpus):
    dtypes = [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16,
              torch.float32, torch.float64, torch.complex64, torch.complex128, torch.uint16]  # fmt: skip
    mask = torch.ones(3, dtype=torch.bool)
    values = [torch.ones(shape, dtype=dtype) for dtype in dtypes for shape in [(2, 3), ()]]
    numbers = [True, 2, 2.5, 1j]

    def call(name, *args, **kwargs):
        base, overload = name.split(".")
        op = getattr(getattr(torch.ops.aten, base), overload)
        try:
            corpus.add(op, args, kwargs, lambda: op(*args, **kwargs))
        except Exception:  # torch refuses the mixture
            pass

    for name in PROMOTED:
        for a in values:
            for b in values + numbers:
                if name == "where.self":
                    if isinstance(b, torch.Tensor):
                        call(name, mask, a, b)
                elif name == "div.Tensor_mode":
                    call(name, a, b, rounding_mode="floor")
                elif name in ("cat.default", "stack.default"):
                    if isinstance(b, torch.Tensor):
                        call(name, [a, b])
                else:
                    call(name, a, b)
    for name in PROMOTED_NUMBERS:
        for a in values:
            for b in numbers:
                if name == "pow.Scalar":
                    call(name, b, a)
                elif name == "where.ScalarOther":
                    call(name, mask, a, b)
                elif name == "masked_fill.Scalar":
                    call(name, a, mask, b)
                else:
                    call(name, a, b)


def record_unsampled(corpus):
    """Operators that no sample of the database reaches on a CPU."""
    aten = torch.ops.aten
    f, i, b = torch.ones(2, 3, 8, 8), torch.arange(6).reshape(2, 3), torch.ones(2, 3, dtype=torch.bool)
    rows, statistics = torch.ones(4, 8), torch.ones(3)
    cell = [torch.ones(24, 8), torch.ones(24, 8)]
    calls = [
        (aten.native_dropout.default, (f, 0.5, True)), (aten.native_dropout.default, (rows.double(), 0.1, False)),
        (aten._native_batch_norm_legit_no_training.default, (f, None, None, statistics, statistics, 0.1, 1e-5)),
        (aten.randperm.default, (7,)), (aten.copy.default, (rows, torch.ones(8))), (aten.copy.default, (i, torch.ones(()))),
        (aten.col2im.default, (torch.ones(2, 12, 12), [4, 5], [2, 2], [1, 1], [0, 0], [1, 1])),
        (aten.div.Scalar_mode, (i, 2), {"rounding_mode": "floor"}), (aten.div.Scalar_mode, (i, 2), {"rounding_mode": None}),
        (aten.scatter.value, (rows, 0, torch.zeros(1, 8, dtype=torch.int64), 2.0)),
        (aten.upsample_nearest2d.vec, (f, [5, 6], None)), (aten.upsample_nearest2d.vec, (f, None, [2.0, 1.5])),
        (aten.upsample_bilinear2d.vec, (f, None, False, [2.0, 0.5])), (aten.resize_.default, (torch.ones(6), [2, 2])),
        (aten._embedding_bag.default, (rows, torch.tensor([0, 1, 2]), torch.tensor([0, 2]))),
        (aten._embedding_bag.default, (rows, torch.tensor([0, 1, 2]), torch.tensor([0, 2, 3]), False, 1, False, None, True)),
        (aten._pdist_forward.default, (rows,)), (aten._pdist_forward.default, (rows[:1],)),
        (aten.bitwise_and.Scalar, (i, 3)), (aten.bitwise_xor.Scalar, (b, True)), (aten.gt.Scalar, (f, 0.5)),
        (aten.sym_size.int, (f, 1)), (aten.sym_numel.default, (f,)), (aten.sym_stride.int, (f, 0)),
        (aten.sym_storage_offset.default, (f,)), (aten.item.default, (torch.ones(()),)), (aten.item.default, (i[0, 0],)),
        (aten.gru_cell.default, (rows, rows, *cell)), (aten.diff.default, (rows,)), (aten.diff.default, (rows, 2, 0)),
        (aten.lstm_cell.default, (rows, [rows, rows], torch.ones(32, 8), torch.ones(32, 8))),
        (aten.type_as.default, (i, f)), (aten.to.other, (i, f)), (aten.to.dtype_layout, (i,), {"dtype": torch.float16}),
        (aten.split.sizes, (rows, [1, 3])), (aten.unsafe_split_with_sizes.default, (rows, [5, 3], 1)),
        (aten.where.Scalar, (b, 1, 2.5)), (aten.where.ScalarSelf, (b, 1, i)), (aten.zero.default, (i,)),
        (aten.swapaxes.default, (f, 0, -1)), (aten.swapdims.default, (f, 1, 2)), (aten.mish_.default, (rows.clone(),)),
        (aten.add_.Tensor, (rows.clone(), torch.ones(8))), (aten.index_put_.default, (rows.clone(), [torch.tensor([1])], torch.ones(8))),
    ]  # fmt: skip
    for op, args, *rest in calls:
        kwargs = rest[0] if rest else {}
        corpus.add(op, args, kwargs, lambda op=op, args=args, kwargs=kwargs: op(*args, **kwargs))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--per-op", type=int, default=6, help="cases kept of each operator")
    parser.add_argument("--samples", type=int, default=30, help="samples run of each database entry")
    parser.add_argument("--traced", type=int, default=6, help="of these, traced before dispatch, for composites")
    parser.add_argument("--only", default="", help="operators whose name begins so")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    torch.set_num_threads(1)
    gc.disable()  # a sample generator that is collected while torch traces would be traced
    from make_opset import TABLE

    table = json.loads(TABLE.read_text())
    known = {op["name"] for op in table["ops"] if "shape_rule" in op}
    corpus = Corpus(known, arguments.per_op, arguments.only)
    record_unsampled(corpus)
    record_promotion(corpus)
    record_database(corpus, arguments.samples, arguments.traced)
    lines = list(corpus.chosen())
    with open(arguments.file, "w") as file:
        file.write("\n".join(lines) + "\n")
    missing = sorted(known - set(name for name in corpus.lines if corpus.lines[name]))
    print(f"{len(lines)} cases of {len(known) - len(missing)} operators, {sum(map(len, lines))} bytes", file=sys.stderr)
    print(f"no sample reaches: {' '.join(missing)}", file=sys.stderr)


if __name__ == "__main__":
    main()
