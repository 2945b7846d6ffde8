"""What every node of an archive computes in PyTorch itself, to compare a run of Genie with.

From the shell::

    python -m genie.values model.pt2 inputs.safetensors -o values.safetensors
    genie-host debug --config run.json --reference values.safetensors

The first node of the run whose results differ from PyTorch's is then named. Values are named as in the plan.
"""

import argparse
import pathlib

import torch
from safetensors.torch import load_file

from genie.tensors import save_tensors


class _Recorder(torch.fx.Interpreter):
    """Keeps a copy of every tensor that a node gives, as it is right after the node has run."""

    def __init__(self, module):
        super().__init__(module)
        self.values = {}

    def run_node(self, n):
        result = super().run_node(n)
        if n.op == "call_function" and isinstance(result, torch.Tensor):
            self.values[n.name] = result.detach().clone().contiguous()
        return result


def values(program, inputs):
    """Run ``program`` (a ``torch.export.ExportedProgram``) and return the tensor of each node by its name.

    ``inputs``: tensors by the program's input names; its other inputs are the constants that it was exported with.
    Raises ``KeyError`` naming an input that is missing.
    """
    signature = program.graph_signature
    # Products depend on the place of their operands in memory to the last bit; copies lie where PyTorch's allocator and Genie put them.
    held = {name: tensor.clone() if isinstance(tensor, torch.Tensor) else tensor for name, tensor in {**program.state_dict, **program.constants}.items()}
    lifted = {**signature.inputs_to_parameters, **signature.inputs_to_buffers, **signature.inputs_to_lifted_tensor_constants}
    arguments = []
    for spec in signature.input_specs:
        name = spec.arg.name
        if name in lifted:
            arguments.append(held[lifted[name]])
        elif isinstance(spec.arg, torch.export.graph_signature.ConstantArgument):
            arguments.append(spec.arg.value)
        elif name in inputs:
            arguments.append(inputs[name].clone())
        else:
            raise KeyError(f"there is no tensor for input {name}")
    recorder = _Recorder(program.graph_module)
    with torch.no_grad():
        recorder.run(*arguments, enable_io_processing=False)
    return recorder.values


def main(arguments=None):
    """The command line; see the module's text."""
    parser = argparse.ArgumentParser(prog="python -m genie.values", description=__doc__.splitlines()[0])
    parser.add_argument("model", type=pathlib.Path, help="an archive of torch.export.save")
    parser.add_argument("inputs", type=pathlib.Path, help="its inputs by name, .safetensors")
    parser.add_argument("-o", "--output", type=pathlib.Path, default=pathlib.Path("values.safetensors"), help="where to write (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="as torch.manual_seed, for models that draw random numbers")
    options = parser.parse_args(arguments)
    program = torch.export.load(options.model)
    torch.manual_seed(options.seed)
    made = values(program, load_file(options.inputs))
    save_tensors(options.output, made)
    print(f"{len(made)} values of {options.model} in {options.output}")


if __name__ == "__main__":
    # As the module that users import, so that its classes are the ones they know.
    from genie.values import main as run

    run()
