"""Topologies with mistakes, and devices that a model does not fit."""


def absent(world):
    """A topology that is not there."""
    world.config["backend"]["options"]["topology"] = "nowhere.json"
    return world.run()


def folder(world):
    """A folder in place of a topology."""
    world.path("clusters").mkdir()
    world.config["backend"]["options"]["topology"] = "clusters"
    return world.run()


def no_json(world):
    """A topology that lacks a bracket."""
    arguments = world.run()
    world.write("cluster.json", world.path("cluster.json").read_text().rstrip()[:-1])
    return arguments


def a_config_in_place_of_a_topology(world):
    """The run config given as the topology."""
    world.config["backend"]["options"]["topology"] = "run.json"
    return world.run()


def unknown_key(world):
    """A misspelt key of a device."""
    device = world.topology["devices"][0]
    device["memory"] = device.pop("memory_bytes")
    return world.run()


def no_devices(world):
    """A topology without devices."""
    world.topology["devices"] = []
    return world.run()


def two_devices_of_one_name(world):
    """Two devices with one id."""
    world.topology["devices"][1]["id"] = "w0"
    return world.run()


def memory_as_text(world):
    """A size with a unit."""
    world.topology["devices"][0]["memory_bytes"] = "64 MiB"
    return world.run()


def negative_memory(world):
    """A size below zero."""
    world.topology["devices"][0]["memory_bytes"] = -1
    return world.run()


def no_bandwidth(world):
    """A link without bandwidth."""
    world.topology["links"][0]["bandwidth_bytes_per_s"] = 0
    return world.run()


def link_to_nowhere(world):
    """A link whose end is spelt wrongly."""
    world.topology["links"][0]["ends"] = ["a", "bb"]
    return world.run()


def link_with_three_ends(world):
    """A link with three ends."""
    world.topology["links"][0]["ends"] = ["a", "b", "client"]
    return world.run()


def unreachable_second_device(world):
    """A hint that pins to a device that no link leads to."""
    world.topology["links"] = world.topology["links"][1:2]
    world.config["hints"] = [{"kind": "pin", "select": f"block.{i}", "device": f"w{i}"} for i in range(2)]
    return world.run()


def unknown_kernels(world):
    """A device that offers kernels which are not installed."""
    for device in world.topology["devices"]:
        device["kernels"] = ["org.genie.kernels-atten"]
    return world.run()


def future_version(world):
    """A version that is still to come."""
    world.topology["version"] = {"major": 1, "minor": 0}
    return world.run()


def memory_too_small(world):
    """Devices that the weights do not fit."""
    for device in world.topology["devices"]:
        device["memory_bytes"] = 1000
    return world.run()


def memory_budget_too_small(world):
    """A hint that leaves too little of a device."""
    world.config["hints"] = [{"kind": "budget", "select": "**", "device": f"w{i}", "bytes": 500} for i in range(2)]
    return world.run()


def pinned_where_it_does_not_fit(world):
    """A module that is pinned to a device too small for it."""
    world.topology["devices"][0]["memory_bytes"] = 600
    world.config["hints"] = [{"kind": "pin", "select": "block.0", "device": "w0"}]
    return world.run()


def schedule_for_other_devices(world):
    """A saved schedule, run on other devices."""
    world.topology["devices"][0]["memory_bytes"] //= 2
    world.config["source"] = {"plan": "scheduled.json"}
    return world.run()
