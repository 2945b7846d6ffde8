"""The same plan on workers: the same bits as in one process, whatever the number of workers."""

import json

import genie.export
import pytest
import torch
from harness import EMULATION, OK, topology
from safetensors.torch import save_file


class Decoder(torch.nn.Module):
    """A GPT-2 of two small layers with a cache as state: attention, norms, a tied head."""

    def __init__(self, width=32, heads=4, vocabulary=50, longest=16):
        super().__init__()
        self.heads, self.width = heads, width
        self.tokens, self.places = torch.nn.Embedding(vocabulary, width), torch.nn.Embedding(longest, width)
        self.layers = torch.nn.ModuleList(Layer(width, heads, longest) for _ in range(2))
        self.norm = torch.nn.LayerNorm(width)

    def forward(self, token, place):
        x = self.tokens(token) + self.places(place)
        for layer in self.layers:
            x = layer(x, place)
        return torch.nn.functional.linear(self.norm(x), self.tokens.weight)


class Layer(torch.nn.Module):
    def __init__(self, width, heads, longest):
        super().__init__()
        self.heads, self.longest = heads, longest
        self.before, self.after = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)
        self.qkv, self.out = torch.nn.Linear(width, 3 * width), torch.nn.Linear(width, width)
        self.up, self.down = torch.nn.Linear(width, 4 * width), torch.nn.Linear(4 * width, width)
        self.register_buffer("k", torch.zeros(1, heads, longest, width // heads))
        self.register_buffer("v", torch.zeros(1, heads, longest, width // heads))

    def forward(self, x, place):
        batch, length, width = x.shape
        q, k, v = (t.view(batch, length, self.heads, -1).transpose(1, 2) for t in self.qkv(self.before(x)).chunk(3, -1))
        self.k.index_copy_(2, place, k)
        self.v.index_copy_(2, place, v)
        seen = torch.arange(self.longest) <= place.view(-1, 1)
        mixed = torch.nn.functional.scaled_dot_product_attention(q, self.k, self.v, attn_mask=seen)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.down(torch.nn.functional.gelu(self.up(self.after(x)), approximate="tanh"))


def decoder_config(folder, steps=4):
    """Decodes by its own choices: each step's token is the one before's output, kept where it was made."""
    torch.manual_seed(0)
    model = Decoder().eval()
    token, place = torch.tensor([[3]]), torch.tensor([0])
    genie.export.save(genie.export.export(model, (token, place)), folder / "decoder.pt2")
    for step in range(steps):
        save_file({"token": token, "place": torch.tensor([step])}, folder / f"in{step}.safetensors")
    first = {"token": {"file": "in0.safetensors"}, "place": {"file": "in0.safetensors"}}
    later = [{"token": {"output": f"{step - 1}/next"}, "place": {"file": f"in{step}.safetensors"}} for step in range(1, steps)]
    return {"source": {"uri": "decoder.pt2"},
            "kernels": [{"plugin": "org.genie.kernels-aten", "options": {"threads": 1}}],
            "run": {"steps": [{"inputs": inputs} for inputs in (first, *later)],
                    "add": [{"output": "next", "argmax": "output", "dim": -1}]},
            "hints": [{"kind": "pin", "select": f"layers.{layer}.**", "device": device, "strength": "hard"}
                      for layer, device in enumerate(("w0", "w1"))],
            "report": {"json": "report.json"}}


def outputs(folder):
    return (folder / "outputs.safetensors").read_bytes()


def emulated(config, count):
    """The same run on emulated devices of the workers' names."""
    return {**config, "backend": {"plugin": EMULATION, "options": {"topology": "cluster.json"}},
            "outputs": {"file": "outputs.safetensors"}}


def pins_for(config, count):
    """Hints that put their parts on so many workers."""
    hints = [{**hint, "device": f"w{min(int(hint['device'][1:]), count - 1)}"} for hint in config.get("hints", [])]
    return {**config, "hints": hints}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_decoder_with_a_cache_gives_the_emulators_bits_on_workers(host, cluster, tmp_path, count):
    config = pins_for(decoder_config(tmp_path), count)
    topology(tmp_path, [1 << 30] * count)
    host.run(emulated(config, count), tmp_path, check=OK)
    expected = outputs(tmp_path)
    cluster.start(*(f"w{i}" for i in range(count)))
    host.run({**config, "backend": cluster.backend(), "outputs": {"file": "outputs.safetensors"}}, tmp_path, check=OK)
    assert outputs(tmp_path) == expected
    report = json.loads((tmp_path / "report.json").read_text())
    computing = {device for device, use in report["devices"].items() if use["busy_ns"] > 0}
    assert len(computing) >= min(count, 2)


def test_values_go_from_worker_to_worker_and_not_through_the_client(host, cluster, tmp_path):
    config = decoder_config(tmp_path)
    first, second = cluster.start("w0", "w1")
    run = host.run({**config, "backend": cluster.backend()}, tmp_path, check=OK)
    assert run.code == OK
    counters = json.loads((tmp_path / "report.json").read_text())["counters"]
    assert counters["values_sent_directly"] > 0
    assert counters.get("values_sent_through_client", 0) == 0


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("name", ["bert-static.plain", "cache.plain", "branch-on-size.plain"])
def test_archives_of_the_corpus_give_pytorchs_bits(host, corpus, cluster, tmp_path, name, count):
    archive = corpus.archives[name]
    cluster.start(*(f"w{i}" for i in range(count)))
    for session in corpus.sessions(archive):
        config = corpus.config(archive, tmp_path, session)
        config["backend"] = cluster.backend()
        # A wish that spreads modules, where the model has some.
        modules = name != "branch-on-size.plain"
        config["hints"] = [{"kind": "separate", "select": "**", "strength": "soft"}] if count > 1 and modules else []
        host.run(config, tmp_path, check=OK)


def test_a_client_that_comes_back_sends_no_weights_again(host, cluster, tmp_path):
    config = decoder_config(tmp_path)
    cluster.start("w0", "w1")
    sent = []
    for _ in range(2):
        host.run({**config, "backend": cluster.backend()}, tmp_path, check=OK)
        sent.append(json.loads((tmp_path / "report.json").read_text())["counters"]["weight_bytes_sent"])
    assert sent[0] > 0 and sent[1] == 0


class Wide(torch.nn.Module):
    """Inputs, values between workers and outputs of megabytes."""

    def __init__(self):
        super().__init__()
        self.first, self.second = torch.nn.Linear(256, 256), torch.nn.Linear(256, 256)

    def forward(self, x):
        return self.second(torch.relu(self.first(x)))


def wide_config(folder, rows, steps):
    torch.manual_seed(0)
    x = torch.randn(rows, 256)
    genie.export.save(genie.export.export(Wide().eval(), (x,)), folder / "wide.pt2")
    save_file({"x": x}, folder / "in.safetensors")
    return {"source": {"uri": "wide.pt2"}, "kernels": [{"plugin": "org.genie.kernels-aten", "options": {"threads": 1}}],
            "run": {"steps": [{"inputs": {"x": {"file": "in.safetensors"}}} for _ in range(steps)]},
            "hints": [{"kind": "pin", "select": part, "device": device, "strength": "hard"} for part, device in (("first", "w0"), ("second", "w1"))],
            "report": {"json": "report.json"}}


@pytest.mark.parametrize("options, path", [({}, "arena"), ({"provider": "arena"}, "arena"), ({"provider": "net"}, "net"), ({"provider": "tcp"}, "tcp;ofi_rxm"),
                                           ({"provider": "shm"}, "shm"), ({"payload": "tls"}, "control")])
def test_megabytes_give_the_emulators_bits_over_every_data_path(host, cluster, tmp_path, options, path):
    config = wide_config(tmp_path, rows=4096, steps=3)
    topology(tmp_path, [1 << 30] * 2)
    host.run(emulated(config, 2), tmp_path, check=OK)
    expected = outputs(tmp_path)
    cluster.start("w0", "w1")
    host.run({**config, "backend": cluster.backend(**options), "outputs": {"file": "outputs.safetensors"}}, tmp_path, check=OK)
    assert outputs(tmp_path) == expected
    assert json.loads((tmp_path / "report.json").read_text())["counters"][f"workers_on_{path}"] == 2


def test_a_worker_may_insist_on_a_data_path_and_a_client_on_another(host, cluster, tmp_path):
    config = {**wide_config(tmp_path, rows=4, steps=1), "hints": []}
    cluster.start("w0", options={"provider": "net"})
    host.run({**config, "backend": cluster.backend()}, tmp_path, check=OK)
    assert json.loads((tmp_path / "report.json").read_text())["counters"]["workers_on_net"] == 1
    run = host.run({**config, "backend": cluster.backend(provider="verbs")}, tmp_path)
    assert run.code != OK
    assert "GE0850" in run.err and "verbs" in run.err
