"""Inputs and expected outputs that do not fit the model, and tensor files that are none."""

import struct

import numpy
import torch
from safetensors.torch import load_file, save_file


def _inputs(world, **changes):
    """Run with some inputs changed (None: left out)."""
    tensors = load_file(world.path("inputs.safetensors")) | changes
    save_file({name: tensor for name, tensor in tensors.items() if tensor is not None}, world.path("inputs.safetensors"))
    return world.run()


def _input(world, name, source):
    """Run with one input from another source."""
    world.config["run"] = {"inputs": {"x": {"file": "inputs.safetensors"}, "ids": {"file": "inputs.safetensors"}, name: source}}
    return world.run()


def missing_input(world):
    """A file that lacks an input."""
    return _inputs(world, ids=None)


def no_inputs_at_all(world):
    """A config that gives no inputs."""
    world.config["run"] = {}
    return world.run()


def unknown_input(world):
    """A misspelt input."""
    return _input(world, "idz", {"value": [1, 2]})


def wrong_dtype(world):
    """Token ids of 32 bits."""
    return _inputs(world, ids=torch.tensor([1, 2], dtype=torch.int32))


def wrong_rank(world):
    """A row without its batch dimension."""
    return _inputs(world, x=torch.zeros(8))


def wrong_size(world):
    """A row of another length than the model was exported with."""
    return _inputs(world, x=torch.zeros(2, 9))


def out_of_bounds(world):
    """A batch that is larger than the export allows."""
    return _inputs(world, x=torch.zeros(17, 8), ids=torch.ones(17, dtype=torch.int64))


def below_bounds(world):
    """A batch that is smaller than the export allows."""
    return _inputs(world, x=torch.zeros(1, 8), ids=torch.ones(1, dtype=torch.int64))


def sizes_that_disagree(world):
    """Inputs of two batch sizes."""
    return _inputs(world, x=torch.zeros(3, 8))


def index_beyond_the_table(world):
    """A token beyond the vocabulary: the framework itself refuses it."""
    return _inputs(world, ids=torch.tensor([1, 99]))


def absent_file(world):
    """An input from a file that is not there."""
    return _input(world, "x", {"file": "nowhere.npy"})


def folder_of_inputs(world):
    """A folder in place of a tensor file."""
    world.path("inputs.npy").mkdir()
    return _input(world, "x", {"file": "inputs.npy"})


def unknown_ending(world):
    """An input from a file that is no tensor file by its name."""
    world.write("x.csv", "1,2,3\n")
    return _input(world, "x", {"file": "x.csv"})


def pickled_npy(world):
    """An array of Python objects, which NumPy stores as a pickle."""
    numpy.save(world.path("x.npy"), numpy.array([{"a": 1}], dtype=object), allow_pickle=True)
    return _input(world, "x", {"file": "x.npy"})


def text_in_npy(world):
    """A file that is called .npy and is none."""
    world.write("x.npy", "1 2 3\n")
    return _input(world, "x", {"file": "x.npy"})


def cut_npy(world):
    """A .npy file that was cut off."""
    numpy.save(world.path("x.npy"), numpy.zeros((2, 8), dtype="f4"))
    world.write("x.npy", world.path("x.npy").read_bytes()[:-8])
    return _input(world, "x", {"file": "x.npy"})


def double_npy(world):
    """An array of doubles, which is NumPy's default."""
    numpy.save(world.path("x.npy"), numpy.zeros((2, 8)))
    return _input(world, "x", {"file": "x.npy"})


def cut_safetensors(world):
    """A .safetensors file that was cut off."""
    world.write("inputs.safetensors", world.path("inputs.safetensors").read_bytes()[:-8])
    return world.run()


def empty_safetensors(world):
    """An empty .safetensors file."""
    world.write("inputs.safetensors", b"")
    return world.run()


def safetensors_with_a_huge_header(world):
    """A header that claims more than the file has."""
    world.write("inputs.safetensors", struct.pack("<Q", 1 << 60) + b"{}")
    return world.run()


def overlapping_safetensors(world):
    """Two tensors over the same bytes."""
    header = b'{"ids":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},"x":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}'
    world.write("inputs.safetensors", struct.pack("<Q", len(header)) + header + bytes(16))
    return world.run()


def other_name_in_the_file(world):
    """An input from a file that has it under another name."""
    return _input(world, "x", {"file": "inputs.safetensors", "tensor": "y"})


def ragged_value(world):
    """A list whose rows differ in length."""
    return _input(world, "x", {"value": [[1, 2], [3]]})


def value_that_does_not_fit(world):
    """A fraction where the model takes whole numbers."""
    return _input(world, "ids", {"value": [1.5, 2]})


def random_without_a_shape(world):
    """A random input of a size that the model leaves open."""
    return _input(world, "x", {"random": {"seed": 1}})


def unknown_output_wanted(world):
    """An output that the model does not have."""
    world.config["outputs"] = {"file": "outputs.safetensors", "only": ["z"]}
    return world.run()


def outputs_that_cannot_be_written(world):
    """Outputs into a folder that is a file."""
    world.config["outputs"] = {"file": "model.pt2/outputs.safetensors"}
    return world.run()


def _expect(world, **expected):
    save_file(expected, world.path("expected.safetensors"))
    world.config["expect"] = {"file": "expected.safetensors", "rtol": 1e-5, "atol": 1e-6}
    return world.run()


def expected_other_values(world):
    """Expected outputs that differ in one element."""
    y = load_file(world.path("expected.safetensors"))["y"]
    y[1, 3] += 0.5
    return _expect(world, y=y)


def expected_other_shape(world):
    """Expected outputs of another shape."""
    return _expect(world, y=torch.zeros(2, 9))


def expected_other_name(world):
    """Expected outputs under another name."""
    return _expect(world, z=torch.zeros(2, 8))


def expected_file_absent(world):
    """A file of expected outputs that is not there."""
    world.config["expect"] = {"file": "nowhere.safetensors"}
    return world.run()
