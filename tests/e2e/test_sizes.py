"""Sizes of a call against what the export declared: those that fit run, others are named as the user declared them."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.export import Dim

import genie.export
from genie import tensors
from harness import EMULATION, KERNELS, OK, USAGE, topology


class Rises(nn.Module):
    def forward(self, x):
        return x.cumsum(1)


class Pairs(nn.Module):
    """One input has a row more than the other."""

    def forward(self, x, y):
        return x + y[1:]


class Agree(nn.Module):
    """Two inputs of equal sizes, which the export finds out itself."""

    def forward(self, x, y):
        return x * y


class Sums(nn.Module):
    def forward(self, x):
        return x.sum(0)


class Picks(nn.Module):
    """Declares itself what it cannot do."""

    def forward(self, x):
        torch._check(x.shape[0] % 3 != 1)
        return x * 2


def halves():
    return Rises(), {"x": {0: Dim("batch", max=8), 1: 2 * Dim("half", min=1, max=8)}}, {"x": (3, 6)}


def pairs():
    rows = Dim("rows", min=2, max=9)
    return Pairs(), {"x": {0: rows}, "y": {0: rows + 1}}, {"x": (4, 2), "y": (5, 2)}


def agree():
    return Agree(), {"x": {0: Dim.AUTO}, "y": {0: Dim.AUTO}}, {"x": (4, 2), "y": (4, 2)}


def sums():
    return Sums(), {"x": {0: Dim("rows", min=3, max=9)}}, {"x": (4, 2)}


def undeclared():
    return Sums(), {"x": {0: Dim.DYNAMIC}}, {"x": (4, 2)}


def picks():
    return Picks(), {"x": {0: Dim.DYNAMIC}}, {"x": (6,)}


def export(make, folder, plain):
    module, dims, shapes = make()
    torch.manual_seed(0)
    args = tuple(torch.randn(shape) for shape in shapes.values())
    program = genie.export.export(module.eval(), args, dynamic_shapes=dims, plain=plain)
    return program, genie.export.save(program, folder / "model.pt2")


def config(folder, archive, inputs):
    topology(folder, [1 << 26])
    save_file(inputs, folder / "inputs.safetensors")
    return {"source": {"uri": str(archive)}, "kernels": [{"plugin": KERNELS, "options": {"threads": 1}}],
            "backend": {"plugin": EMULATION, "options": {"topology": "cluster.json"}},
            "run": {"inputs": "inputs.safetensors"}, "outputs": {"file": "outputs.safetensors"}}


FIT = [
    (halves, {"x": (3, 6)}), (halves, {"x": (1, 2)}), (halves, {"x": (8, 16)}),
    (pairs, {"x": (2, 2), "y": (3, 2)}), (pairs, {"x": (9, 2), "y": (10, 2)}),
    (agree, {"x": (7, 2), "y": (7, 2)}), (sums, {"x": (3, 2)}), (undeclared, {"x": (200, 2)}), (picks, {"x": (5,)}),
]

#: Model, sizes, the code, and what the message says of them.
REFUSED = [
    (sums, {"x": (2, 2)}, "GE0543", ["input x, dimension 0: rows (", "is 2, less than the export's minimum 3"]),
    (sums, {"x": (10, 2)}, "GE0543", ["input x, dimension 0: rows (", "is 10, more than the export's maximum 9"]),
    (undeclared, {"x": (1, 2)}, "GE0543", ["input x, dimension 0: s", "is 1, less than the export's minimum 2", "such as Dim(min=1)"]),
    (halves, {"x": (9, 6)}, "GE0543", ["input x, dimension 0: batch (", "is 9, more than the export's maximum 8"]),
    (halves, {"x": (3, 18)}, "GE0543", ["input x, dimension 1 is 18 = half*2: half (", "is 9, more than the export's maximum 8"]),
    (halves, {"x": (3, 5)}, "GE0545", ["input x, dimension 1 is 5, which half*2 cannot be"]),
    (pairs, {"x": (4, 2), "y": (6, 2)}, "GE0545", ["input y, dimension 0 is 6, which rows + 1 cannot be with rows (", ") = 4"]),
    (pairs, {"x": (1, 2), "y": (2, 2)}, "GE0543", ["input x, dimension 0: rows (", "is 1, less than the export's minimum 2"]),
    (picks, {"x": (7,)}, "GE0544", ["% 3", "input x, dimension 0 gives s", " = 7"]),
]


def ids(cases):
    return [f"{make.__name__}-{'-'.join('x'.join(map(str, shape)) for shape in shapes.values())}" for make, shapes, *_ in cases]


@pytest.mark.parametrize("make, shapes", FIT, ids=ids(FIT))
def test_sizes_within_the_declared_bounds_run_as_in_pytorch(host, tmp_path, make, shapes):
    program, archive = export(make, tmp_path, plain=False)
    inputs = {name: torch.randn(shape) for name, shape in shapes.items()}
    host.run(config(tmp_path, archive, inputs), tmp_path, check=OK)
    expected = tensors.run_steps(program, [(tuple(inputs.values()), {})])
    outputs = load_file(tmp_path / "outputs.safetensors")
    assert outputs.keys() == expected.keys() and all(torch.equal(outputs[name], expected[name]) for name in expected)


@pytest.mark.parametrize("make, shapes, code, words", REFUSED, ids=ids(REFUSED))
def test_other_sizes_are_refused_with_input_dimension_bound_and_name(host, tmp_path, make, shapes, code, words):
    _, archive = export(make, tmp_path, plain=True)
    inputs = {name: torch.randn(shape) for name, shape in shapes.items()}
    result = host.run(config(tmp_path, archive, inputs), tmp_path, check=USAGE)
    assert f"error[{code}]" in result.err, result.err
    text = " ".join(result.err.split())
    assert all(word in text for word in words), result.err


def test_inputs_that_the_export_found_to_be_equal_are_named_when_they_differ(host, tmp_path):
    _, archive = export(agree, tmp_path, plain=True)
    result = host.run(config(tmp_path, archive, {"x": torch.randn(7, 2), "y": torch.randn(6, 2)}), tmp_path, check=USAGE)
    assert "input x, dimension 0" in result.err and "input y, dimension 0" in result.err
    assert "7" in result.err and "6" in result.err
