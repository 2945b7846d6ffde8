"""The `run` section through the whole system: steps, inputs of every kind, added outputs, and the report's schema."""

import json

import jsonschema_rs
import numpy
import pytest
import torch
from safetensors.torch import load_file, save_file

import genie.export
from harness import OK, USAGE, VERIFICATION_FAILED, topology

MIB = 1 << 20


class Chain(torch.nn.Module):
    """One step of something that goes on from its own output."""

    def forward(self, x):
        return {"next": x * 2 + 1, "scores": torch.stack([x.sin(), x.cos(), x])}


class Counter(torch.nn.Module):
    """Adds up what it is given: its outputs tell how often it ran in this session."""

    def __init__(self):
        super().__init__()
        self.register_buffer("total", torch.zeros(2))

    def forward(self, x):
        self.total.add_(x)
        return self.total * 1


class Kinds(torch.nn.Module):
    """Takes an element type of each kind."""

    def forward(self, floats, halves, brains, numbers, flags):
        return floats + 1, halves * 2, brains * 2, numbers - 1, ~flags


@pytest.fixture
def chain(tmp_path):
    genie.export.save(genie.export.export(Chain().eval(), (torch.zeros(4),)), tmp_path / "model.pt2")
    return tmp_path


def config_of(folder, run, **sections):
    topology(folder, [8 * MIB, 8 * MIB])
    return {"source": {"uri": "model.pt2"}, "backend": {"plugin": "org.genie.backend-emulation", "options": {"topology": "cluster.json"}},
            "run": run, "outputs": {"file": "outputs.safetensors"}, "report": {"json": "report.json"}, **sections}


def validated(root, report):
    """The report, after its schema has judged it."""
    schema = json.loads((root / "sdk/schema/report-0.1.schema.json").read_text())
    jsonschema_rs.validator_for(schema).validate(report)
    return report


def test_later_steps_go_on_from_what_earlier_ones_put_out(host, chain, root):
    x = torch.tensor([0.0, 1.0, -2.0, 3.5])
    steps = [{"inputs": {"x": {"value": x.tolist()}}}, {"inputs": {"x": {"output": "-1/next"}}, "repeat": 3}, {"inputs": {"x": {"output": "0/next"}}}]
    result = host.run(config_of(chain, {"steps": steps}), chain, check=OK)
    outputs, expected = load_file(chain / "outputs.safetensors"), []
    for _ in range(4):
        expected.append(Chain()(x))
        x = expected[-1]["next"]
    expected.append(Chain()(expected[0]["next"]))
    assert outputs.keys() == {f"{step}/{name}" for step in range(5) for name in ("next", "scores")}
    for step, wanted in enumerate(expected):
        for name, tensor in wanted.items():
            assert torch.equal(outputs[f"{step}/{name}"], tensor), (step, name)
    report = validated(root, result.report)
    assert [step["index"] for step in report["time"]["steps"]] == [0, 1, 2, 3, 4]


def test_only_what_is_asked_for_is_fetched(host, chain):
    run = {"steps": [{"inputs": {"x": {"value": [1, 2, 3, 4]}}}, {"inputs": {"x": {"output": "-1/next"}}}]}
    host.run(config_of(chain, run, outputs={"file": "outputs.safetensors", "only": ["scores", "1/next"]}), chain, check=OK)
    assert load_file(chain / "outputs.safetensors").keys() == {"0/scores", "1/scores", "1/next"}
    result = host.run(config_of(chain, run, outputs={"only": ["score"]}), chain, check=USAGE)
    assert "/outputs/only/0" in result.text and "did you mean `scores`?" in result.text


def test_added_outputs_are_those_of_torch(host, chain):
    run = {"inputs": {"x": {"value": [0.3, 2.0, -1.0, 9.0]}},
           "add": [{"output": "best", "argmax": "scores", "dim": 0}, {"output": "top", "topk": "next", "k": 2}]}
    host.run(config_of(chain, run), chain, check=OK)
    outputs, wanted = load_file(chain / "outputs.safetensors"), Chain()(torch.tensor([0.3, 2.0, -1.0, 9.0]))
    assert torch.equal(outputs["best"], wanted["scores"].argmax(0))
    values, indices = wanted["next"].topk(2)
    assert torch.equal(outputs["top.values"], values) and torch.equal(outputs["top.indices"], indices)


def test_each_repetition_has_a_session_of_its_own(host, tmp_path):
    genie.export.save(genie.export.export(Counter().eval(), (torch.zeros(2),)), tmp_path / "model.pt2")
    run = {"inputs": {"x": {"value": [1, 10]}}, "repeat": 3, "warmup": 2}
    three = host.run(config_of(tmp_path, run), tmp_path, check=OK).report
    assert load_file(tmp_path / "outputs.safetensors")["output"].tolist() == [1, 10]
    assert len(three["time"]["steps"]) == 3
    # Counters are of the measured part: three runs, not five.
    once = host.run(config_of(tmp_path, {**run, "repeat": 1, "warmup": 0}), tmp_path, check=OK).report
    for counter in ("kernel_calls", "wire_bytes"):
        assert three["counters"][counter] == 3 * once["counters"][counter] > 0
    assert three["devices"]["w0"]["busy_ns"] == 3 * once["devices"]["w0"]["busy_ns"] > 0


def test_inputs_of_every_element_type_come_through_unchanged(host, tmp_path):
    tensors = {"floats": torch.randn(3), "halves": torch.randn(3).half(), "brains": torch.randn(3).bfloat16(),
               "numbers": torch.tensor([1, -(2**40), 3]), "flags": torch.tensor([True, False, True])}
    genie.export.save(genie.export.export(Kinds().eval(), tuple(tensors.values())), tmp_path / "model.pt2")
    save_file({"renamed": tensors["brains"]}, tmp_path / "some.safetensors")
    for name in ("floats", "halves", "numbers", "flags"):
        numpy.save(tmp_path / f"{name}.npy", tensors[name].numpy())
    inputs = {name: {"file": f"{name}.npy"} for name in ("floats", "halves", "numbers", "flags")}
    inputs["brains"] = {"file": "some.safetensors", "tensor": "renamed"}
    host.run(config_of(tmp_path, {"inputs": inputs}), tmp_path, check=OK)
    outputs = load_file(tmp_path / "outputs.safetensors")
    for index, tensor in enumerate(Kinds()(**tensors)):
        assert torch.equal(outputs[str(index)], tensor), index


def splitmix64(seed, count):
    """The documented generator."""
    z = (numpy.uint64(seed) + numpy.arange(1, count + 1, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15))
    z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    return z ^ (z >> numpy.uint64(31))


def test_random_inputs_are_those_of_the_documented_generator(host, chain):
    with numpy.errstate(over="ignore"):
        x = splitmix64(7, 4)
    wanted = (-1 + 3 * ((x >> numpy.uint64(11)).astype(numpy.float64) * 2.0**-53)).astype(numpy.float32)
    host.run(config_of(chain, {"inputs": {"x": {"random": {"seed": 7, "low": -1, "high": 2}}}}), chain, check=OK)
    assert torch.equal(load_file(chain / "outputs.safetensors")["next"], torch.from_numpy(wanted) * 2 + 1)


@pytest.mark.parametrize("inputs, code, words", [
    ({}, "GE0711", ["`x`", "f32[4]"]),
    ({"y": {"value": [1, 2, 3, 4]}, "x": {"value": [1, 2, 3, 4]}}, "GE0712", ["`y`", "`x`", "/run/inputs/y"]),
    ({"x": {"value": [1, 2, 3, 4], "dtype": "f64"}}, "GE0713", ["f64[4]", "f32[4]"]),
    ({"x": {"value": [1, 2, 3]}}, "GE0714", ["f32[3]", "f32[4]"]),
    ({"x": {"value": [[1], [2, 3]]}}, "GE0706", ["/run/inputs/x/value/1"]),
    ({"x": {"file": "nowhere.npy"}}, "GE0701", ["nowhere.npy", "/run/inputs/x"]),
    ({"x": {"file": "model.pt2"}}, "GE0731", ["model.pt2"]),
])
def test_an_input_that_does_not_fit_is_refused_with_its_place(host, chain, inputs, code, words):
    text = host.run(config_of(chain, {"inputs": inputs}), chain, check=USAGE).text
    for word in [code, "run.json", *words]:
        assert word in text, text


def test_a_step_that_names_an_output_the_method_has_not_is_refused(host, chain):
    run = {"steps": [{"inputs": {"x": {"value": [1, 2, 3, 4]}}}, {"inputs": {"x": {"output": "0/nxt"}}}]}
    text = host.run(config_of(chain, run), chain, check=USAGE).text
    assert "GE0715" in text and "/run/steps/1/inputs/x/output" in text and "did you mean `next`?" in text
    run["steps"][1]["inputs"]["x"]["output"] = "0/scores"
    assert "f32[3, 4]" in host.run(config_of(chain, run), chain, check=USAGE).text


def test_a_method_that_does_not_exist_is_named_beside_those_that_do(host, chain):
    text = host.run(config_of(chain, {"method": "forwrad", "inputs": {}}), chain, check=USAGE).text
    assert "GE0710" in text and "/run/method" in text and "did you mean `forward`?" in text


def test_reports_of_all_outcomes_follow_their_schema(host, chain, root):
    run = {"inputs": {"x": {"value": [1, 2, 3, 4]}}}
    save_file({"next": torch.zeros(4), "missing": torch.zeros(1)}, chain / "expected.safetensors")
    wrong = host.run(config_of(chain, run, expect={"file": "expected.safetensors"}), chain, "--json", check=VERIFICATION_FAILED)
    report = validated(root, json.loads(wrong.out))
    assert report == wrong.report
    assert report["verify"]["missing"] == ["missing"] and report["verify"]["not_compared"] == ["scores"]
    assert report["verify"]["worst"]["output"] == "next" and report["exit_code"] == VERIFICATION_FAILED
    refused = host.run(config_of(chain, {"inputs": {}}), chain, "--json", check=USAGE)
    assert validated(root, json.loads(refused.out))["outcome"][0]["code"] == "GE0711"
    early = host.run({**config_of(chain, run), "colour": "red"}, chain, "--json", check=USAGE)
    assert validated(root, json.loads(early.out))["outcome"][0]["pointer"] == "/colour"
