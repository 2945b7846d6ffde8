"""Good documents of each kind, from which the others are made: together they use every key of the schemas."""

import copy
import json
import pathlib

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "plan" / "golden" / "0.1"

#: Kind of document (as schema-judge calls it) and the file of its schema.
SCHEMAS = {"plan": "execution-plan-0.1", "topology": "topology-0.1", "faults": "faults-0.1", "run": "run-config-0.1",
           "worker": "worker-config-0.1"}

RUN = {
    "schema": "genie.run", "version": {"major": 0, "minor": 1},
    "plugins": {"paths": ["../plugins"], "allow": [{"id": "org.genie.policy-default", "sha256": "0" * 64}]},
    "source": {"plugin": "org.genie.frontend-pytorch", "uri": "minilm.pt2", "options": {"share_states": False}},
    "policy": {"plugin": "org.genie.policy-default", "options": {"objective": "latency"}},
    "kernels": [{"plugin": "org.genie.kernels-aten", "options": {"threads": 1}}],
    "backend": {"plugin": "org.genie.backend-emulation", "options": {"topology": "cluster.json"}},
    "hints": [
        {"kind": "pin", "select": "encoder.layer.0.*", "device": "w0", "strength": "hard"},
        {"kind": "budget", "select": "**", "device": "w0", "bytes": 10, "strength": "soft", "weight": 0.5},
        {"kind": "recompute", "select": "op:aten.gelu.*", "value": "never"},
        {"id": "mine", "kind": "role", "select": "lm_head", "value": "lm_head"},
        {"kind": "colocate", "select": "a.*"},
    ],
    "run": {
        "method": "forward", "repeat": 1, "warmup": 0, "on_worker_loss": "fail", "deadline_ms": 1000, "seed": 0,
        "add": [{"output": "next", "argmax": "logits", "dim": -1}, {"output": "top", "topk": "logits", "k": 3}],
        "inputs": {
            "input_ids": {"file": "inputs.safetensors", "tensor": "input_ids"}, "attention_mask": {"file": "mask.npy"},
            "noise": {"random": {"seed": 7, "shape": [1, 16], "dtype": "f32", "low": -1, "high": 1.5}},
            "scale": {"value": 0.5, "dtype": "f64"}, "many": {"value": [[1, True], ["NaN", -0.5]]},
        },
    },
    "outputs": {"file": "outputs.safetensors", "only": ["last_hidden_state"]},
    "expect": {"file": "expected.safetensors", "rtol": 1e-5, "atol": 0},
    "report": {"json": "report.json", "trace": "trace.json", "plan": "plan.json"},
}
STEPS = {
    "source": {"plan": "plan.json"},
    "run": {"seed": 9007199254740991, "steps": [
        {"method": "prefill", "inputs": "prompt.safetensors"},
        {"inputs": {"token": {"output": "0/next"}, "last": {"output": "-1/past.0.key"}}, "repeat": 4}]},
}
WORKER = {
    "schema": "genie.worker", "version": {"major": 0, "minor": 1},
    "plugins": {"paths": ["../plugins"], "allow": [{"id": "org.genie.kernels-aten", "sha256": "0" * 64}]},
    "service": {"plugin": "org.genie.backend-libfabric", "options": {"listen": "127.0.0.1:0", "token_file": "w0.token"}},
    "kernels": [{"plugin": "org.genie.kernels-aten", "options": {"threads": 1}}],
    "devices": [{"id": "w0", "kind": "cpu", "memory_bytes": 1073741824, "speed": 1.5, "host": "a",
                 "kernels": ["org.genie.kernels-aten"],
                 "compute": {"flops_per_s": 5e10, "memory_bytes_per_s": 1.2e10, "op_overhead_ns": 0}}],
    "drain_ms": 0,
}
MESSAGES = {"link": "h0-h1", "from": "w0", "to": "client", "transfer": "t0", "value": "v1", "probability": 0.5, "count": 2, "for_ns": 5}
FAULTS = {
    "schema": "genie.faults", "version": {"major": 0, "minor": 1}, "seed": 3,
    "delivery": {"timeout_ns": 1, "retries": 0, "patience_ns": 10},
    "faults": [
        {"id": "mine", "kind": "crash", "device": "w0", "at_ns": 0, "step": 1, "stage": "a0", "scope": "encoder"},
        {"kind": "stall", "device": "w0", "for_ns": 7}, {"kind": "slow", "device": "w0", "factor": 1.5, "for_ns": 7},
        {"kind": "memory", "device": "w0", "bytes": 1, "for_ns": 7}, {"kind": "drop", "link": "a", "for_ns": 7},
        {"kind": "partition", "sets": [["w0"], ["w1", "w2"]], "for_ns": 7}, {"kind": "loss", **MESSAGES},
        {"kind": "latency", "delay_ns": 4, **MESSAGES}, {"kind": "corrupt", "then": "fail", **MESSAGES},
        {"kind": "duplicate", **MESSAGES}, {"kind": "late", "delay_ns": 4, **MESSAGES},
    ],
}
for _fault in FAULTS["faults"][1:]:
    _fault.update({"id": _fault["kind"], "at_ns": 1, "step": 0, "stage": "a0", "scope": "encoder"})
DRAWN = {"schema": "genie.faults", "version": {"major": 0, "minor": 1},
         "random": {"seed": 0, "count": 3, "kinds": ["loss", "late"], "steps": 2, "within_ns": 100}}


def golden(kind):
    documents = [json.loads(path.read_text()) for path in sorted(GOLDEN.glob(f"*.{kind}.json"))]
    assert documents, f"no golden documents of the kind {kind} in {GOLDEN}"
    return documents


def good(kind):
    """Documents that both sides accept."""
    if kind == "run":
        return copy.deepcopy([RUN, STEPS])
    if kind == "faults":
        return copy.deepcopy([FAULTS, DRAWN])
    if kind == "worker":
        return copy.deepcopy([WORKER, {"devices": [{"id": "w0", "memory_bytes": 1}]}])
    return [*golden(kind), *({"plan": lambda: [fixed_numbers(), pipeline()], "topology": lambda: [copy_engines()]}[kind]())]


def fixed_numbers():
    """A plan whose inputs were fixed at numbers of every type, and whose first node draws."""
    (plan,) = (plan for plan in golden("plan") if "prefill" in plan.get("methods", {}))
    method = plan["methods"]["prefill"]
    for kind, number in (("int", 3), ("int", "9007199254740993"), ("float", 2.5), ("float", "NaN"), ("bool", True)):
        name = f"{kind}-{number}"
        method["values"][name] = {"scalar": kind}
        method["inputs"].append({"name": name, "value": name, "constant": {kind: number}})
    method["nodes"][0].update(effects="rng", rng_stream=0)
    return plan


def pipeline():
    """A scheduled plan whose calls carry several micro-batches."""
    plan = next(plan for plan in golden("plan") if "schedule" in plan)
    next(iter(plan["schedule"]["methods"].values()))["micro_batches"] = 4
    return plan


def copy_engines():
    """A topology with a device that does not take any number of messages at once."""
    topology = golden("topology")[0]
    topology["devices"][0]["copy_engines"] = 2
    return topology


def edge_cases(kind):
    """Documents at the edges of what a kind allows, on either side."""
    if kind == "run":
        return copy.deepcopy(RUN_EDGES)
    return [*good(kind), [], 3, None, "text", {}]


RUN_EDGES = [
    {}, RUN, STEPS, {"source": {"uri": "a"}, "run": {"inputs": "b.safetensors"}}, {"run": {"steps": []}}, {"run": {"steps": [{}]}},
    {"run": {"steps": [{}], "method": "x"}}, {"run": {"steps": [{}], "repeat": 2}}, {"source": {}}, {"source": {"uri": "a", "plan": "b"}},
    {"run": {"inputs": {"x": {}}}}, {"run": {"inputs": {"x": {"value": None}}}}, {"run": {"inputs": {"x": {"value": []}}}},
    {"run": {"inputs": {"x": {"value": 1, "tensor": "t"}}}}, {"run": {"inputs": {"x": {"file": "a.npy", "dtype": "f32"}}}},
    {"run": {"inputs": {"x": {"random": {}}}}}, {"run": {"inputs": {"": {"value": 1}}}},
    {"run": {"repeat": 1000000}}, {"run": {"repeat": 1000001}}, {"run": {"repeat": 0}}, {"run": {"warmup": -1}},
    {"run": {"deadline_ms": 366 * 86400000}}, {"run": {"deadline_ms": 366 * 86400000 + 1}}, {"run": {"seed": -1}},
    {"run": {"add": [{"output": "a"}]}}, {"run": {"add": [{"output": "a", "argmax": "b", "topk": "c"}]}},
    {"run": {"add": [{"output": "a", "argmax": "b", "k": 1}]}}, {"run": {"add": [{"output": "a", "argmax": "b", "dim": 64}]}},
    *({"run": {"steps": [{}, {"inputs": {"x": {"output": text}}}]}} for text in (
        "0/a", "-1/a", "00/a", "-0/a", "+0/a", "0", "/a", "0/", "x/a", "1.5/a", "0/a/b", "0/\n", "999999/a", "1000000/a", "-999999/a",
        "-1000000/a", " 0/a", "99999999999999999999/a", "")),
    *({"hints": [{"kind": kind, "select": "*", **more}]}
      for kind in ("pin", "forbid", "colocate", "separate", "replicate", "phase", "role", "modality", "priority", "budget", "recompute", "x")
      for more in ({}, {"device": "d"}, {"value": "allow"}, {"device": "d", "bytes": 1}, {"device": "d", "bytes": 1, "value": "allow"})),
    {"hints": [{"kind": "recompute", "select": "*", "value": "maybe"}]}, {"hints": [{"kind": "colocate", "select": "*", "weight": 1}]},
    {"hints": [{"kind": "colocate", "select": "*", "weight": 0, "strength": "soft"}]},
    {"plugins": {"allow": [{"id": "a", "sha256": "A" * 64}]}}, {"plugins": {"allow": [{"id": "a", "sha256": "a" * 63}]}},
    {"version": {"major": 0}}, {"version": {"major": 0, "minor": 2}}, {"version": {"major": 0, "minor": 1, "patch": 0}},
    {"schema": "genie.plan"}, {"expect": {}}, {"expect": {"file": "a", "rtol": -1e-9}}, [], 3, None, "text",
]
