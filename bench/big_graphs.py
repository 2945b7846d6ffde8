"""Transformer blocks, one after the other, as a plan and as an ONNX model with the same nodes.

Node for node the two say the same: operator, arguments, types of all results and, when annotated, the user's module and
source line (the plan also phase, role and modality, which ONNX has no place for). Blocks take turns with eight layers'
weights.
"""

import json

BATCH, SEQUENCE, WIDTH, HEADS, HEAD, INNER, LAYERS = "s0", 16, 64, 4, 16, 128, 8
FILE = "transformers/models/bert/modeling_bert.py"


class Node:
    """One operator. Inputs are values, weights as ("w", NAME), or numbers."""

    def __init__(self, aten, onnx, inputs, shape, scope, role, args=(), kwargs=None, attributes=None, strides=None, alias=False):
        self.aten, self.onnx, self.inputs, self.shape, self.scope, self.role = aten, onnx, inputs, shape, scope, role
        self.args, self.kwargs, self.attributes, self.strides, self.alias = args, kwargs or {}, attributes or {}, strides, alias


def ints(*numbers):
    return {"list": [{"dim": number} if isinstance(number, str) else {"int": number} for number in numbers]}


def block(index, x, name):
    """Yield (result, Node) of one transformer block that reads the value ``x``."""
    layer = f"encoder.layer.{index % LAYERS}"
    count = 0

    def result():
        nonlocal count
        count += 1
        return f"{name}_{count}"

    def add(*parts, **more):
        made = result()
        nodes.append((made, Node(*parts, **more)))
        return made

    def linear(value, module, role, shape):
        product = add("matmul.default", "MatMul", [value, ("w", f"{layer}.{module}.weight")], shape, f"{layer}.{module}", role)
        return add("add.Tensor", "Add", [product, ("w", f"{layer}.{module}.bias")], shape, f"{layer}.{module}", role, kwargs={"alpha": {"int": 1}})

    def norm(value, module):
        return add("layer_norm.default", "LayerNormalization", [value, ("w", f"{layer}.{module}.weight"), ("w", f"{layer}.{module}.bias")],
                   hidden, f"{layer}.{module}", "norm", args=(1, [ints(WIDTH)], 4, [{"float": 1e-12}, {"bool": False}]), attributes={"axis": -1, "epsilon": 1e-12})

    def permute(value, order, shape, strides, role):
        return add("permute.default", "Transpose", [value], shape, f"{layer}.attention.self", role, args=(1, [ints(*order)]), attributes={"perm": order},
                   strides=strides, alias=True)

    nodes = []
    hidden, split, heads = [BATCH, SEQUENCE, WIDTH], [BATCH, SEQUENCE, HEADS, HEAD], [BATCH, HEADS, SEQUENCE, HEAD]
    parts = {}
    for part in ("query", "key", "value"):
        flat = linear(x, f"attention.self.{part}", f"attention.{part}", hidden)
        view = add("view.default", "Reshape", [flat], split, f"{layer}.attention.self", "attention", args=(1, [ints(*split)]), attributes={"shape": "split"}, alias=True)
        row = SEQUENCE * WIDTH
        parts[part] = (permute(view, [0, 2, 3, 1], [BATCH, HEADS, HEAD, SEQUENCE], [row, HEAD, 1, WIDTH], "attention") if part == "key"
                       else permute(view, [0, 2, 1, 3], heads, [row, HEAD, WIDTH, 1], "attention"))
    square = [BATCH, HEADS, SEQUENCE, SEQUENCE]
    here = f"{layer}.attention.self"
    scores = add("matmul.default", "MatMul", [parts["query"], parts["key"]], square, here, "attention.scores")
    scaled = add("mul.Tensor", "Mul", [scores, 0.25], square, here, "attention.scores")
    weights = add("softmax.int", "Softmax", [scaled], square, here, "attention.scores", args=(1, [{"int": -1}, None]), attributes={"axis": -1})
    context = add("matmul.default", "MatMul", [weights, parts["value"]], heads, here, "attention")
    turned = permute(context, [0, 2, 1, 3], split, [SEQUENCE * WIDTH, HEAD, SEQUENCE * HEAD, 1], "attention")
    joined = add("reshape.default", "Reshape", [turned], hidden, here, "attention", args=(1, [ints(*hidden)]), attributes={"shape": "hidden"})
    projected = linear(joined, "attention.output.dense", "attention.output", hidden)
    first = add("add.Tensor", "Add", [projected, x], hidden, f"{layer}.attention.output", "residual", kwargs={"alpha": {"int": 1}})
    attended = norm(first, "attention.output.LayerNorm")
    inner = linear(attended, "intermediate.dense", "mlp.up", [BATCH, SEQUENCE, INNER])
    active = add("gelu.default", "Gelu", [inner], [BATCH, SEQUENCE, INNER], f"{layer}.intermediate", "mlp.activation", kwargs={"approximate": {"str": "none"}})
    down = linear(active, "output.dense", "mlp.down", hidden)
    second = add("add.Tensor", "Add", [down, attended], hidden, f"{layer}.output", "residual", kwargs={"alpha": {"int": 1}})
    norm(second, "output.LayerNorm")
    return nodes


def nodes_of(count):
    """``count`` nodes, whole blocks first: [(result, Node)]."""
    made, x = [], "x"
    while len(made) < count:
        made += block(len(made), x, f"v{len(made)}")
        x = made[-1][0]
    return made[:count]


def weight_shapes():
    shapes = {}
    for layer in range(LAYERS):
        for module, rows, columns in (*((f"attention.self.{part}", WIDTH, WIDTH) for part in ("query", "key", "value")),
                                      ("attention.output.dense", WIDTH, WIDTH), ("intermediate.dense", WIDTH, INNER), ("output.dense", INNER, WIDTH)):
            shapes[f"encoder.layer.{layer}.{module}.weight"] = [rows, columns]
            shapes[f"encoder.layer.{layer}.{module}.bias"] = [columns]
        for module in ("attention.output.LayerNorm", "output.LayerNorm"):
            for kind in ("weight", "bias"):
                shapes[f"encoder.layer.{layer}.{module}.{kind}"] = [WIDTH]
    return shapes


def write_plan(path, count, annotated):
    made = nodes_of(count)
    values = {"x": {"dtype": "f32", "shape": [BATCH, SEQUENCE, WIDTH]}}
    nodes = []
    for number, (result, node) in enumerate(made):
        args = [{"weight": given[1]} if isinstance(given, tuple) else {"value": given} if isinstance(given, str) else {"float": given}
                for given in node.inputs]
        for position, more in zip(node.args[::2], node.args[1::2]):
            args[position:position] = more
        written = {"id": f"n{number}", "op": f"aten.{node.aten}", "args": args, "results": [result]}
        if node.kwargs:
            written["kwargs"] = node.kwargs
        if annotated:
            written |= {"scope": node.scope, "source": {"file": FILE, "line": 100 + number % 700},
                        "semantics": {"modality": {"by": "inferred", "confidence": 0.85, "is": "text"},
                                      "phase": {"by": "inferred", "confidence": 0.8, "is": "encode"},
                                      "role": {"by": "inferred", "confidence": 0.95, "is": node.role}}}
        nodes.append(written)
        values[result] = {"dtype": "f32", "shape": node.shape}
        if node.strides:
            values[result]["strides"] = node.strides
        if node.alias:
            values[result]["alias_of"] = node.inputs[0]
    blob = "sha256:" + "a" * 64
    plan = {
        "schema": "genie.plan", "version": {"major": 0, "minor": 1}, "stage": "captured", "producer": {"plugin": "com.example.bench", "version": "1"},
        "opsets": {"aten": 1}, "symbols": {BATCH: {"min": 2, "max": 64, "from": {"input": "x", "dim": 0}}},
        "blobs": {blob: {"size_bytes": 1 << 20}},
        "weights": {name: {"kind": "parameter", "dtype": "f32", "shape": shape, "blob": blob} for name, shape in weight_shapes().items()},
        "methods": {"forward": {"inputs": [{"name": "x", "value": "x"}], "outputs": [{"name": "y", "value": made[-1][0]}], "values": values, "nodes": nodes}},
    }
    path.write_text(json.dumps(plan, separators=(",", ":"), sort_keys=True))


def write_onnx(path, count, annotated):
    import onnx
    from onnx import TensorProto, helper

    def typed(name, shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    made = nodes_of(count)
    constants = {"split": [0, SEQUENCE, HEADS, HEAD], "hidden": [0, SEQUENCE, WIDTH]}
    initializers = [helper.make_tensor(name, TensorProto.INT64, [len(shape)], shape) for name, shape in constants.items()]
    initializers.append(helper.make_tensor("quarter", TensorProto.FLOAT, [], [0.25]))
    for name, shape in weight_shapes().items():
        size = 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        initializers.append(helper.make_tensor(name, TensorProto.FLOAT, shape, bytes(size), raw=True))
    nodes = []
    for number, (result, node) in enumerate(made):
        inputs = [given[1] if isinstance(given, tuple) else given if isinstance(given, str) else "quarter" for given in node.inputs]
        attributes = dict(node.attributes)
        if "shape" in attributes:
            inputs.append(attributes.pop("shape"))
        written = helper.make_node(node.onnx, inputs, [result], name=f"n{number}", **attributes)
        if annotated:  # as torch's own exporter to ONNX names them
            for key, value in (("pkg.torch.onnx.name_scopes", node.scope), ("pkg.torch.onnx.stack_trace", f"{FILE}:{100 + number % 700}")):
                entry = written.metadata_props.add()
                entry.key, entry.value = key, value
        nodes.append(written)
    graph = helper.make_graph(nodes, "blocks", [typed("x", [BATCH, SEQUENCE, WIDTH])], [typed(made[-1][0], made[-1][1].shape)], initializers,
                              value_info=[typed(result, node.shape) for result, node in made[:-1]])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
