"""Files that are no archive of torch.export.save, and archives that were damaged or made to mislead."""

import os
import pickle
import zipfile

import torch

from . import archive as zips
from .world import PROGRAM, ROOT, WEIGHTS

WEIGHT = f"{ROOT}data/weights/weight_0"


# Other kinds of files -------------------------------------------------------------------------------------------------------


def aot_inductor(world):
    """The package that AOTInductor compiled from the model, which is called .pt2 too."""
    package = zips.Archive()
    package.entries = {f"model/{name}": content for name, content in {
        "archive_format": b"pt2", "archive_version": b"0", "byteorder": b"little", ".data/version": b"3\n",
        "data/aotinductor/model/cabc.wrapper.so": b"\x7fELF", "data/aotinductor/model/cabc.wrapper.cpp": b"int main;",
        "data/aotinductor/model/cabc.wrapper_metadata.json": b"{}"}.items()}
    return world.show(package)


def torchscript(world):
    """A file of torch.jit.save."""
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), world.path("model.pt2"))
    return world.show()


def checkpoint(world):
    """A state_dict, written by torch.save."""
    torch.save(torch.nn.Linear(2, 2).state_dict(), world.path("model.pt2"))
    return world.show()


def checkpoint_of_old_torch(world):
    """A state_dict, written by torch.save before torch 1.6."""
    torch.save(torch.nn.Linear(2, 2).state_dict(), world.path("model.pt2"), _use_new_zipfile_serialization=False)
    return world.show()


def pickle_of_python(world):
    """A plain pickle."""
    world.write("model.pt2", pickle.dumps({"weight": [1.0, 2.0]}))
    return world.show()


def pickle_as_text(world):
    """A pickle of protocol 0, which is text."""
    world.write("model.pt2", pickle.dumps({"weight": [1.0, 2.0]}, protocol=0))
    return world.show()


def safetensors(world):
    """Weights without a program."""
    world.path("inputs.safetensors").rename(world.path("model.pt2"))
    return world.show()


def onnx(world):
    """The first bytes of an ONNX model."""
    world.write("model.pt2", b"\x08\x0a\x12\x07pytorch\x1a\x062.13.0:\x80\x01")
    return world.show()


def old_export(world):
    """An exported program of torch 2.7: a flat zip with pickled weights."""
    old = zips.Archive()
    old.entries = {"serialized_exported_program.json": b"{}", "serialized_state_dict.pt": b"PK", "serialized_constants.pt": b"PK",
                   "serialized_example_inputs.pt": b"PK", "version": b"8.7"}
    return world.show(old)


def export_of_torch_2_8(world):
    """An exported program of torch 2.8: today's folders, pickled weights."""
    archive = world.archive()
    for name in list(archive.entries):
        if "/data/weights/" in name or "/data/constants/" in name:
            del archive.entries[name]
    archive.entries[f"{ROOT}data/weights/model.pt"] = archive.entries[f"{ROOT}data/constants/model.pt"] = b"PK"
    return world.show(archive)


def office_document(world):
    """A zip archive that has nothing to do with models."""
    document = zips.Archive()
    document.entries = {"[Content_Types].xml": b"<?xml?>", "word/document.xml": b"<?xml?>"}
    return world.show(document)


def text(world):
    """A Git LFS pointer in place of the file."""
    world.write("model.pt2", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n")
    return world.show()


def empty(world):
    """An empty file."""
    world.write("model.pt2", b"")
    return world.show()


def folder(world):
    """A folder in place of the file."""
    world.path("model.pt2").unlink()
    world.path("model.pt2").mkdir()
    return world.show()


def absent(world):
    """A path that leads nowhere."""
    world.path("model.pt2").unlink()
    return world.show()


def absent_in_a_config(world):
    """A model that the run config names and that is not there."""
    world.path("model.pt2").unlink()
    return world.run()


def folder_in_a_config(world):
    """A run config that names the folder that holds the model."""
    world.path("models").mkdir()
    world.config["source"]["uri"] = "models"
    return world.run()


def link_in_a_circle(world):
    """A symbolic link to itself: nothing that can be read."""
    world.path("model.pt2").unlink()
    world.path("model.pt2").symlink_to("model.pt2")
    return world.run()


def pipe(world):
    """A FIFO in place of the file."""
    world.path("model.pt2").unlink()
    os.mkfifo(world.path("model.pt2"))
    return world.run()


def text_in_a_config(world):
    """A run config that names a file of another kind, and no frontend."""
    world.write("notes.txt", "remember the milk\n")
    world.config["source"]["uri"] = "notes.txt"
    return world.run()


# Damage ---------------------------------------------------------------------------------------------------------------------


def truncated(world):
    """A download that was cut off."""
    data = world.path("model.pt2").read_bytes()
    world.write("model.pt2", data[: len(data) // 2])
    return world.show()


def truncated_in_a_config(world):
    """A download that was cut off, named by a run config."""
    data = world.path("model.pt2").read_bytes()
    world.write("model.pt2", data[: len(data) // 2])
    return world.run()


def truncated_by_a_byte(world):
    """An archive without its last byte."""
    world.write("model.pt2", world.path("model.pt2").read_bytes()[:-1])
    return world.show()


def wrong_checksum(world):
    """A document of the archive with one changed byte."""
    data = world.path("model.pt2").read_bytes()
    world.write("model.pt2", data.replace(b"aten.relu.default", b"aten.rehu.default"))
    return world.show()


def compressed(world):
    """An archive that was unpacked and packed again."""
    world.archive().write(world.path("model.pt2"), zipfile.ZIP_DEFLATED)
    return world.show()


def encrypted(world):
    """An entry that says it is encrypted."""
    zips.patch(world.path("model.pt2"), WEIGHT, zips.FLAGS, "<H", 0x809)
    return world.show()


def bomb(world):
    """Forty-two megabytes of zeros in forty kilobytes."""
    archive = world.archive()
    archive.entries[WEIGHT] = bytes(42_000_000)
    archive.write(world.path("model.pt2"), zipfile.ZIP_DEFLATED)
    return world.show()


def overlapping(world):
    """Two entries over the same bytes: how archives are made that unpack to far more than they hold."""
    path = world.path("model.pt2")
    with zipfile.ZipFile(path) as archive:
        first = archive.getinfo(WEIGHT)
        zips.patch(path, f"{ROOT}data/weights/weight_1", zips.OFFSET, "<I", first.header_offset)
    return world.show()


def beyond_the_end(world):
    """An entry that claims more bytes than the file has."""
    path = world.path("model.pt2")
    for field in (zips.PACKED_BYTES, zips.BYTES):
        zips.patch(path, WEIGHT, field, "<I", 1 << 30)
    return world.show()


def zip64_size_that_overflows(world):
    """An entry of almost 2^64 bytes."""
    zips.give_zip64_size(world.path("model.pt2"), WEIGHT, (1 << 64) - 1)
    return world.show()


def zip64_size_that_is_missing(world):
    """An entry that says its size is in a zip64 field, which is not there."""
    path = world.path("model.pt2")
    for field in (zips.PACKED_BYTES, zips.BYTES):
        zips.patch(path, WEIGHT, field, "<I", 0xffffffff)
    return world.show()


def duplicate_entries(world):
    """Two programs of one name: readers differ in which one they take."""
    world.archive().write(world.path("model.pt2"))
    with zipfile.ZipFile(world.path("model.pt2"), "a") as archive:
        archive.writestr(PROGRAM, b"{}")
    return world.show()


def _with_entry(world, name):
    archive = world.archive()
    archive.entries[name] = b"1"
    return world.show(archive)


def path_that_climbs(world):
    """An entry that would leave the folder it is unpacked to."""
    return _with_entry(world, "model/../../.bashrc")


def path_that_is_absolute(world):
    """An entry with an absolute path."""
    return _with_entry(world, "/etc/passwd")


def path_with_backslashes(world):
    """An entry that climbs on Windows."""
    return _with_entry(world, "model\\..\\..\\boot.ini")


def path_with_a_nul(world):
    """An entry whose name ends early for C programs."""
    archive = world.archive()
    archive.entries["model/extra/~.json"] = b"1"
    archive.write(world.path("model.pt2"))
    world.write("model.pt2", world.path("model.pt2").read_bytes().replace(b"extra/~", b"extra/\0"))
    return world.show()


def symbolic_link(world):
    """An entry that is a symbolic link."""
    archive = world.archive()
    archive.entries[f"{ROOT}data/weights/elsewhere"] = b"/etc/passwd"
    archive.write(world.path("model.pt2"))
    zips.patch(world.path("model.pt2"), f"{ROOT}data/weights/elsewhere", zips.ATTRIBUTES, "<I", 0o120777 << 16)
    return world.show()


def split(world):
    """One part of an archive that was split over several files."""
    data = bytearray(world.path("model.pt2").read_bytes())
    end = data.rindex(b"PK\x05\x06")
    data[end + 4] = 1
    world.write("model.pt2", bytes(data))
    return world.show()


def missing_blob(world):
    """An archive without the storage of a weight."""
    archive = world.archive()
    del archive.entries[WEIGHT]
    return world.show(archive)


def missing_table_of_weights(world):
    """An archive without the table that says where weights lie."""
    archive = world.archive()
    del archive.entries[WEIGHTS]
    return world.show(archive)


def missing_program(world):
    """An archive without its program."""
    archive = world.archive()
    del archive.entries[PROGRAM]
    return world.show(archive)


def cut_blob(world):
    """A storage with fewer bytes than its weight."""
    archive = world.archive()
    archive.entries[WEIGHT] = archive.entries[WEIGHT][:-4]
    return world.show(archive)


def pickled_member(world):
    """A weight that torch kept as a pickle."""
    archive = world.archive()
    archive.change(WEIGHTS, lambda table: table["config"]["block.0.up.weight"].update(use_pickle=True))
    return world.show(archive)


def size_that_overflows(world):
    """A weight whose size in bytes leaves 64 bits."""
    archive = world.archive()
    sizes = [{"as_int": 1 << 62}, {"as_int": 1 << 62}]
    archive.change(WEIGHTS, lambda table: table["config"]["block.0.up.weight"]["tensor_meta"].update(sizes=sizes))
    return world.show(archive)


def size_below_zero(world):
    """A weight of a negative size."""
    archive = world.archive()
    sizes = [{"as_int": -16}, {"as_int": 8}]
    archive.change(WEIGHTS, lambda table: table["config"]["block.0.up.weight"]["tensor_meta"].update(sizes=sizes))
    return world.show(archive)


def strides_missing(world):
    """A weight with fewer strides than sizes."""
    archive = world.archive()
    archive.change(WEIGHTS, lambda table: table["config"]["block.0.up.weight"]["tensor_meta"].update(strides=[{"as_int": 1}]))
    return world.show(archive)


# Other versions -------------------------------------------------------------------------------------------------------------


def future_layout(world):
    """An archive of a layout that is still to come."""
    archive = world.archive()
    archive.entries[f"{ROOT}archive_version"] = b"1"
    return world.show(archive)


def big_endian(world):
    """An archive of a big-endian machine."""
    archive = world.archive()
    archive.entries[f"{ROOT}byteorder"] = b"big"
    return world.show(archive)


def future_schema_major(world):
    """A program in a version of torch's schema that is still to come."""
    archive = world.archive()
    archive.change(PROGRAM, lambda program: program["schema_version"].update(major=9, minor=1))
    return world.show(archive)


def past_schema_major(world):
    """A program in an old version of torch's schema."""
    archive = world.archive()
    archive.change(PROGRAM, lambda program: program["schema_version"].update(major=7, minor=3))
    return world.show(archive)


def future_schema_minor(world):
    """A program in a newer minor version of torch's schema: it is read, with a warning."""
    archive = world.archive()
    archive.change(PROGRAM, lambda program: program["schema_version"].update(minor=99))
    return ["plan", "validate", *world.show(archive)[2:]]


def unknown_argument_kind(world):
    """An argument of a kind that a later torch added."""
    def change(program):
        node = program["graph_module"]["graph"]["nodes"][0]
        node["inputs"][0]["arg"] = {"as_hologram": {"name": "x"}}

    archive = world.archive()
    archive.change(PROGRAM, change)
    return world.show(archive)


def unknown_input_kind(world):
    """An input of a kind that a later torch added."""
    archive = world.archive()
    archive.change(PROGRAM, lambda program: program["graph_module"]["signature"]["input_specs"].__setitem__(
        0, {"telepathy": {"arg": {"name": "p_tokens_weight"}}}))
    return world.show(archive)


def unknown_output_kind(world):
    """An output of a kind that a later torch added."""
    archive = world.archive()
    archive.change(PROGRAM, lambda program: program["graph_module"]["signature"]["output_specs"].__setitem__(
        -1, {"telepathy": {"arg": {"name": "y"}}}))
    return world.show(archive)


def unknown_dtype(world):
    """A weight of an element type that a later torch added."""
    archive = world.archive()
    archive.change(WEIGHTS, lambda table: table["config"]["block.0.up.weight"]["tensor_meta"].update(dtype=99))
    return world.show(archive)


def program_without_a_graph(world):
    """A program that lost a member."""
    archive = world.archive()
    archive.change(PROGRAM, lambda program: program["graph_module"].pop("graph"))
    return world.show(archive)


def program_that_is_no_json(world):
    """A program that was cut off inside the archive."""
    archive = world.archive()
    archive.entries[PROGRAM] = archive.entries[PROGRAM][:100]
    return world.show(archive)


def dangling_name(world):
    """A node that takes a value that nothing makes."""
    def change(program):
        node = program["graph_module"]["graph"]["nodes"][-1]
        node["inputs"][0]["arg"] = {"as_tensor": {"name": "nowhere"}}

    archive = world.archive()
    archive.change(PROGRAM, change)
    return world.show(archive)
