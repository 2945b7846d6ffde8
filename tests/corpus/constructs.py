"""Corpus cases for what surrounds operators: branches, modes, several programs in one archive, numbers that data decides."""

import torch
from torch import nn
from torch.export import Dim

from case import PLAIN, Case, Variant, call, call_of

_CASES = []


def case(module_class=None, *, runs, **options):
    """Class decorator: add a module class as a case."""

    def add(module_class):
        name = "".join("-" + c.lower() if c.isupper() else c for c in module_class.__name__).lstrip("-")
        _CASES.append(Case(name, module_class, runs, **options))
        return module_class

    return add


def cases():
    return list(_CASES)


def calls(*tensors):
    """Runs of one call each, numbered."""
    return {str(index): [call(tensor)] for index, tensor in enumerate(tensors)}


# Branches ------------------------------------------------------------------------------------------------------------


@case(runs=lambda: calls(torch.full((4, 5), 2.0), torch.full((4, 5), 0.01), torch.full((4, 5), -1.0)))
class NestedBranches(nn.Module):
    """torch.cond inside torch.cond, on what the data says; the runs take every way through."""

    def __init__(self):
        super().__init__()
        self.high = nn.Linear(5, 5)
        self.low = nn.Linear(5, 5)
        self.register_buffer("limit", torch.tensor(1.0))

    def forward(self, x):
        def positive(y):
            return torch.cond(y.mean() > self.limit, lambda z: self.high(z).relu(), lambda z: self.low(z) - 1, (y,))

        def negative(y):
            return self.low(y) * 2

        return torch.cond(x.sum() > 0, positive, negative, (x,))


@case(runs=lambda: calls(torch.randn(2, 3), torch.randn(3, 3), torch.randn(6, 3)),
      dynamic_shapes={"x": {0: Dim("rows", min=2, max=20)}})
class BranchOnSize(nn.Module):
    """torch.cond on a size, with several results of several types."""

    def forward(self, x):
        return torch.cond(x.shape[0] > 3, lambda y: (y + 1, y.argmax(1)), lambda y: (y - 1, y.argmin(1)), (x,))


# Modes ---------------------------------------------------------------------------------------------------------------


@case(runs=lambda: calls(torch.randn(3, 8)), gradients=True)
class GradientModes(nn.Module):
    """Regions with gradients off, around them and between them gradients on: how a plain torch.export sees a model."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x):
        with torch.no_grad():
            a = self.linear(x)
        b = self.linear(a).sin()
        with torch.no_grad():
            c, rest = (a + b).split([3, 5], dim=1)
        return {"a": a * 2, "b": b, "c": c, "rest": rest - 1}


@case(runs=lambda: calls(torch.randn(3, 8)), gradients=True)
class MixedPrecision(nn.Module):
    """torch.autocast: every policy, doubles that it leaves alone, and a region switched off inside."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.second = nn.Linear(8, 8)
        self.norm = nn.LayerNorm(8)
        self.conv = nn.Conv1d(3, 3, 3, padding=1)

    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            low = self.first(x)
            weights = torch.softmax(low, -1)
            normed = self.norm(low) + weights
            attended = nn.functional.scaled_dot_product_attention(low[None], normed[None], x[None])
            with torch.autocast("cpu", enabled=False):
                exact = self.second(normed.float())
            widest = torch.cat([low, exact])
            same = torch.stack([low, low])
            loss = nn.functional.mse_loss(low, weights)
            padded = nn.functional.pad(low[None], (1, 1), mode="reflect")
            doubled = torch.matmul(exact.double(), exact.double().t())
        return {"low": low, "weights": weights, "normed": normed, "attended": attended, "exact": exact,
                "widest": widest, "same": same, "loss": loss, "padded": padded, "doubled": doubled,
                "conv": self.conv(x[None].expand(3, -1, -1)[0])}


@case(runs=lambda: calls(torch.randn(3, 8)), gradients=True, forms=(PLAIN,))
class HalfPrecisionEquation(nn.Module):
    """A region of another type, with a product written as an equation; torch itself cannot decompose that one."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.float16):
            return torch.einsum("ij,kj->ik", x, self.linear(x))


# Numbers that data decides -------------------------------------------------------------------------------------------


@case(runs=lambda: calls(torch.randn(4, 7), torch.randn(9, 7), -torch.ones(2, 7)), dynamic_shapes={"x": {0: Dim("rows", max=32)}})
class DataDecides(nn.Module):
    """Results as long as the data says: nonzero, masks, and what is computed from them; also none at all."""

    def forward(self, x):
        where = (x > 0).nonzero()
        chosen = x[x > 0.5]
        below = torch.masked_select(x, x < 0)
        return {"where": where, "chosen": chosen * 2 + 1, "sum": below.sum(), "twice": torch.cat([chosen, chosen]),
                "count": where.shape[0]}


@case(runs=lambda: calls(torch.tensor([3, 1, 4, 1, 5, 2]), torch.tensor([6, 5, 5, 5, 5, 5]), torch.tensor([1, 1, 1, 1, 1, 1])))
class ItemsAsSizes(nn.Module):
    """Numbers taken out of a tensor: as sizes, in arithmetic, and as factors; their bounds are declared."""

    def forward(self, x):
        count = x[0].item()
        torch._check(count >= 1)
        torch._check(count <= 6)
        total = x.sum().item()
        torch._check(total >= 0)
        torch._check(total < 100)
        return torch.zeros(count) + 1, x.narrow(0, 0, count), torch.arange(total), count + total, x.float() * count


# Several programs in one archive -------------------------------------------------------------------------------------


class Notes(nn.Module):
    """A table that one program writes and the other reads; both use one weight."""

    def __init__(self):
        super().__init__()
        self.project = nn.Linear(4, 4)
        self.register_buffer("table", torch.zeros(6, 4), persistent=False)
        self.register_buffer("written", torch.zeros((), dtype=torch.int64))
        self.register_buffer("scale", torch.rand(4))


class Write(nn.Module):
    def __init__(self, notes):
        super().__init__()
        self.notes = notes

    def forward(self, rows, position):
        self.notes.table.index_copy_(0, position, self.notes.project(rows) * self.notes.scale)
        self.notes.written += rows.shape[0]
        return self.notes.written + 0


class Read(nn.Module):
    def __init__(self, notes):
        super().__init__()
        self.notes = notes

    def forward(self, query):
        scores = torch.softmax(self.notes.project(query) @ self.notes.table.t(), -1)
        self.notes.table.mul_(0.5)
        return scores @ self.notes.table


def write(*rows):
    return call_of("write", torch.randn(len(rows), 4), torch.tensor(rows))


def read(count):
    return call_of("read", torch.randn(count, 4))


_CASES.append(Case(
    "two-programs", Notes, lambda: {"0": [write(0, 1), read(2), write(2), read(3), read(5)], "1": [read(2), write(5, 4, 0)]},
    variants=lambda: {
        "write": Variant(write(0, 1), {"rows": {0: Dim("rows", max=6)}, "position": {0: Dim("rows", max=6)}}, Write),
        "read": Variant(read(2), {"query": {0: Dim("queries", max=8)}}, Read)},
    tags=("state",)))


# States --------------------------------------------------------------------------------------------------------------


@case(runs=lambda: {"0": [call(torch.randn(2, 4)) for _ in range(5)]}, forms=(PLAIN,), tags=("state",))
class CacheInAnAttribute(nn.Module):
    """Tensors that are no buffers and change all the same: a plain export lifts them to constants."""

    def __init__(self):
        super().__init__()
        self.cache = torch.zeros(6, 4)
        self.position = torch.zeros(1, dtype=torch.int64)
        self.project = nn.Linear(4, 4)

    def forward(self, x):
        y = self.project(x)
        self.cache[1:3].add_(y)
        self.position.add_(1)
        self.cache.index_put_((self.position % 6,), y[:1])
        return self.cache.sum(0) + self.position
