"""Plans that were edited by hand."""

CLUSTER = ("--topology", "cluster.json")


def _forward(plan):
    return plan["methods"]["forward"]


def _nodes(plan):
    return _forward(plan)["nodes"]


def _node(plan, operator):
    return next(node for node in _nodes(plan) if node["op"] == operator)


def _schedule(plan):
    return plan["schedule"]["methods"]["forward"]


def _captured(change):
    """A case that changes the captured plan."""
    def case(world):
        plan = world.plan()
        change(plan)
        return world.validate(plan)

    return case


def _documented(case, text):
    case.__doc__ = text
    case.__module__ = __name__
    return case


def _case(text, change):
    return _documented(_captured(change), text)


def _scheduled(text, change):
    def case(world):
        plan = world.plan("scheduled")
        change(plan)
        return world.validate(plan, *CLUSTER)

    return _documented(case, text)


# Bytes and schema -----------------------------------------------------------------------------------------------------------


def absent(world):
    """A plan that is not there."""
    return ["plan", "validate", "nowhere.json"]


def folder(world):
    """A folder in place of a plan."""
    world.path("plans").mkdir()
    return ["plan", "validate", "plans"]


def cut_off(world):
    """A plan that was cut off."""
    text = world.path("captured.json").read_text()
    world.write("plan.json", text[: len(text) // 2])
    return ["plan", "validate", "plan.json"]


def too_deep(world):
    """Lists nested a thousand times."""
    world.write("plan.json", '{"schema":"genie.plan","extensions":{"org.example":' + "[" * 1000 + "]" * 1000 + "}}")
    return ["plan", "validate", "plan.json"]


def twice_the_same_key(world):
    """A node with two operators."""
    world.write("plan.json", world.path("captured.json").read_text().replace('"op":', '"op":"aten.relu.default","op":', 1))
    return ["plan", "validate", "plan.json"]


def a_topology_in_place_of_a_plan(world):
    """A topology given as the plan."""
    return ["plan", "validate", "cluster.json"]


future_major = _case("A major version that is still to come.", lambda plan: plan["version"].update(major=7))
unknown_feature = _case("A feature that this host does not have.", lambda plan: plan.update(requires=["state", "telepathy"]))
unknown_op_set = _case("A version of the op set that this host does not have.", lambda plan: plan.update(opsets={"aten": 7}))
no_methods = _case("A plan without methods.", lambda plan: plan.pop("methods"))
misspelt_member = _case("A node whose `results` are misspelt.", lambda plan: _nodes(plan)[0].update(result=_nodes(plan)[0].pop("results")))
wrong_type = _case("A shape that is a number.", lambda plan: next(iter(_forward(plan)["values"].values())).update(shape=8))
unknown_dtype = _case("An element type that does not exist.", lambda plan: next(iter(_forward(plan)["values"].values())).update(dtype="float32"))
two_tags = _case("An argument that is two things at once.", lambda plan: _node(plan, "aten.relu.default")["args"][0].update(int=1))
unknown_tag = _case("An argument of an unknown kind.", lambda plan: _node(plan, "aten.relu.default").update(args=[{"val": "v1"}]))
digest_that_is_none = _case("A blob whose digest is no digest.", lambda plan: plan["blobs"].update({"sha256:12": {"size_bytes": 4}}))
negative_size = _case("A blob of a negative size.", lambda plan: next(iter(plan["blobs"].values())).update(size_bytes=-1))


# Structure ------------------------------------------------------------------------------------------------------------------


dangling_value = _case("A node that takes a value that nothing makes.",
                       lambda plan: _node(plan, "aten.relu.default").update(args=[{"value": "nowhere"}]))
dangling_weight = _case("A node that takes a weight that is not there.",
                        lambda plan: plan["weights"].pop("block.0.up.weight"))
dangling_blob = _case("A weight whose blob is not there.", lambda plan: plan["blobs"].pop(plan["weights"]["block.0.up.weight"]["blob"]))
dangling_output = _case("An output that nothing makes.", lambda plan: _forward(plan)["outputs"][0].update(value="nothing"))
dangling_state = _case("A state that is written and not declared.", lambda plan: plan["states"].clear())
misspelt_symbol = _case("A dimension by a symbol that is not declared.",
                        lambda plan: next(iter(_forward(plan)["values"].values()))["shape"].__setitem__(0, "batch"))
two_producers = _case("A value that two nodes make.", lambda plan: _nodes(plan)[3]["results"].__setitem__(0, _nodes(plan)[2]["results"][0]))
two_nodes_of_one_name = _case("Two nodes with one id.", lambda plan: _nodes(plan)[3].update(id=_nodes(plan)[2]["id"]))
order_of_nodes = _case("Nodes in reverse order.", lambda plan: _nodes(plan).reverse())
weight_beyond_its_blob = _case("A weight that reaches beyond its blob.", lambda plan: plan["weights"]["block.0.up.weight"].update(shape=[16, 80]))
empty_range = _case("A symbol whose least value is above its largest.",
                    lambda plan: next(iter(plan["symbols"].values())).update(min=32))


def cycle(world):
    """Two nodes that wait for each other."""
    plan = world.plan()
    first, second = _nodes(plan)[2], _nodes(plan)[3]
    first["after"], second["after"] = [second["id"]], [first["id"]]
    return world.validate(plan)


# Types ----------------------------------------------------------------------------------------------------------------------


unknown_operator = _case("A misspelt operator.", lambda plan: _node(plan, "aten.relu.default").update(op="aten.rleu.default"))
operator_in_place = _case("An operator that writes in place, without saying so.",
                          lambda plan: _node(plan, "aten.relu.default").update(op="aten.relu_.default"))
wrong_dtype = _case("A result declared with another element type.",
                    lambda plan: _forward(plan)["values"][_node(plan, "aten.relu.default")["results"][0]].update(dtype="f16"))
wrong_shape = _case("A result declared with another shape.",
                    lambda plan: _forward(plan)["values"][_node(plan, "aten.relu.default")["results"][0]]["shape"].append(7))
missing_argument = _case("An operator without its last argument.", lambda plan: _node(plan, "aten.linear.default")["args"].pop())
wrong_argument = _case("A float where a tensor is needed.", lambda plan: _node(plan, "aten.linear.default")["args"].__setitem__(1, {"float": 1.5}))
sizes_that_do_not_fit = _case("A weight in the place of another.",
                              lambda plan: _node(plan, "aten.linear.default")["args"].__setitem__(1, {"weight": "block.0.down.weight"}))


# Schedule -------------------------------------------------------------------------------------------------------------------


node_twice = _scheduled("A node in two stages.", lambda plan: _schedule(plan)["stages"][1]["nodes"].insert(0, _schedule(plan)["stages"][0]["nodes"][0]))
node_nowhere = _scheduled("A node in no stage.", lambda plan: _schedule(plan)["stages"][0]["nodes"].pop(0))
unknown_node = _scheduled("A stage with a node that does not exist.", lambda plan: _schedule(plan)["stages"][0]["nodes"].append("n99"))
unknown_device = _scheduled("A stage on a device that does not exist.", lambda plan: _schedule(plan)["stages"][0].update(device="w7"))
unknown_kernels = _scheduled("A stage with kernels that its device does not have.",
                             lambda plan: _schedule(plan)["stages"][0].update(kernels="org.example.kernels"))
order_of_stages = _scheduled("Nodes of the longest stage in reverse order.",
                             lambda plan: max(_schedule(plan)["stages"], key=lambda stage: len(stage["nodes"]))["nodes"].reverse())
missing_transfer = _scheduled("A value that no transfer brings.", lambda plan: _schedule(plan)["transfers"].clear())
weight_elsewhere = _scheduled("A weight that is not where it is used.",
                              lambda plan: plan["schedule"]["residence"]["weights"].update({"block.0.up.weight": ["w1"]}))
other_topology = _scheduled("A schedule for another topology.", lambda plan: plan["schedule"].update(topology="sha256:" + "1" * 64))


def pin_that_is_not_honoured(world):
    """Two stages that changed places, although hints pin them."""
    plan = world.plan("scheduled")
    for stage in _schedule(plan)["stages"]:
        stage["device"] = {"w0": "w1", "w1": "w0"}[stage["device"]]
    for places in plan["schedule"]["residence"]["weights"].values():
        places[:] = ["w0", "w1"]
    for state, device in plan["schedule"]["residence"]["states"].items():
        plan["schedule"]["residence"]["states"][state] = {"w0": "w1", "w1": "w0"}[device]
    return world.validate(plan, *CLUSTER)


# Locations ------------------------------------------------------------------------------------------------------------------


def _run_plan(world, change):
    plan = world.plan()
    change(plan)
    world.config["source"] = {"plan": world.write("plan.json", plan)}
    return world.run()


def model_that_moved(world):
    """A saved plan whose model is gone."""
    world.path("model.pt2").unlink()
    return _run_plan(world, lambda plan: None)


def blob_without_a_location(world):
    """A saved plan that does not say where a blob lies."""
    return _run_plan(world, lambda plan: plan.pop("locations", None))


def blob_beyond_the_file(world):
    """A saved plan whose blob lies beyond the end of the file."""
    return _run_plan(world, lambda plan: next(iter(plan["locations"].values())).update(offset_bytes=1 << 40))


def blob_with_other_bytes(world):
    """A saved plan whose model was replaced by one with other weights."""
    data = bytearray(world.path("model.pt2").read_bytes())
    data[100:140] = bytes(40)
    world.write("model.pt2", bytes(data))
    return _run_plan(world, lambda plan: None)
