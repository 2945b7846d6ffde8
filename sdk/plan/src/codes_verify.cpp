// GE07xx: tensors, inputs, outputs and their verification.
#include "codes_tables.hpp"

namespace genie::plan::detail {

std::span<const CodeInfo> verify_codes() {
  static constexpr CodeInfo kCodes[] = {
      {"GE0701", "A tensor file cannot be read",
       "The file does not exist, is a folder, or may not be read by you.\n"
       "\n"
       "What to do: check the path in the run config; it is relative to the config's folder.\n"},
      {"GE0702", "Not a valid .npy file",
       "The file does not have the form that NumPy writes: its first bytes, its header, or the number of "
       "bytes that follow.\n"
       "A download or a copy may be incomplete.\n"
       "\n"
       "What to do: write it anew with `numpy.save(file, array)`.\n"},
      {"GE0703", "Not a valid .safetensors file",
       "The header of the file is checked in full before anything is used: that it is JSON, that every "
       "tensor's type, shape and\n"
       "place agree, that no two overlap and no byte is left over. One of these does not hold.\n"
       "\n"
       "What to do: write it anew with safetensors' `save_file`; a download may be incomplete.\n"},
      {"GE0704", "The file has no such tensor",
       "A `.safetensors` file holds several tensors by name, and the wanted name is not among them.\n"
       "\n"
       "What to do: the message lists the names. To use a tensor of another name, say which:\n"
       "\n"
       "    \"input_ids\": {\"file\": \"inputs.safetensors\", \"tensor\": \"ids\"}\n"},
      {"GE0705", "An element type that cannot be used here",
       "Plans know bool, integers of 8 to 64 bits, f16, bf16, f32, f64, the 8-bit floats, and complex "
       "numbers. The file or the\n"
       "tensor has another type (text, dates, structures, 4-bit floats), or one that the file format cannot "
       "hold (complex\n"
       "numbers of 128 bits in .safetensors).\n"
       "\n"
       "What to do: convert the tensor first. `.npy` has no bf16: use `.safetensors`.\n"},
      {"GE0706", "Numbers that do not fit",
       "An input written as `value` or `random` cannot be made: lists of one depth have different lengths, a "
       "number does not\n"
       "fit its element type, a range is empty, or the shape is not known.\n"
       "\n"
       "What to do: the message names the place and the range. A `random` input of a method whose sizes are "
       "open needs a\n"
       "`shape`.\n"},
      {"GE0707", "A tensor file cannot be written",
       "The outputs could not be written; the message gives the operating system's reason.\n"
       "\n"
       "What to do: check that the folder exists, is writable and has room.\n"},
      {"GE0708", "No memory for a tensor",
       "The host could not get the memory that a tensor takes.\n"
       "\n"
       "What to do: use a smaller shape, or a machine with more memory.\n"},
      {"GE0709", "A tensor that is not in host memory",
       "An output was to be read by the host, but lies on a device that only its kernels can read. This is a "
       "fault of the\n"
       "backend, which fetches what it is asked for.\n"
       "\n"
       "What to do: report it to the authors of the backend plug-in.\n"},
      {"GE0710", "The program has no such method",
       "The run config names a method that the model has not. A single exported program has one method, "
       "`forward`; an archive\n"
       "of several has one for each, by its name.\n"
       "\n"
       "What to do: `genie-host plan show MODEL` lists the methods.\n"},
      {"GE0711", "An input is missing",
       "Every input of the method needs a value, and this one has none.\n"
       "\n"
       "What to do: add it to `run.inputs`, from a file, as a value, random, or from an earlier step:\n"
       "\n"
       "    \"attention_mask\": {\"file\": \"mask.npy\"}\n"
       "    \"scale\": {\"value\": 0.5}\n"
       "    \"noise\": {\"random\": {\"seed\": 7, \"shape\": [1, 16]}}\n"
       "    \"token\": {\"output\": \"-1/next\"}\n"},
      {"GE0712", "Unknown input",
       "The run config gives a value to an input that the method has not. Inputs are named as the exported "
       "program's\n"
       "placeholders, which are usually the parameters of `forward`.\n"
       "\n"
       "What to do: `genie-host plan show MODEL` lists the inputs with their types and shapes.\n"},
      {"GE0713", "An input of another element type",
       "The tensor has another element type than the method takes. Nothing is converted silently: a model "
       "that is fed f64 in\n"
       "place of f32 computes something else.\n"
       "\n"
       "What to do: save the tensor with the type that the message names (token ids are usually i64), or "
       "export the model with\n"
       "an input of the other type.\n"},
      {"GE0714", "An input of another shape",
       "The tensor has another number of dimensions than the method takes, or another size where the export "
       "fixed it.\n"
       "\n"
       "What to do: give it that shape. If the size should be free, export the model with it left open:\n"
       "`dynamic_shapes={\"input_ids\": {1: torch.export.Dim(\"seq\", max=512)}}`.\n"},
      {"GE0715", "The program has no such output",
       "`outputs.only`, or an input that takes the output of an earlier step, names an output that the "
       "method has not. Outputs\n"
       "are named by their path in what the model returns: a dictionary's key, a field's name, an index, "
       "joined by dots.\n"
       "\n"
       "What to do: `genie-host plan show MODEL` lists the outputs.\n"},
      {"GE0720", "Outputs differ from what was expected",
       "Compared element by element: |actual − expected| must be at most atol + rtol · |expected|. With both "
       "tolerances 0 the\n"
       "bits must be equal (NaN equals NaN). The message names the element that is worst.\n"
       "\n"
       "What to do: small differences are rounding: another version of torch, another number of threads or "
       "another machine\n"
       "adds in another order. Set the threads of the kernels to those that the expected outputs were "
       "computed with\n"
       "(`kernels[].options.threads`), or allow a tolerance (`expect.rtol`, `expect.atol`). With "
       "kernels-aten's\n"
       "option `results` at `close` they are to be expected, up to 1e-5 of an output's largest element; its "
       "default, `exact`,\n"
       "gives torch's bits.\n"
       "\n"
       "Large ones mean that the expected file belongs to other inputs or another export, or a bug: please "
       "report it.\n"},
      {"GE0721", "An expected output is missing",
       "The expected file holds a tensor whose name no output has. With `steps`, outputs are named "
       "`<step>/<output>`.\n"
       "\n"
       "What to do: the message lists the names there are.\n"},
      {"GE0722", "An output of another type or shape than expected",
       "Tensors of different element types or shapes are not compared.\n"
       "\n"
       "What to do: compare with outputs of the same export, for inputs of the same sizes.\n"},
      {"GE0731", "Not a tensor file by its name",
       "Tensors are read from `.npy` and `.safetensors` files; the name has another ending.\n"
       "\n"
       "What to do: save the tensor with `numpy.save`, or safetensors' `save_file`.\n"},
  };
  return kCodes;
}

}  // namespace genie::plan::detail
