"""The frontend's table of what autocast converts names exactly the operators that torch's dispatcher converts."""

import json

import torch


def test_every_operator_with_an_autocast_entry_of_this_torch_has_a_policy_and_no_other_has_one(root):
    table = json.loads((root / "plugins/frontend-pytorch/data/autocast.json").read_text())
    policies = [f"aten.{op}" for kind in ("lower", "single", "widest") for op in table[kind]]
    assert len(policies) == len(set(policies))
    entries = torch._C._dispatch_get_registrations_for_dispatch_key("AutocastCPU")
    registered = {entry.replace("aten::", "aten.") + ("" if "." in entry else ".default") for entry in entries}
    assert set(policies) == registered


def test_the_policies_are_those_that_torch_applies(root):
    table = json.loads((root / "plugins/frontend-pytorch/data/autocast.json").read_text())
    x = torch.randn(1, 4, 4)
    calls = {"bmm.default": (x, x), "matmul.default": (x, x), "prelu.default": (x, torch.tensor([0.1])), "trace.default": (x[0],),
             "mse_loss.default": (x, x), "cdist.default": (x, x), "prod.default": (x,)}
    for op, arguments in calls.items():
        packet, overload = op.split(".")
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half = getattr(getattr(torch.ops.aten, packet), overload)(*(a.bfloat16() for a in arguments))
            full = getattr(getattr(torch.ops.aten, packet), overload)(*arguments)
        wanted = torch.bfloat16 if op in table["lower"] else torch.float32
        assert half.dtype == full.dtype == wanted, op
