// GE02xx: model sources and archives.
#include "codes_tables.hpp"

namespace genie::plan::detail {

std::span<const CodeInfo> source_codes() {
  static constexpr CodeInfo kCodes[] = {
      {"GE0201", "The source cannot be read",
       R"(The file that `source.uri` names does not exist, is not a regular file, or may not be read by you.

What to do: check the path. In a run config a relative path is relative to the folder of that config, not to the folder you
are in. Give the .pt2 file itself, not the folder that holds it.
)"},
      {"GE0202", "The source is no zip archive",
       R"(Archives of torch.export.save are zip files; this file does not begin as one, and its first bytes are of no kind that
Genie recognises.

What to do: export the module and save it:

    program = torch.export.export(model.eval(), (example_input,))
    torch.export.save(program, "model.pt2")
)"},
      {"GE0203", "The archive is damaged or truncated",
       R"(The zip directory at the end of the file is missing or points outside the file. The usual reason is a download or copy
that was cut off; a Git LFS pointer in place of the file looks like this too.

What to do: compare the file's size with the original's and copy it again.
)"},
      {"GE0204", "An entry of the archive is compressed",
       R"(Genie uses weights where they lie in the file, without unpacking. torch.export.save stores every entry as it is; this
archive was packed again by a tool that compresses.

What to do: save the model again, or repack: unzip it, then `zip -0 -r model.pt2 FOLDER`.
)"},
      {"GE0205", "An entry's name is unsafe",
       R"(A name in the archive is absolute, climbs out of the archive with "..", or holds control characters. Genie unpacks
nothing, so no harm was done; but no honest program writes such an archive.

What to do: do not use this file. Ask where it came from.
)"},
      {"GE0206", "Two entries have one name",
       R"(Readers of zip files differ in which of two entries they take. Such an archive can show one model to one program and
another model to the next.

What to do: save the model again with torch.export.save.
)"},
      {"GE0207", "Entries overlap",
       R"(Two entries of the archive claim the same bytes of the file. This is how archives are made that unpack to far more than
they hold.

What to do: save the model again with torch.export.save.
)"},
      {"GE0208", "The archive is split",
       R"(The file is one part of a zip archive that was split over several files.

What to do: join the parts (`zip -s 0 split.zip --out model.pt2`), or save the model again.
)"},
      {"GE0209", "An entry of the archive is encrypted",
       R"(Genie asks for no passwords, and encrypted weights could not be used where they lie in the file.

What to do: decrypt the archive with the tool that encrypted it, then pack it anew without compression: unzip it, then
`zip -0 -r model.pt2 FOLDER`.
)"},
      {"GE0210", "A TorchScript archive",
       R"(The file was written by torch.jit.save. TorchScript is deprecated, and its archives hold code and pickles rather than a
graph of operators.

What to do: export the module itself with torch.export.export and save that with torch.export.save.
)"},
      {"GE0211", "A checkpoint, not a program",
       R"(The file was written by torch.save: it holds pickled tensors (a state_dict), but not what the model computes.

What to do: build the model in Python, load the checkpoint into it, export it, and save the exported program.
)"},
      {"GE0212", "Another kind of model file",
       R"(The file was recognised, but it is no exported program: safetensors, GGUF, ONNX or HDF5.

What to do: load the file in Python, export the module, and save it with torch.export.save.
)"},
      {"GE0213", "An AOTInductor package",
       R"(Two kinds of files are called .pt2. This one holds machine code that AOTInductor compiled for one kind of machine; the
other kind, which torch.export.save writes, holds the program itself, which Genie needs.

What to do: where the package was made, save the exported program too:

    program = torch.export.export(model.eval(), (example_input,))
    torch.export.save(program, "model.pt2")              for Genie
    torch._inductor.aoti_compile_and_package(program)    what this file came from
)"},
      {"GE0214", "An exported program of torch 2.8 or older",
       R"(Until torch 2.8 exported programs lay in another layout, with pickled weights.

What to do: load the file with torch.export.load in the torch that wrote it, load the weights into the module, and export
and save it with torch 2.9 or newer.
)"},
      {"GE0215", "Pickled weights (torch 2.8)",
       R"(The archive has today's layout, but its weights are one Python pickle, as torch 2.8 wrote them. A pickle runs code when it
is loaded, so Genie never reads one.

What to do: torch.export.load the file with torch 2.8 or newer, then torch.export.save it with torch 2.9 or newer.
)"},
      {"GE0216", "A pickled weight",
       R"(One weight or constant is kept as a Python pickle: torch does so for tensor subclasses (quantised, distributed) and
for custom objects. A pickle runs code when it is loaded, so Genie never reads one.

What to do: turn it into plain tensors before exporting: dequantise or gather tensor subclasses, and replace custom
objects by buffers.
)"},
      {"GE0217", "An archive layout that is not supported",
       R"(The archive says that it is of another format or layout version, or that its numbers are big-endian.

What to do: save the model on a little-endian machine with a torch that this Genie knows (2.9 to 2.13), or use a newer Genie.
)"},
      {"GE0218", "Part of the archive is missing",
       R"(The archive names a model or the storage of a weight that it does not hold.

What to do: save the model again. If the file was edited by hand, restore the entry.
)"},
      {"GE0219", "A weight without its values",
       R"(A weight's shape, strides and offset reach beyond the bytes of its storage. When the storage is empty, the program was
exported with fake tensors, which have shapes but no values.

What to do: load real weights into the model before exporting it; if the file is damaged, save it again.
)"},
      {"GE0220", "A zip archive of something else",
       R"(The file is a zip archive, but nothing in it looks like PyTorch's work.

What to do: check that `source.uri` names the right file.
)"},
      {"GE0221", "An entry is no file",
       R"(An entry of the archive is marked as a symbolic link or a device. Genie unpacks nothing, so no harm was done; but
torch.export.save writes plain files alone, and a tool that unpacks such an archive may write where the link points.

What to do: do not use this file. Ask where it came from.
)"},
      {"GE0222", "An entry does not have its checksum",
       R"(Every entry of a zip archive carries a checksum of its content. Genie compares those of the documents that it reads (the
program and the tables of weights). Here it differs: a byte was damaged on a disk or on the way, or somebody edited the file
without a zip tool. (Weights are told apart by their SHA-256, so other bytes are another model, and not mistaken for it.)

What to do: copy or download the file again and compare its SHA-256 with the original's, or save the model again.
)"},
      {"GE0223", "A size that cannot be",
       R"(The archive states a size, stride or offset that is negative, or larger than any file or memory. Computing with such a
number could wrap around to a small one, so nothing is computed with it.

What to do: save the model again with torch.export.save. If you got the file from somebody, ask where it came from.
)"},
      {"GE0224", "A Python pickle",
       R"(The file is a pickle: torch.save wrote such files before torch 1.6, and Python programs write them still. A pickle runs
code when it is loaded, so Genie never reads one.

What to do: load it in Python where you trust it, build the model from it, export that, and save it with torch.export.save.
)"},
      {"GE0225", "An entry that unpacks to far more than it has",
       R"(A compressed entry says that it would unpack to more than a hundred times its size. This is how archives are made that
fill a disk or the memory of whoever unpacks them. Genie unpacks nothing, so no harm was done.

What to do: if you got the file from somebody, do not unpack it. If you compressed it yourself (zeros compress that well),
save the model again, or unpack it and pack it anew with `zip -0 -r model.pt2 FOLDER`.
)"},
      {"GE0230", "The program is not what torch writes",
       R"(A JSON document of the archive does not follow torch's export schema: a field is missing or has another type. The message
names the document and the place in it.

What to do: save the model again with torch 2.9 or newer. If torch itself wrote this file, please report it with the
torch version.
)"},
      {"GE0231", "Another version of torch's export schema",
       R"(The program is written in another major version of torch's export schema. Majors change meaning, so nothing is guessed.

What to do: save the model with a torch that writes schema 8 (2.9 to 2.13), or use a newer Genie.
)"},
      {"GE0232", "A newer minor of torch's export schema",
       R"(The program is written in a newer minor version of torch's export schema than this Genie was checked with. Minors only
add: unknown fields are left out, and unknown kinds of arguments are refused by name.

What to do: nothing, as long as it works. Compare the outputs once with PyTorch's (`expect` in the run config).
)"},
      {"GE0233", "An unknown kind of argument",
       R"(The program uses a kind of argument, input or output that torch added after this Genie was made. Leaving it out would
change what the model computes.

What to do: use a newer Genie, or save the model with an older torch.
)"},
      {"GE0234", "An input's size that no plan can say",
       R"(The size of an input is an expression that is more than whole numbers with + * // % min and max, for example one with
fractions. Genie could not compute from an input's shape what the program needs.

What to do: give that dimension of the input a Dim of its own in dynamic_shapes, and compute the expression inside the
module.
)"},
      {"GE0235", "A condition that is not checked",
       R"(torch.export records conditions on the sizes of inputs that it relied on. Genie checks them before each call; this one is
written in a way that it does not understand, so it is not checked.

What to do: make sure that your inputs obey it: beyond it, the outputs may be wrong.
)"},
      {"GE0240", "An in-place operator outside the op table",
       R"(The operator's name says that it changes its arguments (it ends in _ or takes an out argument), and Genie's op table does
not know which. The order of reads and writes could not be kept.

What to do: export the recommended way, which leaves no in-place operators:

    program = genie.export.export(model, args)        or: program = program.run_decompositions()
)"},
      {"GE0241", "A higher-order operator",
       R"(The program calls an operator that takes parts of the program as arguments (a loop, a scan, a map), of a kind that Genie
does not capture. torch.cond, torch.autocast and switching gradients on or off are captured.

torch.vmap stands in a plain export as functions of Python around the operators; the recommended form has operators alone.

The same is said of an operator that runs under torch.autocast in a plain export and is made of others which convert in its
inside (a recurrent layer, a pseudo-inverse): what goes in and comes out does not tell where.

What to do: unroll loops in the module, or express them with tensor operations. With vmap or autocast, export the recommended
way (genie.export), which takes such operators apart.
)"},
      {"GE0242", "The program changes its input",
       R"(The module works in place on a tensor that its caller passes in. Over a network there is no such tensor to change, and
different callers would see different effects.

What to do: work on a copy (x = x.clone()), or, if the change is meant to last, keep the tensor as a buffer of the module:
Genie turns buffers that change into session state.

Note: a view counts as the tensor itself, and so does what dropout returns in evaluation mode.
)"},
      {"GE0244", "An operator's arguments do not fit",
       R"(The program passes an operator an argument that Genie's op table does not list, or leaves out one that has no default.
The torch that exported the program has another version of the operator.

What to do: export with decompositions (genie.export), which keeps to core operators; else use a Genie made for that torch.
)"},
      {"GE0245", "An argument that no plan can carry",
       R"(An argument, input or output is a custom object, an operator or a dictionary. A plan carries tensors, numbers, text,
types and lists of them.

What to do: replace it by tensors and numbers in the module. Values computed at run time can be returned only as tensors or
numbers.
)"},
      {"GE0246", "A kind of tensor that no plan has",
       R"(A tensor is sparse, quantised or of an element type unknown to plans.

What to do: make it dense before exporting (t.to_dense(), t.dequantize()), and keep the packed form only where the
computation needs it.
)"},
      {"GE0247", "A program for training",
       R"(The program returns gradients or tokens: it was exported for training or from a backward pass.

What to do: export the module for inference: model.eval(), then torch.export.export.
)"},
      {"GE0250", "An unknown option of the frontend",
       R"(`source.options` holds a key that frontend-pytorch does not know. Its options:

    method         capture this model of the archive alone
    share_states   true (default): models of one archive share a state of one name and content; false: each has its own
    verify_blobs   true: hash every weight anew, whatever the digest cache says (default false)
)"},
      {"GE0251", "A wrong value of an option of the frontend",
       R"(An option in `source.options` has the wrong type: share_states and verify_blobs are true or false, method is the name
of a model in the archive.
)"},
      {"GE0252", "No such model in the archive",
       R"(The option `method` names a model that the archive does not hold. The message lists those it has; the only program of
an archive is the method "forward".
)"},
  };
  return kCodes;
}

}  // namespace genie::plan::detail
