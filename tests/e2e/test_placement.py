"""Where a node runs decides nothing: in-place work, states and random numbers, whole and spread over three devices."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import genie.export
from genie import tensors
from harness import EMULATION, KERNELS, OK, topology

MIB = 1 << 20


class Writes(nn.Module):
    """Works in place on a copy, through views, and on a state of its own."""

    def __init__(self):
        super().__init__()
        self.register_buffer("memory", torch.zeros(3, 4))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64), persistent=False)

    def forward(self, x):
        y = x.clone()
        y[1:].mul_(2.0)
        before = y.sum(0)
        y.t()[0].copy_(self.memory[:, 1])
        self.memory[1].add_(y[0])
        self.memory.view(-1)[::5].sub_(1)
        self.steps.add_(1)
        return y + before + self.memory.mean() * self.steps


class Draws(nn.Module):
    """Draws where PyTorch would: noise, and dropout that is switched on."""

    def forward(self, x):
        return nn.functional.dropout(x, 0.5, training=True) + torch.rand_like(x) + torch.randn(4)


class Stages(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.first, self.second, self.third = kind(), kind(), kind()

    def forward(self, x):
        a = self.first(x)
        b = self.second(a * 2)
        return {"a": a, "b": b, "c": self.third(b.clone()) + self.first(x + 1)}


def run(host, folder, archive, steps, hints=(), expected=None):
    """Run steps on one device, or with hints on three; return the outputs and the devices that had work."""
    folder.mkdir()
    topology(folder, [64 * MIB] * (3 if hints else 1))
    for index, inputs in enumerate(steps):
        save_file(inputs, folder / f"{index}.safetensors")
    config = {
        "source": {"uri": str(archive)}, "kernels": [{"plugin": KERNELS, "options": {"threads": 1}}],
        "backend": {"plugin": EMULATION, "options": {"topology": "cluster.json"}}, "hints": list(hints),
        "run": {"seed": 11, "steps": [{"method": "forward", "inputs": f"{index}.safetensors"} for index in range(len(steps))]},
        "outputs": {"file": "outputs.safetensors"}, "report": {"json": "report.json", "plan": "plan.json"},
    }
    if expected is not None:
        save_file(expected, folder / "expected.safetensors")
        config["expect"] = {"file": "expected.safetensors", "rtol": 0, "atol": 0}
    result = host.run(config, folder, check=OK)
    stages = result.plan["schedule"]["methods"]["forward"]["stages"]
    return load_file(folder / "outputs.safetensors"), {stage["device"] for stage in stages}


def pins(**devices):
    return [{"kind": "pin", "select": scope, "device": device, "strength": "hard"} for scope, device in devices.items()]


SPREAD = pins(first="w0", second="w1", third="w2")


@pytest.mark.parametrize("plain", [True, False], ids=["plain", "recommended"])
def test_in_place_work_and_states_give_the_same_bits_on_one_device_and_on_three(host, tmp_path, plain):
    torch.manual_seed(3)
    calls = [(torch.randn(3, 4),) for _ in range(6)]
    program = genie.export.export(Stages(Writes).eval(), calls[0], plain=plain)
    archive = genie.export.save(program, tmp_path / "model.pt2")
    steps = [tensors.input_tensors(program, args) for args in calls]
    expected = tensors.run_steps(program, [(args, {}) for args in calls])
    _, devices = run(host, tmp_path / "spread", archive, steps, SPREAD, expected)
    assert devices == {"w0", "w1", "w2"}
    run(host, tmp_path / "whole", archive, steps, expected=expected)


def test_random_numbers_do_not_depend_on_the_placement_and_differ_between_places_steps_and_seeds(host, tmp_path):
    program = genie.export.export(Stages(Draws).eval(), (torch.zeros(3, 4),))
    archive = genie.export.save(program, tmp_path / "model.pt2")
    steps = [{"x": torch.zeros(3, 4)}] * 2
    whole, _ = run(host, tmp_path / "whole", archive, steps)
    spread, devices = run(host, tmp_path / "spread", archive, steps, SPREAD)
    assert devices == {"w0", "w1", "w2"}
    assert whole.keys() == spread.keys() and all(torch.equal(whole[name], spread[name]) for name in whole)
    assert not torch.equal(whole["0/a"], whole["1/a"])


class DrawsOnce(nn.Module):
    def forward(self, x):
        return x + torch.rand_like(x)


def test_a_program_that_draws_in_one_place_draws_what_torch_does_after_seeding_it(host, tmp_path):
    program = genie.export.export(DrawsOnce().eval(), (torch.zeros(3, 4),))
    archive = genie.export.save(program, tmp_path / "model.pt2")
    torch.manual_seed(11)
    expected = {"0/output": torch.rand(3, 4)}
    run(host, tmp_path / "run", archive, [{"x": torch.zeros(3, 4)}], expected=expected)


class Slices(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(24, 8))
        self.bias = nn.Parameter(torch.randn(24))

    def forward(self):
        return self.weight[8:], self.bias[8:]


class Projects(nn.Module):
    def forward(self, x, weight, bias):
        return nn.functional.linear(x.transpose(0, 1), weight, bias)


class SlicedProjection(nn.Module):
    """A part of a parameter is cut out in one place and used in another."""

    def __init__(self):
        super().__init__()
        self.first, self.second = Slices(), Projects()

    def forward(self, x):
        return self.second(x, *self.first())


def test_a_view_of_a_parameter_that_crosses_devices_is_computed_with_as_pytorch_does(host, tmp_path):
    torch.manual_seed(0)
    x = torch.randn(2, 6, 8)
    program = genie.export.export(SlicedProjection().eval(), (x,))
    archive = genie.export.save(program, tmp_path / "model.pt2")
    expected = {f"0/{name}": tensor for name, tensor in tensors.run_steps(program, [((x,), {})]).items()}
    _, devices = run(host, tmp_path / "run", archive, [{"x": x}], pins(first="w0", second="w1"), expected)
    assert devices == {"w0", "w1"}


class Quarters(nn.Module):
    def forward(self, x):
        return x.chunk(4)


class Multiplies(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(24, 6))

    def forward(self, parts):
        return [part @ self.weight.t() for part in parts]


class SlicedRows(nn.Module):
    """Parts of one tensor, which begin anywhere, are multiplied in another place than they were cut."""

    def __init__(self):
        super().__init__()
        self.first, self.second = Quarters(), Multiplies()

    def forward(self, x):
        return self.second(self.first(x * 2))


def test_a_part_of_a_tensor_that_crosses_devices_is_computed_with_to_the_last_bit(host, tmp_path):
    torch.manual_seed(0)
    x = torch.randn(12, 6)
    program = genie.export.export(SlicedRows().eval(), (x,), plain=True)
    archive = genie.export.save(program, tmp_path / "model.pt2")
    expected = {f"0/{name}": tensor for name, tensor in tensors.run_steps(program, [((x,), {})]).items()}
    _, devices = run(host, tmp_path / "run", archive, [{"x": x}], pins(first="w0", second="w1"), expected)
    assert devices == {"w0", "w1"}
