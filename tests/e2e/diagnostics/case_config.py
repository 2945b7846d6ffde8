"""Run configs with typing errors and contradictions."""


def _spoil(world, path, value):
    """Set one value of the config by its keys; returns the arguments that run it."""
    target = world.config
    for key in path[:-1]:
        target = target[key] if isinstance(target, list) else target.setdefault(key, {})
    target[path[-1]] = value
    return world.run()


def absent(world):
    """A config that is not there."""
    return ["--config", "nowhere.json"]


def folder(world):
    """A folder in place of a config."""
    world.path("configs").mkdir()
    return ["--config", "configs"]


def empty(world):
    """An empty file."""
    world.write("run.json", "")
    return ["--config", "run.json"]


def no_json(world):
    """A value was forgotten."""
    world.write("run.json", '{\n "schema": "genie.run",\n "version": ,\n "source": {"uri": "model.pt2"}\n}\n')
    return ["--config", "run.json"]


def cut_off(world):
    """A config that ends in its midst."""
    world.write("run.json", '{"schema": "genie.run", "source": {"uri": "mod')
    return ["--config", "run.json"]


def quotes_of_python(world):
    """Quotes as Python and JavaScript have them."""
    world.write("run.json", "{'source': {'uri': 'model.pt2'}}\n")
    return ["--config", "run.json"]


def no_utf8(world):
    """A config that was saved as Latin-1."""
    world.write("run.json", '{"source": {"uri": "modèle.pt2"}}\n'.encode("latin-1"))
    return ["--config", "run.json"]


def twice_the_same_key(world):
    """A key given twice."""
    world.write("run.json", '{"source": {"uri": "a.pt2", "uri": "b.pt2"}}\n')
    return ["--config", "run.json"]


def a_list(world):
    """A list in place of a config."""
    world.write("run.json", "[]\n")
    return ["--config", "run.json"]


def a_plan_in_place_of_a_config(world):
    """A saved plan given as the config."""
    return ["--config", "captured.json"]


def model_in_place_of_a_config(world):
    """The model itself given as the config."""
    return ["--config", "model.pt2"]


def future_version(world):
    """A version that is still to come."""
    return _spoil(world, ["version"], {"major": 1, "minor": 0})


def unknown_key(world):
    """A misspelt key."""
    world.config["run"]["stpes"] = []
    return world.run()


def unknown_section(world):
    """A misspelt section."""
    world.config["backends"] = world.config.pop("backend")
    return world.run()


def several_mistakes(world):
    """Three mistakes at once: all are reported."""
    world.config["soruce"] = world.config.pop("source")
    world.config["run"]["repeat"] = "4"
    world.config["expect"] = {"rtol": -1}
    return world.run()


def wrong_type(world):
    """A number in quotes."""
    return _spoil(world, ["run", "repeat"], "4")


def fraction(world):
    """A fraction where a whole number is needed."""
    return _spoil(world, ["run", "repeat"], 1.5)


def beyond_the_range(world):
    """A number that is too small."""
    return _spoil(world, ["run", "repeat"], 0)


def huge_number(world):
    """A number that no integer of JSON can hold."""
    world.write("run.json", '{"source": {"uri": "model.pt2"}, "run": {"inputs": "inputs.safetensors", "seed": 123456789012345678901234567890}}\n')
    return ["--config", "run.json"]


def no_source(world):
    """A config that names nothing to run."""
    del world.config["source"]
    return world.run()


def empty_source(world):
    """A source without a model."""
    return _spoil(world, ["source"], {})


def model_and_plan(world):
    """A model and a saved plan at once."""
    return _spoil(world, ["source", "plan"], "captured.json")


def absent_plan(world):
    """A saved plan that is not there."""
    return _spoil(world, ["source"], {"plan": "nowhere.json"})


def steps_and_inputs(world):
    """Steps and inputs at once."""
    world.config["run"]["steps"] = [{"inputs": "inputs.safetensors"}]
    return world.run()


def unknown_method(world):
    """A method that the model does not have."""
    return _spoil(world, ["run", "method"], "foward")


def unknown_hint_kind(world):
    """A misspelt kind of hint."""
    return _spoil(world, ["hints"], [{"kind": "pinn", "select": "block.0", "device": "w0"}])


def hint_without_a_device(world):
    """A pin that does not say where."""
    return _spoil(world, ["hints"], [{"kind": "pin", "select": "block.0"}])


def hint_that_selects_nothing(world):
    """A hint for a module that is spelt wrongly."""
    return _spoil(world, ["hints"], [{"kind": "pin", "select": "blok.0.*", "device": "w0"}])


def hint_with_a_malformed_selector(world):
    """A selector of an unknown form."""
    return _spoil(world, ["hints"], [{"kind": "pin", "select": "module:block.0", "device": "w0"}])


def hint_for_an_unknown_device(world):
    """A hint for a device that is spelt wrongly."""
    return _spoil(world, ["hints"], [{"kind": "pin", "select": "block.0", "device": "w00"}])


def weight_of_a_hard_hint(world):
    """A hard hint with a weight."""
    return _spoil(world, ["hints"], [{"kind": "forbid", "select": "block.0", "device": "w0", "strength": "hard", "weight": 2}])


def two_hints_of_one_name(world):
    """Two hints with one id."""
    hint = {"id": "mine", "kind": "forbid", "select": "block.0", "device": "w0"}
    return _spoil(world, ["hints"], [hint, hint | {"select": "block.1"}])


def contradicting_hints(world):
    """A module that is forbidden everywhere."""
    return _spoil(world, ["hints"], [{"kind": "forbid", "select": "block.0", "device": device} for device in ("w0", "w1")])


def unknown_backend_option(world):
    """A misspelt option of the backend."""
    world.config["backend"]["options"]["timming"] = "virtual"
    return world.run()


def wrong_backend_option(world):
    """An option of the backend with an unknown word."""
    world.config["backend"]["options"]["timing"] = "fast"
    return world.run()


def recorded_costs_without_durations(world):
    """Costs of a recorded run, without the durations that were recorded."""
    world.config["backend"]["options"]["costs"] = "recorded"
    return world.run()


def durations_of_no_steps(world):
    """Recorded durations that are no list of steps."""
    world.config["backend"]["options"] |= {"costs": "recorded", "durations": {"s0": -1}}
    return world.run()


def unknown_policy_option(world):
    """A misspelt option of the policy."""
    world.config["policy"] = {"options": {"objektive": "latency"}}
    return world.run()


def unknown_objective(world):
    """An objective that the policy does not know."""
    world.config["policy"] = {"options": {"objective": "speed"}}
    return world.run()


def unknown_kernels_option(world):
    """A misspelt option of the kernels."""
    world.config["kernels"][0]["options"] = {"thread": 1}
    return world.run()


def wrong_kernels_option(world):
    """An option of the kernels that cannot be."""
    world.config["kernels"][0]["options"] = {"threads": 0}
    return world.run()


def output_of_no_earlier_step(world):
    """A step that takes an output of itself."""
    inputs = {"x": {"output": "0/y"}, "ids": {"file": "inputs.safetensors"}}
    return _spoil(world, ["run"], {"steps": [{"inputs": inputs}]})


def added_output_of_nothing(world):
    """A derived output of an output that does not exist."""
    world.config["run"]["add"] = [{"output": "next", "argmax": "logits", "dim": -1}]
    return world.run()


def set_without_a_slash(world):
    """A --set that is no pointer."""
    return world.run("--set", "run/repeat=2")


def set_without_a_value(world):
    """A --set without a value."""
    return world.run("--set", "/run/repeat")


def set_beside_the_list(world):
    """A --set of an item that a list does not have."""
    return world.run("--set", "/kernels/7/plugin=org.example.mine")


def set_through_a_text(world):
    """A --set through a value that is no object."""
    return world.run("--set", "/source/uri/name=model.pt2")


def set_of_an_unknown_key(world):
    """A --set of a misspelt key."""
    return world.run("--set", "/run/repaet=2")


def report_that_cannot_be_written(world):
    """A report in a folder that is a file."""
    return _spoil(world, ["report"], {"json": "model.pt2/report.json"})
