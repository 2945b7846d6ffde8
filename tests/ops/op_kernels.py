"""Runs calls of operators through kernels-aten, each as a plan of one node, and compares with torch's own results."""

import collections
import contextlib
import json
import math
import struct
import subprocess

import torch

from op_case import NAMES, Case, Unsupported, copy_of, flat_results

SEED = 20260101
HEAD = {"schema": "genie.plan", "version": {"major": 0, "minor": 1}, "stage": "captured",
        "producer": {"plugin": "test", "version": "1"}, "opsets": {"aten": 1}}  # fmt: skip
DLPACK = {0: "i", 1: "u", 2: "f", 4: "bf", 5: "c"}
DLPACK_WHOLE = {6: "bool", 10: "f8e4m3fn", 12: "f8e5m2"}


def irreproducible(case):
    """Why torch itself may give other bits next time, or nothing."""
    if case.name == "aten.linalg_lstsq.default" and case.kwargs["driver"] in (None, {"str": "gelsy"}):
        return "the driver gelsy starts from pivots that torch leaves uninitialised"
    return None


def flat_bytes(tensor):
    """From the first element to the last, what lies between included."""
    if tensor.numel() == 0:
        return b""
    extent = 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride()))
    return tensor.as_strided((extent,), (1,), tensor.storage_offset()).clone().view(torch.uint8).numpy().tobytes()


def dense_bytes(tensor):
    flat = torch.empty(tensor.numel(), dtype=tensor.dtype).copy_(tensor.reshape(-1))
    return flat.view(torch.uint8).numpy().tobytes() if len(flat) else b""


def text(data):
    data = data.encode() if isinstance(data, str) else data
    return struct.pack("=Q", len(data)) + data


@contextlib.contextmanager
def marked_memory():
    """Torch fills memory that an operator leaves as it found it."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


def fill_of(dtype):
    """What marked_memory() fills with, as bytes."""
    if dtype.is_floating_point or dtype.is_complex:
        value = complex(math.nan, math.nan) if dtype.is_complex else math.nan
    else:
        value = True if dtype == torch.bool else torch.iinfo(dtype).max
    return torch.full((1,), value, dtype=dtype).view(torch.uint8).numpy().tobytes()


class Output:
    """What a result must be."""

    def __init__(self, leaf):
        if not isinstance(leaf, torch.Tensor):
            leaf = torch.tensor(leaf, dtype=torch.float64 if isinstance(leaf, float) else None)
        self.type = f"{NAMES[leaf.dtype]}{list(leaf.shape)}"
        self.strides = list(leaf.stride())
        self.matter = [i for i, size in enumerate(leaf.shape) if size > 1] if leaf.numel() else []
        self.bytes = dense_bytes(leaf)
        self.fill = fill_of(leaf.dtype)

    def is_filled(self):
        """Whether any element is what marked_memory() fills with."""
        size = len(self.fill)
        return any(self.bytes[i : i + size] == self.fill for i in range(0, len(self.bytes), size))

    def difference(self, type_, strides, data):
        if type_ != self.type:
            return f"is {type_}, torch gives {self.type}"
        if any(strides[i] != self.strides[i] for i in self.matter):
            return f"has strides {strides}, torch gives {self.strides}"
        return None if data == self.bytes else "has other bits"


class Expected:
    """One call: its plan, what it is given, and what torch makes of it."""

    def __init__(self, op, args, kwargs):
        given_args, given_kwargs = copy_of((args, kwargs))
        self.case = case = Case(op, given_args, given_kwargs)
        self.name = case.name
        self.given = [flat_bytes(tensor) for tensor in case.inputs.values()]
        as_given = {name: dict(value) for name, value in case.values.items()}
        torch.manual_seed(SEED)
        with torch.inference_mode():  # as models are run; some operators choose other kernels when gradients are on
            result = op(*given_args, **given_kwargs)
        case.finish(result)
        self.grown = any(case.inputs[name].untyped_storage().nbytes() > len(self.given[int(name[1:])]) for name in case.written)
        case.values.update(as_given)
        returned = flat_results(result) if op._schema.returns else []
        found = {name: leaf for name, leaf in zip(case.results, returned) if name}
        found.update((name, case.inputs[name]) for name in case.written)
        self.outputs = {name: Output(leaf) for name, leaf in found.items()}

    def record(self):
        method = {
            "inputs": [{"name": name, "value": name} for name in self.case.inputs],
            "outputs": [{"name": name, "value": name} for name in self.outputs],
            **self.case.graph(),
        }
        plan = json.dumps({**HEAD, "methods": {"stage": method}})
        return text(plan) + struct.pack("=QQ", SEED, len(self.given)) + b"".join(map(text, self.given))

    def difference(self, results, uninitialized):
        """Reads one record of results; says how it differs from torch's, or nothing."""
        failure = results.text().decode()
        if failure:
            return failure
        found = [results.output() for _ in range(results.number())]
        if len(found) != len(self.outputs):
            return f"{len(found)} outputs, torch gives {len(self.outputs)}"
        for (name, wanted), got in zip(self.outputs.items(), found):
            if got is None:
                return f"{name} is absent"
            if name in uninitialized:
                got = (*got[:2], wanted.bytes)
            difference = wanted.difference(*got)
            if difference:
                return f"{name} {difference}"
        return None


class Results:
    """Reads what run-cases wrote."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self):
        self.at += 8
        return struct.unpack_from("=q", self.data, self.at - 8)[0]

    def text(self):
        size = self.number()
        self.at += size
        return self.data[self.at - size : self.at]

    def output(self):
        """(type, strides, bytes), or nothing for an absent one."""
        if not self.number():
            return None
        code, bits, rank = self.number(), self.number(), self.number()
        shape = [self.number() for _ in range(rank)]
        strides = [self.number() for _ in range(rank)]
        dtype = DLPACK_WHOLE.get(code) or f"{DLPACK[code]}{bits}"
        return f"{dtype}{shape}", strides, self.text()


class Comparison:
    """What came of it: counts and findings by operator."""

    def __init__(self):
        self.samples = collections.Counter()
        self.differences = collections.defaultdict(list)
        self.excluded = collections.Counter()
        self.left_open = collections.defaultdict(set)  # results that torch leaves uninitialised, as torch shows it
        self.may_be_open = collections.defaultdict(set)  # the same, but both runs found the same bytes: memory may have held them


def compare(build, scratch, calls, table):
    """`calls` has (op, args, kwargs) by operator."""
    found, cases = Comparison(), []
    torch.set_num_threads(1)
    for name in sorted(calls):
        for op, args, kwargs in calls[name]:
            try:
                case = Expected(op, args, kwargs)
                with marked_memory():
                    again = Expected(op, args, kwargs)
            except (Unsupported, KeyError):
                continue  # with other numbers, a result that a plan cannot hold
            why = "it grows the memory that it is given" if case.grown else irreproducible(case.case)
            if why:
                found.excluded[name, why] += 1
                continue
            for number, result in enumerate(case.case.results):
                if not result:
                    continue
                if again.outputs[result].bytes != case.outputs[result].bytes:
                    found.left_open[name].add(number)
                elif again.outputs[result].is_filled():
                    found.may_be_open[name].add(number)
            cases.append(case)
    given, got = scratch / "cases.bin", scratch / "results.bin"
    with open(given, "wb") as file:
        for case in cases:
            file.write(case.record())
    library = build / "plugins" / "kernels-aten" / "kernels-aten.so"
    subprocess.run([build / "tests" / "kernels-aten" / "run-cases", library, given, got], check=True)
    results = Results(got.read_bytes())
    for case in cases:
        found.samples[case.name] += 1
        open_results = {f"r{number}" for number in table[case.name].get("uninitialized", [])}
        difference = case.difference(results, open_results)
        if difference:
            found.differences[case.name].append(difference)
    return found
