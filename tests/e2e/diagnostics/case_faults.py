"""Fault scripts with mistakes, and what faults end a step in."""

_SCRIPT = {"schema": "genie.faults", "version": {"major": 0, "minor": 1}}


def _with(world, script):
    world.config["backend"]["options"]["faults"] = {**_SCRIPT, **script}
    return world.run()


def absent(world):
    """A fault script that is not there."""
    world.config["backend"]["options"]["faults"] = "nowhere.json"
    return world.run()


def a_topology_in_place_of_a_script(world):
    """The topology given as the fault script."""
    world.config["backend"]["options"]["faults"] = "cluster.json"
    return world.run()


def unknown_kind(world):
    """A misspelt kind of fault."""
    return _with(world, {"faults": [{"kind": "crush", "device": "w0"}]})


def a_member_of_another_kind(world):
    """A crash with an end: what crashed does not come back."""
    return _with(world, {"faults": [{"kind": "crash", "device": "w0", "for_ns": 5}]})


def no_device(world):
    """A stall of nothing, a probability above 1, and a partition with one side."""
    return _with(world, {"faults": [{"kind": "stall"}, {"kind": "loss", "probability": 1.5}, {"kind": "partition", "sets": [["w0"]]}]})


def unknown_device(world):
    """Faults of a device and a link that the topology lacks."""
    return _with(world, {"faults": [{"kind": "crash", "device": "w9"}, {"kind": "drop", "link": "nowhere"}]})


def measured_costs(world):
    """Faults at times that would differ from run to run."""
    world.config["backend"]["options"]["costs"] = "measured"
    return _with(world, {"faults": [{"kind": "crash", "device": "w0"}]})


def two_of_one_name(world):
    """Two faults with one id."""
    return _with(world, {"faults": [{"id": "x", "kind": "loss"}, {"id": "x", "kind": "late", "delay_ns": 1}]})


def crash(world):
    """Every device crashes."""
    return _with(world, {"faults": [{"kind": "crash", "device": device["id"], "at_ns": 100} for device in world.topology["devices"]]})


def crash_with_nothing_left(world):
    """Every device crashes, and the run is to go on."""
    world.config["run"]["on_worker_loss"] = "replan"
    return crash(world)
