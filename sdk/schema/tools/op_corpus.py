"""Gathers calls: a few of each operator, chosen by hash, the same on every machine whenever torch is the same."""

import bisect
import hashlib

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from op_case import Case, Unsupported, copy_of, op_name, without_noise, writes
from op_samples import PROMOTED, PROMOTED_NUMBERS

# What promotes types has many more ways to be wrong.
MORE = {f"aten.{name}": 10 for name in PROMOTED + PROMOTED_NUMBERS}


class Corpus:
    """The calls kept of each operator, in the order of their digests: `kept[name]` has (digest, line, op, args, kwargs)."""

    def __init__(self, known, per_op, only=""):
        self.known, self.per_op, self.only = known, per_op, only
        self.kept = {}
        self.calls = 0

    def wants(self, name):
        return name in self.known and name.startswith(self.only)

    def run(self, op, args, kwargs):
        """Runs a call, and keeps it if a plan can hold it and its digest is among the least."""
        name = op_name(op) if op.namespace == "aten" else ""
        if not self.wants(name):
            return op(*args, **kwargs)
        self.calls += 1
        args, kwargs = without_noise((args, kwargs))
        case, before = None, None
        try:
            case = Case(op, args, kwargs)
            if any(map(writes, op._schema.arguments)):
                before = copy_of((args, kwargs))
        except (Unsupported, KeyError, ValueError):
            pass
        result = op(*args, **kwargs)
        if case is None:
            return result
        try:
            line = case.finish(result).line()
        except Unsupported:
            return result
        digest = hashlib.sha256(line.encode()).hexdigest()
        kept, most = self.kept.setdefault(name, []), self.per_op * MORE.get(name, 1)
        at = bisect.bisect_left(kept, digest, key=lambda call: call[0])
        if at < most and not (at < len(kept) and kept[at][0] == digest):
            kept.insert(at, (digest, line, op, *(before or copy_of((args, kwargs)))))
            del kept[most:]
        return result

    def donated(self):
        return {name: [call[2:] for call in calls] for name, calls in self.kept.items()}


def counted_flops(op, args, kwargs):
    """What torch's own counter makes of a call; nothing where it has no formula for any part of it."""
    if op is torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default:
        return sdpa_flop_count(*(tensor.shape for tensor in args[:3]))  # registered for other devices' forms only
    # The unfused form of attention is made of counted parts.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        op(*copy_of(args), **copy_of(kwargs))
    return counter.get_total_flops() if counter.get_flop_counts().get("Global") else None
