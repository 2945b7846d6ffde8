"""Transformer blocks, one after the other, as a plan and as an ONNX model with the same nodes.

Node for node the two say the same: operator, arguments, types of all results and, when annotated, the user's module and
source line (the plan also phase, role and modality, which ONNX has no place for). Blocks take turns with eight layers'
weights, unless each is to have its own.
"""

import hashlib
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


def block(index, x, name, layers=LAYERS):
    """Yield (result, Node) of one transformer block that reads the value ``x``."""
    layer = f"encoder.layer.{index % layers}"
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


def nodes_of(count, layers=LAYERS):
    """``count`` nodes, whole blocks first: [(result, Node)]."""
    made, x, index = [], "x", 0
    while len(made) < count:
        made += block(index, x, f"v{len(made)}", layers)
        index += 1
        x = made[-1][0]
    return made[:count]


def weight_shapes(layers=LAYERS):
    shapes = {}
    for layer in range(layers):
        for module, rows, columns in (*((f"attention.self.{part}", WIDTH, WIDTH) for part in ("query", "key", "value")),
                                      ("attention.output.dense", WIDTH, WIDTH), ("intermediate.dense", WIDTH, INNER), ("output.dense", INNER, WIDTH)):
            shapes[f"encoder.layer.{layer}.{module}.weight"] = [rows, columns]
            shapes[f"encoder.layer.{layer}.{module}.bias"] = [columns]
        for module in ("attention.output.LayerNorm", "output.LayerNorm"):
            for kind in ("weight", "bias"):
                shapes[f"encoder.layer.{layer}.{module}.{kind}"] = [WIDTH]
    return shapes


def write_plan(path, count, annotated, layers=LAYERS):
    made = nodes_of(count, layers)
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
        "weights": {name: {"kind": "parameter", "dtype": "f32", "shape": shape, "blob": blob} for name, shape in weight_shapes(layers).items()},
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


#: Nodes of a block.
BLOCK = len(block(0, "x", "v"))


def write_deep_plan(path, count):
    """A plan of whole blocks, about ``count`` nodes, each block with weights of its own. Their bytes, all zeros, lie in a sparse file
    beside it. Returns the numbers of nodes and blocks, and the bytes of a block's weights, at most."""
    blocks = max(1, round(count / BLOCK))
    write_plan(path, blocks * BLOCK, False, blocks)
    plan = json.loads(path.read_text())
    plan["blobs"], plan["locations"], offset, size = {}, {}, 0, 0
    names = {}
    for name in plan["weights"]:
        names.setdefault(int(name.split(".")[2]), []).append(name)
    hashed, hashed_bytes = hashlib.sha256(), 0
    for layer in sorted(names):
        size = 0
        for name in names[layer]:
            weight = plan["weights"][name]
            weight["offset_bytes"] = size
            elements = 4
            for extent in weight["shape"]:
                elements *= extent
            size += -(-elements // 64) * 64
        size += 64 * layer  # zeros of unlike length: blobs of unlike digest
        hashed.update(bytes(size - hashed_bytes))
        hashed_bytes = size
        digest = "sha256:" + hashed.copy().hexdigest()
        plan["blobs"][digest] = {"size_bytes": size}
        plan["locations"][digest] = {"uri": "weights.bin", "offset_bytes": offset}
        offset += size
        for name in names[layer]:
            plan["weights"][name]["blob"] = digest
    with open(path.parent / "weights.bin", "wb") as file:
        file.truncate(offset)
    path.write_text(json.dumps(plan, separators=(",", ":"), sort_keys=True))
    return blocks * BLOCK, blocks, size
