"""Small corpus cases, each for one thing that readers and runners of exports get wrong."""

import collections

import torch
from torch import nn
from torch.export import Dim

from case import Case, RECOMMENDED, call

_CASES = []


def case(*steps_of_runs, dynamic_shapes=None, tags=(), **options):
    """Class decorator: add a module class as a case. Each argument is a function that returns the steps of one run."""

    def add(module_class):
        name = "".join("-" + c.lower() if c.isupper() else c for c in module_class.__name__).lstrip("-")

        def runs():
            return {str(index): steps() for index, steps in enumerate(steps_of_runs)}

        _CASES.append(Case(name, module_class, runs, dynamic_shapes, tags=tags, **options))
        return module_class

    return add


def cases():
    return list(_CASES)


def once(*make):
    """One step whose arguments are made by functions, so that each is drawn after seeding."""
    return lambda: [call(*(m() for m in make))]


def randn(*shape, dtype=torch.float32):
    return lambda: torch.randn(*shape).to(dtype)


def randint(low, high, *shape, dtype=torch.int64):
    return lambda: torch.randint(low, high, shape).to(dtype)


# Weights -------------------------------------------------------------------------------------------------------------


@case(once(randint(0, 20, 2, 5)))
class TiedWeights(nn.Module):
    """One storage under two parameter names."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 8)
        self.head = nn.Linear(8, 20, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids):
        return self.head(torch.tanh(self.embed(ids)))


@case(once(randn(3, 4)))
class StorageViews(nn.Module):
    """Buffers that are overlapping, transposed and expanded views into one storage."""

    def __init__(self):
        super().__init__()
        flat = torch.randn(40)
        self.register_buffer("head", flat[:16].view(4, 4))
        self.register_buffer("tail", flat[12:28].view(4, 4))
        self.register_buffer("turned", flat[8:24].view(4, 4).t())
        self.register_buffer("every_second", flat[1:9:2])
        self.register_buffer("row", flat[36:40].expand(3, 4))

    def forward(self, x):
        return x @ self.head + x @ self.tail + x @ self.turned * self.every_second + self.row


@case(once(randn(2, 3)))
class Constants(nn.Module):
    """A non-persistent buffer, a plain tensor attribute and a tensor made in forward."""

    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.randn(3), persistent=False)
        self.shift = torch.randn(3)

    def forward(self, x):
        return x * self.scale + self.shift - torch.tensor([1.0, 2.0, 3.0])


@case(once(randn(2, 4)))
class ReturnsItsOwn(nn.Module):
    """Returns an input, a weight, a view of a weight, and one value twice."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 4))

    def forward(self, x):
        y = x @ self.weight
        return {"input": x, "weight": self.weight, "view": self.weight[1:, 2], "first": y, "second": y}


@case(lambda: [call()])
class NoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5))

    def forward(self):
        return self.weight.cumsum(0)


class Scaled(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return x * self.factor


@case(once(randn(2, 3)))
class SharedConstants(nn.Module):
    """One tensor as the attribute of several modules, as a buffer of another, and as a view of itself."""

    def __init__(self):
        super().__init__()
        factor = torch.randn(3)
        self.left = Scaled(factor)
        self.right = Scaled(factor)
        self.part = Scaled(factor[1:2])
        self.register_buffer("whole", factor, persistent=False)

    def forward(self, x):
        return self.left(x) + self.right(x + 1) - self.part(x) * self.whole


# State ---------------------------------------------------------------------------------------------------------------


@case(lambda: [call(torch.randn(3)) for _ in range(4)], tags=("state",))
class Accumulator(nn.Module):
    """In-place arithmetic on two buffers, one of them a 0-d counter; reads before and after the writes."""

    def __init__(self):
        super().__init__()
        self.register_buffer("total", torch.randn(3))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64), persistent=False)

    def forward(self, x):
        before = self.total * 2
        self.total.mul_(0.5).add_(x)
        self.count += 1
        return {"before": before, "after": self.total + 0, "mean": self.total / self.count}


@case(lambda: [call(torch.randn(2, 1, 4), torch.tensor([i])) for i in range(5)], tags=("state",))
class Cache(nn.Module):
    """A cache that grows by one row a step through index_copy_, read as a whole."""

    def __init__(self):
        super().__init__()
        self.register_buffer("keys", torch.zeros(2, 6, 4), persistent=False)
        self.project = nn.Linear(4, 4)

    def forward(self, x, position):
        self.keys.index_copy_(1, position, self.project(x))
        scores = x @ self.keys.transpose(1, 2)
        return torch.softmax(scores, -1) @ self.keys


@case(lambda: [call(torch.randn(4)) for _ in range(4)], tags=("state",))
class WrittenThroughViews(nn.Module):
    """A buffer written through a slice and through a chain of views, and read between the writes."""

    def __init__(self):
        super().__init__()
        self.register_buffer("window", torch.randn(4, 4))

    def forward(self, x):
        first = self.window.sum()
        self.window[1:3].mul_(2.0)
        second = self.window.sum()
        self.window.t()[0].copy_(x)
        self.window.view(2, 8)[:, 4:] += 1
        return first, second, self.window.sum(0)


@case(lambda: [call(torch.randn(2, 3)) for _ in range(3)], tags=("state",))
class Rolled(nn.Module):
    """A buffer replaced by a function of its old value, whose old value is returned."""

    def __init__(self):
        super().__init__()
        self.register_buffer("history", torch.zeros(4, 2, 3))

    def forward(self, x):
        old = self.history.clone()
        self.history.copy_(torch.cat([self.history[1:], x.unsqueeze(0)]))
        return {"old": old, "new": self.history.mean(0)}


@case(lambda: [call(torch.randn(3, 4)) for _ in range(3)], tags=("state",))
class RunningNorm(nn.Module):
    """Batch norm in training mode: statistics are updated by the operator itself."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(4)

    def train(self, mode=True):
        # Stays in training mode, which is what the case is about.
        return super().train(True)

    def forward(self, x):
        return self.norm(x)


# Inputs and outputs --------------------------------------------------------------------------------------------------


@case(lambda: [call(torch.randn(2, 3), 2.5, 3, True)])
class ScalarInputs(nn.Module):
    def forward(self, x, scale: float, count: int, negate: bool):
        y = x * scale + count
        return -y if negate else y


@case(once(randn(4, 3)), once(randn(2, 3)), once(randn(7, 3)), dynamic_shapes={"x": {0: Dim("rows", max=32)}})
class NumberOutputs(nn.Module):
    """Python numbers among the outputs: a size, arithmetic on it, a quotient, a constant."""

    def forward(self, x):
        rows = x.shape[0]
        return {"rows": rows, "twice": 2 * rows + 1, "half": rows / 2, "five": 5, "sum": x.sum()}


@case(once(randn(2, 3)))
class NestedOutputs(nn.Module):
    def forward(self, x):
        return {"a": {"b": [x + 1, (x + 2, None)], "c": None}, "d": (x.sum(), {"e": x.mean(0)})}


@case(lambda: [call(torch.randn(2), None, {"a": [torch.ones(1), None], "b": 3, "c": ()}, flag=False)])
class NothingInputs(nn.Module):
    """None, numbers and empty containers among the inputs and outputs."""

    def forward(self, x, nothing, parts, *, flag: bool):
        y = x + parts["a"][0] * parts["b"]
        return {"result": y if nothing is None else nothing, "none": None, "list": [], "tuple": (y * 2,), "dict": {}, "flag": flag}


Pair = collections.namedtuple("Pair", ["left", "right"])


@case(lambda: [call({"q": torch.randn(2, 3), "kv": [torch.randn(2, 3), torch.randn(2, 3)]}, scale=torch.tensor(0.5))])
class NestedInputs(nn.Module):
    def forward(self, parts, *, scale):
        return parts["q"] * scale + parts["kv"][0] - parts["kv"][1]


@case(once(randn(6, 4)))
class MultipleResults(nn.Module):
    """Operators that return tuples and lists of tensors, some of them unused."""

    def forward(self, x):
        a, b, c = x.split([1, 2, 3])
        top, where = x.topk(2, dim=1)
        left, right = x.chunk(2, dim=1)
        rows = x.unbind(0)
        _, smallest = x.min(1)
        variance, mean = torch.var_mean(x, dim=0)
        values, _ = torch.sort(x, dim=0, descending=True)
        return a.sum() + c.sum(), b, top, where, left * right, rows[2] - rows[5], smallest, variance / mean, values


@case(once(randn(2, 3, 4)))
class StridedOutputs(nn.Module):
    """Outputs and intermediates that are not contiguous."""

    def forward(self, x):
        turned = x.permute(2, 0, 1)
        wide = x[:, :1].expand(2, 5, 4)
        return turned, wide, turned[1:3, :, ::2], torch.diagonal(x, dim1=1, dim2=2), wide.transpose(0, 2) * 2


# Types ---------------------------------------------------------------------------------------------------------------


@case(once(randint(-9, 9, 3, 4), randint(0, 2, 3, 4, dtype=torch.bool), randint(0, 200, 4, dtype=torch.uint8),
           randint(-5, 5, 3, 1, dtype=torch.int32), randint(-5, 5, 4, dtype=torch.int16), randint(-5, 5, 4, dtype=torch.int8)))
class IntegerTypes(nn.Module):
    def forward(self, i64, flags, u8, i32, i16, i8):
        return {
            "promoted": i64 + i32 * i16,
            "floor": torch.div(i64, 4, rounding_mode="floor"),
            "remainder": i64 % 5,
            "bits": (i64 & 6) | (i64 << 1),
            "chosen": torch.where(flags, i64, i32),
            "logic": torch.logical_xor(flags, i64 > 0).any(1),
            "u8": u8 + u8,
            "mixed": u8 * i8,
            "count": flags.sum(0),
            "true_division": i16 / i8.abs().add(1),
        }


@case(once(randn(2, 5, 8, dtype=torch.bfloat16), randn(8, 8, dtype=torch.float16), randn(8, dtype=torch.float64)))
class FloatTypes(nn.Module):
    def __init__(self):
        super().__init__()
        self.bf16 = nn.Linear(8, 8).to(torch.bfloat16)
        self.f16 = nn.LayerNorm(8).to(torch.float16)
        self.f64 = nn.Parameter(torch.randn(8, 8, dtype=torch.float64))

    def forward(self, bf16, f16, f64):
        y = torch.nn.functional.gelu(self.bf16(bf16))
        z = self.f16(f16 * 2)
        return {"bf16": y, "f16": z, "f64": torch.softmax(f64 @ self.f64, -1), "mixed": y.float() @ z.float(), "sum": y + z[:5]}


@case(once(randint(1, 9, 3), randn(3, dtype=torch.float16), randint(0, 2, 3, dtype=torch.bool), randn(3)))
class WrappedNumbers(nn.Module):
    """Python numbers where a tensor is expected: they take part in type promotion as numbers, not as tensors."""

    def forward(self, ints, halves, flags, floats):
        return (
            ints * 2.5, halves * 3.0, flags + 1, flags * 2.0, torch.pow(2, ints), torch.pow(halves, 2.0), 1 - floats,
            floats.add(ints, alpha=2), torch.where(flags, halves, 0.0), ints / 2, ints.clamp(max=4), halves.clamp(min=-0.5),
            torch.full_like(halves, 7) + ints, torch.add(ints, 0.5), ints == 2.0, torch.maximum(floats, torch.tensor(0.25)),
        )


@case(once(randn(2, 4)))
class Infinities(nn.Module):
    """Scalars that JSON has no number for, and the smallest and largest integers."""

    def forward(self, x):
        masked = x.masked_fill(x > 0, float("-inf"))
        return {
            "softmax": torch.softmax(masked.masked_fill(masked == 0, float("inf")), -1),
            "nan": torch.where(x > 0, x, float("nan")),
            "minus_zero": torch.full((2,), -0.0),
            "big": torch.full((2,), 2**63 - 1),
            "small": torch.full((2,), -(2**63)),
            "above_2_53": torch.full((2,), 2**53 + 1) + 0,
            "tail": x[:, 1:],
        }


@case(once(randn(2, 16), randn(2, 16)))
class ComplexNumbers(nn.Module):
    """Complex tensors made, transformed, conjugated lazily, viewed as pairs of reals, and returned."""

    def __init__(self):
        super().__init__()
        self.register_buffer("turn", torch.polar(torch.ones(9), torch.arange(9) * 0.3))
        self.register_buffer("window", torch.hann_window(8), persistent=False)

    def forward(self, x, y):
        spectrum = torch.fft.rfft(x) * self.turn
        numbers = torch.complex(x, y)
        frames = torch.stft(x, 8, 4, window=self.window, return_complex=True)
        return {
            "spectrum": torch.view_as_real(spectrum), "back": torch.fft.irfft(spectrum, n=16),
            "size": numbers.abs(), "angle": numbers.angle(), "conjugate": torch.view_as_real(numbers.conj().resolve_conj()),
            "product": (numbers.conj() * numbers).real, "imaginary": numbers.conj().imag + 1,
            "flipped": torch.view_as_complex(torch.view_as_real(numbers).flip(0).contiguous()).real,
            "frames": frames.abs(), "heard": torch.istft(frames, 8, 4, window=self.window),
            "plane": torch.fft.fft2(numbers.view(2, 4, 4)).imag, "scaled": (numbers * 2j).real,
        }


@case(once(randn(3, 4), randint(-128, 128, 6, 4, dtype=torch.int8), randint(0, 2, 3, dtype=torch.bool)))
class SmallIntegers(nn.Module):
    """Weights stored as int8 with a scale, rounding and saturation, bits of floats, masks."""

    def __init__(self):
        super().__init__()
        self.register_buffer("weight", torch.randint(-127, 128, (5, 4), dtype=torch.int8))
        self.register_buffer("scale", torch.rand(5) + 0.1)
        self.register_buffer("active", torch.tensor([True, False, True, True, False]))

    def forward(self, x, codes, rows):
        restored = self.weight.float() * self.scale[:, None]
        quantized = torch.clamp((x / 0.05).round(), -128, 127).to(torch.int8)
        return {
            "linear": x @ restored.t(), "quantized": quantized, "accumulated": quantized.int() @ self.weight.int().t(),
            "wrapped": codes + codes, "kept": restored[self.active].sum(0), "logic": ~rows & (x[:, 0] > 0),
            "bits": x.view(torch.int32) & 0xFF, "shifted": codes.view(torch.uint8) >> 2, "faked":
            torch.fake_quantize_per_tensor_affine(x, 0.1, 0, -128, 127), "any": rows.any(), "picked": x[rows.long()],
        }


# Shapes --------------------------------------------------------------------------------------------------------------


@case(lambda: [call(torch.randn(0, 3), torch.tensor(2.5), torch.randn(2, 0, 4))])
class EmptyAndZeroDimensional(nn.Module):
    def forward(self, empty, number, hole):
        return {"cat": torch.cat([empty, torch.ones(2, 3)]), "sum": empty.sum(), "empty": empty * number,
                "square": number * number, "hole": hole.transpose(0, 2), "matmul": hole.transpose(1, 2) @ hole}


@case(once(randn(4, 6)), once(randn(2, 8)), once(randn(3, 10)),
      dynamic_shapes={"x": {0: Dim("rows", max=32), 1: 2 * Dim("pairs", max=32)}})
class ShapeArithmetic(nn.Module):
    """Sizes computed from sizes: products, quotients, differences, comparisons settled at export."""

    def forward(self, x):
        rows, columns = x.shape
        flat = x.reshape(rows * columns)
        pairs = x.view(rows, columns // 2, 2)
        grid = torch.arange(rows * columns).view(columns, rows)
        wide = x.unsqueeze(1).expand(-1, rows + 1, -1)
        padded = torch.cat([flat, torch.zeros(rows + columns - 1)])
        return flat, pairs.sum(-1), grid.t() * x, wide.mean(1) * (rows * columns), padded[columns:], x[:, : columns // 2]


_SEQUENCE = Dim("seq", min=2, max=64)


@case(lambda: [call(torch.randint(0, 9, (2, 5)), torch.ones(2, 5))], lambda: [call(torch.randint(0, 9, (2, 9)), torch.ones(2, 9))],
      lambda: [call(torch.randint(0, 9, (2, 2)), torch.zeros(2, 2))], dynamic_shapes={"ids": {1: _SEQUENCE}, "mask": {1: _SEQUENCE}})
class SharedDimension(nn.Module):
    """Two dynamic inputs that must agree: the export keeps a guard."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(9, 4)

    def forward(self, ids, mask):
        return (self.embed(ids) * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)


@case(once(randn(2, 3, 18, 24)), once(randn(4, 3, 64, 10)), once(randn(3, 3, 30, 31)),
      dynamic_shapes={"x": {0: Dim("batch", max=8), 2: Dim("height", min=10, max=128), 3: Dim("width", min=10, max=128)}})
class DynamicConvolution(nn.Module):
    """Output sizes of strided convolutions and pools: floor divisions of a dynamic size."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 4, stride=2, padding=1)
        self.pool = nn.MaxPool2d(3, stride=2)
        self.norm = nn.GroupNorm(2, 6)

    def forward(self, x):
        return self.norm(self.pool(torch.relu(self.conv(x))))


# Operators -----------------------------------------------------------------------------------------------------------


@case(once(randn(3, 4)))
class InPlaceIntermediates(nn.Module):
    """In-place operators and writes through views on values made inside."""

    def forward(self, x):
        y = x.clone()
        y[:, 0] = 1.0
        before = y * 2
        y.view(-1)[5:7].add_(10)
        y[1:].relu_()
        z = torch.zeros(4, 4)
        z[1:, :] = y
        z.diagonal().fill_(7.0)
        return before, y, z


@case(once(randn(3, 4)))
class InPlaceOnViews(nn.Module):
    """In-place operators that change shapes and strides, write by index and mask, and meet again through other views."""

    def forward(self, x):
        y = x.clone()
        y.add_(1).mul_(2).sub_(0.5).div_(3).clamp_(min=-1)
        z = y.new_zeros(3, 4)
        z.scatter_(1, torch.tensor([[0], [1], [2]]), 1.0)
        z.index_fill_(0, torch.tensor([1]), 5.0)
        z.masked_fill_(z == 0, -1)
        w = torch.empty(3, 4).fill_(2.0)
        w[:, ::2] = z[:, ::2]
        w[1].copy_(y[0])
        turned = w.t_().unsqueeze_(0)
        q = torch.arange(12.0).view(3, 4)
        q[q > 5] = 0
        q[torch.tensor([0, 2]), torch.tensor([1, 1])] += 10
        q[None, ..., -1] = 7
        q.index_put_((torch.tensor([1, 1]), torch.tensor([2, 2])), torch.tensor([1.0, 2.0]), accumulate=True)
        q.swapaxes_(0, 1)
        r = x.clone()
        r.lerp_(x, 0.5).addcmul_(x, x, value=2).addmm_(x, torch.eye(4)).tril_().cumsum_(0)
        r.put_(torch.tensor([1, 2]), torch.tensor([9.0, 9.0]))
        left, right = r.split(2, dim=1)
        left.copy_(right)
        return y, z, w, turned, q, r


@case(once(randn(1, 3, 12, 12)))
class Vision(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding="same"), nn.BatchNorm2d(8), nn.SiLU(), nn.MaxPool2d(2))
        self.depthwise = nn.Conv2d(8, 8, 3, groups=8, bias=False, padding=1, padding_mode="reflect")
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x):
        y = self.depthwise(self.stem(x))
        z = self.up(y)
        large = torch.nn.functional.interpolate(z, scale_factor=2.0, mode="bilinear", align_corners=False)
        pooled = torch.nn.functional.adaptive_avg_pool2d(large, 3)
        return pooled, self.shuffle(z).mean((2, 3)), torch.nn.functional.pad(y, (1, 2, 0, 1), value=0.5).amax(1)


@case(once(randn(5, 2, 6)))
class Recurrent(nn.Module):
    """Operators that take and return lists of tensors."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(6, 8, num_layers=2)
        self.gru = nn.GRU(8, 4, bidirectional=True)

    def forward(self, x):
        hidden, (h, c) = self.lstm(x)
        out, last = self.gru(hidden)
        return {"out": out, "h": h, "c": c, "last": last}


@case(once(randn(2, 4, 6, 8), randn(2, 4, 6, 8), randn(2, 4, 6, 8)))
class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.RMSNorm(8)

    def forward(self, q, k, v):
        attend = torch.nn.functional.scaled_dot_product_attention
        mask = torch.ones(6, 6, dtype=torch.bool).tril(1)
        return attend(self.norm(q), k, v, is_causal=True) + attend(q, k, v, attn_mask=mask, scale=0.3), torch.einsum(
            "bhqd,bhkd->bhqk", q, k)


@case(once(randn(4, 5), randint(0, 5, 4, 2), randint(0, 4, 3)))
class Indexing(nn.Module):
    def forward(self, x, columns, rows):
        spread = torch.zeros(4, 5).scatter(1, columns, 1.5)
        return {
            "gather": x.gather(1, columns), "scatter": spread, "rows": x[rows], "both": x[rows, rows % 3],
            "partial": x[:, None, rows], "select": x.index_select(0, rows), "put": x.index_put((rows,), torch.ones(5)),
            "added": torch.zeros(5, 5).index_add(0, rows, x[rows]), "order": x.argsort(1), "best": x.argmax(),
            "runs": x.cumsum(1).flip(0), "rolled": torch.roll(x, 2, 1), "tiled": x.repeat(2, 1), "apart": x.repeat_interleave(2, 0),
            "lower": x.tril(), "hot": torch.nn.functional.one_hot(rows, 4), "strings": torch.meshgrid(rows, rows, indexing="ij")[1],
        }


@case(once(randn(4, 8)), forms=(RECOMMENDED,))
class WideBranches(nn.Module):
    """Independent branches that join, for schedulers."""

    def __init__(self):
        super().__init__()
        self.branches = nn.ModuleList(nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 8)) for _ in range(4))

    def forward(self, x):
        return torch.stack([branch(x) for branch in self.branches]).prod(0)
