"""What a schedule orders across workers is kept, also where no value flows from one to the other."""

import json

import genie.export
import pytest
import torch
from harness import OK
from safetensors.torch import save_file
from workers import Cutter


class Apart(torch.nn.Module):
    """Two halves that know nothing of each other: one takes long, one takes no time."""

    def __init__(self):
        super().__init__()
        self.long = torch.nn.Sequential(*(torch.nn.Linear(1024, 1024) for _ in range(6)))
        self.short = torch.nn.Linear(1024, 4)

    def forward(self, x, y):
        return self.long(x), self.short(y)


def stages(folder):
    """Per device: when its stages began and ended, in microseconds."""
    trace = json.loads((folder / "trace.json").read_text())
    events = trace["traceEvents"] if isinstance(trace, dict) else trace
    names = {event["pid"]: event["args"]["name"] for event in events if event.get("name") == "process_name"}
    spans = {}
    for event in events:
        if event.get("ph") == "X":
            spans.setdefault(names[event["pid"]], []).append((event["ts"], event["ts"] + event["dur"]))
    return spans


@pytest.mark.parametrize("direct", [True, False])
def test_a_stage_waits_for_one_that_it_reads_nothing_of(host, cluster, tmp_path, direct):
    torch.manual_seed(0)
    x, y = torch.randn(512, 1024), torch.randn(4, 1024)
    model = Apart().eval()
    genie.export.save(genie.export.export(model, (x, y)), tmp_path / "apart.pt2")
    save_file({"x": x, "y": y}, tmp_path / "in.safetensors")
    workers = cluster.start("w0", "w1")
    # Where workers cannot reach each other, the client passes on what they say.
    ways = [Cutter(worker, "goodbye", peers=direct, instead=lambda: None) for worker in workers]
    config = {"source": {"uri": "apart.pt2"}, "kernels": [{"plugin": "org.genie.kernels-aten", "options": {"threads": 1}}],
              "backend": cluster.backend(payload="tls"), "run": {"inputs": "in.safetensors"},
              "hints": [{"kind": "pin", "select": part, "device": device, "strength": "hard"} for part, device in (("long.**", "w0"), ("short", "w1"))],
              "outputs": {"file": "outputs.safetensors"}, "report": {"json": "report.json", "trace": "trace.json"}}
    config["backend"]["options"]["workers"] = [way.address for way in ways]
    host.write(config, tmp_path, "first.json")
    host.command("plan", "schedule", "first.json", "--output", "free.json", folder=tmp_path, check=OK)
    plan = json.loads((tmp_path / "free.json").read_text())
    (schedule,) = plan["schedule"]["methods"].values()
    (short,) = [stage for stage in schedule["stages"] if stage["device"] == "w1"]
    assert "after" not in short
    host.run({**config, "source": {"plan": "free.json"}}, tmp_path, check=OK)
    free, expected = stages(tmp_path), (tmp_path / "outputs.safetensors").read_bytes()
    end = max(end for _, end in free["w0"])
    assert min(begin for begin, _ in free["w1"]) < end, "they run at the same time"

    short["after"] = [stage["id"] for stage in schedule["stages"] if stage["device"] == "w0"][-1:]
    (tmp_path / "ordered.json").write_text(json.dumps(plan))
    host.run({**config, "source": {"plan": "ordered.json"}}, tmp_path, check=OK)
    ordered = stages(tmp_path)
    assert (tmp_path / "outputs.safetensors").read_bytes() == expected
    # The clocks of both begin when the step reaches each: that is less apart than the long half is long.
    duration = max(end for _, end in ordered["w0"]) - min(begin for begin, _ in ordered["w0"])
    assert min(begin for begin, _ in ordered["w1"]) > max(end for _, end in ordered["w0"]) - duration / 4
    counters = json.loads((tmp_path / "report.json").read_text())["counters"]
    assert counters.get("values_sent_directly", 0) == (1 if direct else 0)
    assert counters.get("values_sent_through_client", 0) == (0 if direct else 1)
