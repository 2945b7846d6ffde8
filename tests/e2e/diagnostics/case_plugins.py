"""Plug-ins that are not there, are not what was meant, or were built and not described."""

import json
import shutil


def _copy(world, folder, name="policy-default"):
    """Copy a plug-in without its manifest."""
    world.path(folder).mkdir()
    shutil.copy(world.host.plugins / name / f"{name}.so", world.path(folder))
    return f"{folder}/{name}.so"


def _manifest(world, name="policy-default"):
    return json.loads((world.host.plugins / name / f"{name}.genie.json").read_text())


def unknown_policy(world):
    """A misspelt id."""
    world.config["policy"] = {"plugin": "org.genie.policy-defualt"}
    return world.run()


def unknown_backend(world):
    """A backend that is not installed."""
    world.config["backend"]["plugin"] = "org.genie.backend-mainframe"
    return world.run()


def unknown_kernels(world):
    """Kernels that are not installed."""
    world.config["kernels"][0]["plugin"] = "org.genie.kernels-aten2"
    return world.run()


def unknown_frontend(world):
    """A misspelt frontend."""
    world.config["source"]["plugin"] = "org.genie.frontend-pytroch"
    return world.run()


def of_another_kind(world):
    """A policy used as a backend."""
    world.config["backend"] = {"plugin": "org.genie.policy-default"}
    return world.run()


def path_to_nowhere(world):
    """A --plugin that is not there."""
    return world.run("--plugin", "nowhere/policy.so")


def paths_to_nowhere(world):
    """A folder of plug-ins that is not there."""
    world.config["plugins"] = {"paths": ["nowhere"]}
    world.config["run"]["method"] = "foward"
    return world.run()


def library_without_a_manifest(world):
    """A --plugin that was built and has no manifest."""
    return world.run("--plugin", _copy(world, "mine"))


def library_without_a_manifest_in_a_config(world):
    """The same in the run config."""
    world.config["plugins"] = {"paths": [_copy(world, "mine")]}
    return world.run()


def folder_with_a_library_without_a_manifest(world):
    """A folder that holds such a library, beside what the run needs: a warning, and the run goes on."""
    _copy(world, "mine")
    world.config["plugins"] = {"paths": ["mine"]}
    world.config["run"]["method"] = "foward"
    return world.run()


def library_that_was_rebuilt(world):
    """A --plugin whose manifest is older than its library."""
    library = _copy(world, "mine")
    world.write("mine/policy-default.genie.json", _manifest(world))
    with world.path(library).open("ab") as stream:
        stream.write(b"rebuilt")
    return world.run("--plugin", library)


def manifest_without_a_library(world):
    """A manifest whose library is gone."""
    world.path("mine").mkdir()
    world.write("mine/policy-default.genie.json", _manifest(world))
    return world.run("--plugin", "mine/policy-default.genie.json")


def manifest_that_is_no_json(world):
    """A manifest that was cut off."""
    library = _copy(world, "mine")
    world.write("mine/policy-default.genie.json", '{"schema": "genie.plugin", "id": "org')
    return world.run("--plugin", library)


def manifest_that_lacks_members(world):
    """A manifest that somebody wrote by hand."""
    library = _copy(world, "mine")
    world.write("mine/policy-default.genie.json", {"schema": "genie.plugin", "id": "org.example.mine"})
    return world.run("--plugin", library)


def manifest_of_another_id(world):
    """A manifest that promises another plug-in."""
    library = _copy(world, "mine")
    world.write("mine/policy-default.genie.json", _manifest(world) | {"id": "org.example.mine"})
    return world.run("--plugin", library)


def library_that_is_none(world):
    """A --plugin that is a text file."""
    world.write("plugin.so", "no library\n")
    return world.run("--plugin", "plugin.so")


def writable_by_all(world):
    """A plug-in that everybody may change."""
    library = _copy(world, "mine")
    world.write("mine/policy-default.genie.json", _manifest(world))
    world.path(library).chmod(0o777)
    return world.run("--plugin", library)


def not_on_the_list(world):
    """A list of allowed plug-ins that lacks the policy."""
    names = ("frontend-pytorch", "backend-emulation", "kernels-aten")
    world.config["plugins"] = {"allow": [{"id": f"org.genie.{name}", "sha256": _manifest(world, name)["sha256"]} for name in names]}
    return world.run()


def digest_that_is_none(world):
    """A list of allowed plug-ins with a shortened digest."""
    world.config["plugins"] = {"allow": [{"id": "org.genie.policy-default", "sha256": "4f2a"}]}
    return world.run()
