"""genie.tensors: inputs and outputs have the names that run configurations use."""

import collections
import dataclasses

import pytest
import torch
from safetensors.torch import load_file

import genie.export
from genie import tensors

Point = collections.namedtuple("Point", ["x", "y"])


@dataclasses.dataclass
class Box:
    low: torch.Tensor
    high: torch.Tensor


ONE = torch.ones(2)


@pytest.mark.parametrize("result, names", [
    (ONE, ["output"]),
    ((ONE,), ["0"]),
    ([ONE, ONE], ["0", "1"]),
    ({"a": ONE}, ["a"]),
    ({"a": {"b": [ONE, (ONE, None)]}, "c": None}, ["a.b.0", "a.b.1.0"]),
    (Point(ONE, [ONE]), ["x", "y.0"]),
    (Box(ONE, ONE), ["low", "high"]),
    ((ONE, 3, 2.5, True, None, "text"), ["0", "1", "2", "3"]),
    (None, []),
    ({3: ONE}, ["3"]),
])
def test_outputs_are_named_by_their_path(result, names):
    assert list(tensors.output_tensors(result)) == names


def test_numbers_become_zero_dimensional_tensors():
    named = tensors.output_tensors((3, 2.5, True))
    assert [(t.dtype, t.shape, t.item()) for t in named.values()] == [
        (torch.int64, (), 3), (torch.float64, (), 2.5), (torch.bool, (), True)]


def test_outputs_of_transformers_models_are_named_by_field():
    from transformers.modeling_outputs import BaseModelOutputWithPooling

    output = BaseModelOutputWithPooling(last_hidden_state=ONE, pooler_output=ONE)
    assert list(tensors.output_tensors(output)) == ["last_hidden_state", "pooler_output"]


class Call(torch.nn.Module):
    def forward(self, first, parts, *, factor, flag=True):
        return first * factor + parts["k"][1] if flag else first


def test_inputs_are_named_by_placeholder_whatever_the_order_of_the_call():
    args = (torch.zeros(2), {"k": [torch.ones(2), torch.full((2,), 2.0)]})
    program = genie.export.export(Call().eval(), args, {"factor": 0.5, "flag": True})
    named = tensors.input_tensors(program, args, {"flag": True, "factor": 0.5})
    placeholders = [spec.arg.name for spec in program.graph_signature.input_specs]
    assert sorted(named) == sorted(placeholders)
    assert named["first"] is args[0] and named["factor"].item() == 0.5 and named["flag"].item() is True
    assert torch.equal(named["parts_k_1"], args[1]["k"][1])


def test_a_call_with_other_structure_is_refused_with_the_names_that_are_wanted():
    program = genie.export.export(Call().eval(), (ONE, {"k": [ONE, ONE]}), {"factor": 0.5})
    with pytest.raises(ValueError, match="takes 4 inputs .*factor.*but the call has 3"):
        tensors.input_tensors(program, (ONE, {"k": [ONE]}), {"factor": 0.5})


def test_steps_share_state_and_are_numbered():
    class Counter(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("count", torch.zeros(()))

        def forward(self, x):
            self.count.add_(1)
            return {"sum": x + self.count, "state": self.count}

    program = genie.export.export(Counter().eval(), (torch.zeros(()),))
    outputs = tensors.run_steps(program, [((torch.zeros(()),), {})] * 3)
    assert {name: t.item() for name, t in outputs.items()} == {
        "0/sum": 1, "0/state": 1, "1/sum": 2, "1/state": 2, "2/sum": 3, "2/state": 3}


def test_strided_and_shared_tensors_are_saved_dense(tmp_path):
    base = torch.arange(12.0).view(3, 4)
    tensors.save_tensors(tmp_path / "t.safetensors", {"turned": base.t(), "row": base[1], "wide": base[:1].expand(5, 4)})
    loaded = load_file(tmp_path / "t.safetensors")
    assert torch.equal(loaded["turned"], base.t()) and torch.equal(loaded["wide"], base[:1].expand(5, 4))


def test_causal_models_become_exportable(tmp_path):
    from transformers import GPT2Config, GPT2LMHeadModel

    from genie.huggingface import make_exportable

    model = make_exportable(GPT2LMHeadModel(GPT2Config(vocab_size=50, n_positions=16, n_embd=8, n_layer=1, n_head=2)))
    assert not model.training
    program = genie.export.export(model, (), {"input_ids": torch.ones(1, 4, dtype=torch.int64)}, plain=True)
    genie.export.save(program, tmp_path / "gpt2.pt2")
