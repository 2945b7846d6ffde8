"""Write PyTorch modules as archives that Genie reads.

From Python::

    import genie.export
    from torch.export import Dim

    program = genie.export.export(model, (ids,), dynamic_shapes={"ids": {1: Dim("seq", max=512)}})
    genie.export.save(program, "model.pt2")

From the shell, for a function that returns a module and example arguments (see :class:`Example`)::

    python -m genie.export my_models.py:encoder -o model.pt2 --run

Any archive of ``torch.export.save`` (torch 2.9 or newer) works with Genie. The recommended form, which this module
writes, is easier to schedule and explain: it is functional (state is listed, not mutated in place), has few operators,
and keeps together the composites that matter for speed and for reading (attention, linear, norms, convolutions).
"""

import argparse
import collections.abc
import dataclasses
import importlib
import importlib.util
import json
import os
import pathlib
import sys
import warnings
from typing import Any

import torch

from genie import __version__
from genie.symbols import symbol_names
from genie.tensors import input_tensors, run_steps, save_tensors

MINIMUM_TORCH = (2, 9)

#: Operators that stay whole where PyTorch would by default break them into smaller ones. Attention is here for
#: correctness too: its decomposition does not hold for every shape.
PRESERVED_OPERATORS = (
    "aten.conv1d.default",
    "aten.conv1d.padding",
    "aten.conv2d.default",
    "aten.conv2d.padding",
    "aten.conv3d.default",
    "aten.conv3d.padding",
    "aten.group_norm.default",
    "aten.index_copy.default",
    "aten.layer_norm.default",
    "aten.linear.default",
    "aten.matmul.default",
    "aten.rms_norm.default",
    "aten.scaled_dot_product_attention.default",
    "aten.silu.default",
    "aten.softmax.int",
)

#: Name of the entry under ``extra/`` of an archive where :func:`save` keeps what the program itself cannot say.
EXTRA_FILE = "genie.json"

_META_KEY = "genie.export"


@dataclasses.dataclass
class Example:
    """A module and one call of it: all that an export needs.

    ``dynamic_shapes`` is what :func:`torch.export.export` takes. Give dimensions names
    (``{"ids": {0: Dim("batch"), 1: Dim("seq", max=512)}}``): Genie shows and uses them.
    """

    module: torch.nn.Module
    args: tuple = ()
    kwargs: dict = dataclasses.field(default_factory=dict)
    dynamic_shapes: Any = None


def export(module, args=(), kwargs=None, *, dynamic_shapes=None, plain=False, preserve=PRESERVED_OPERATORS, strict=False):
    """Export ``module`` the way that Genie recommends and return the ``ExportedProgram``.

    :param module: the module, in evaluation mode unless dropout and the like are wanted.
    :param args: example positional arguments. Sizes of 0 and 1 are taken as fixed by PyTorch: use at least 2 in
        dimensions that are to be dynamic.
    :param kwargs: example keyword arguments.
    :param dynamic_shapes: as for :func:`torch.export.export`; names of ``Dim`` objects are kept.
    :param plain: leave out the decomposition, as ``torch.export.export`` alone does.
    :param preserve: operators (such as ``"aten.linear.default"``) that stay whole; those that the installed torch
        does not have are passed over.
    :param strict: as for :func:`torch.export.export`.
    :raises RuntimeError: if the installed torch is too old.
    :raises torch.export errors: unchanged, if the module cannot be exported.
    """
    _check_torch()
    args, kwargs = tuple(args), dict(kwargs or {})
    if module.training:
        warnings.warn(
            "the module is in training mode, so dropout and batch statistics become part of the program; "
            "call module.eval() first if that is not meant",
            stacklevel=2,
        )
    with torch.no_grad():
        program = torch.export.export(module, args, kwargs, dynamic_shapes=dynamic_shapes, strict=strict)
        if not plain:
            program = program.run_decompositions(_decompositions(preserve))
            _drop_process_ids(program)
    names = symbol_names(program, module, args, kwargs, dynamic_shapes)
    program.graph_module.meta[_META_KEY] = {
        "form": "plain" if plain else "recommended",
        "module": f"{type(module).__module__}.{type(module).__qualname__}",
        "symbols": {symbol: {"name": name} for symbol, name in names.items()},
    }
    return program


def save(program, path, *, extra_files=None):
    """Save a program, or several as the methods of one archive, to ``path`` (which ends in ``.pt2``).

    :param program: an ``ExportedProgram``, or a dict from method name to ``ExportedProgram``. Those that did not come
        from :func:`export` are saved too; the names of their dynamic dimensions are then unknown.
    :param extra_files: further text files to keep under ``extra/`` of the archive.
    """
    path = pathlib.Path(path)
    if path.suffix != ".pt2":
        raise ValueError(f"{path}: the name of an archive must end in .pt2")
    extra = dict(extra_files or {})
    if EXTRA_FILE in extra:
        raise ValueError(f"{EXTRA_FILE} is written by genie.export itself; use another name in extra_files")
    programs = program if isinstance(program, collections.abc.Mapping) else {"model": program}
    extra[EXTRA_FILE] = json.dumps(_description(programs), indent=1, sort_keys=True)
    if isinstance(program, collections.abc.Mapping):
        from torch.export.pt2_archive._package import package_pt2

        package_pt2(str(path), exported_programs=dict(programs), extra_files=extra)
    else:
        torch.export.save(program, str(path), extra_files=extra)
    return path


def write_run(program, folder, args=(), kwargs=None, *, archive="model.pt2"):
    """Write a folder that ``genie-host --config FOLDER/run.json`` runs and verifies.

    The folder gets the archive, the inputs of one call, what PyTorch computes for them, and the run configuration.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save(program, folder / archive)
    save_tensors(folder / "inputs.safetensors", input_tensors(program, args, kwargs))
    save_tensors(folder / "expected.safetensors", run_steps(program, [(tuple(args), dict(kwargs or {}))]))
    config = {
        "schema": "genie.run",
        "version": {"major": 0, "minor": 1},
        "source": {"uri": archive},
        "run": {"inputs": "inputs.safetensors"},
        "outputs": {"file": "outputs.safetensors"},
        "expect": {"file": "expected.safetensors", "rtol": 1e-5, "atol": 1e-6},
    }
    (folder / "run.json").write_text(json.dumps(config, indent=2) + "\n")
    return folder / "run.json"


def _check_torch():
    """Refuse a torch whose archives have another layout."""
    version = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
    if version < MINIMUM_TORCH:
        needed = ".".join(map(str, MINIMUM_TORCH))
        raise RuntimeError(f"torch {torch.__version__} writes archives of an older layout; install torch {needed} or newer")


def _decompositions(preserve):
    """PyTorch's default decompositions without those of the operators in ``preserve``."""
    table = torch.export.default_decompositions()
    for name in preserve:
        namespace, operator, overload = name.split(".")
        packet = getattr(getattr(torch.ops, namespace), operator, None)
        if packet is not None and hasattr(packet, overload):
            table.pop(getattr(packet, overload), None)
    return table


def _drop_process_ids(program):
    """Make two exports of one module equal bytes: ``from_node`` holds object ids of the process that exported."""
    for graph_module in program.graph_module.modules():
        for node in getattr(graph_module, "graph", torch.fx.Graph()).nodes:
            node.meta.pop("from_node", None)


def _description(programs):
    """The content of the extra file. Symbols are local to a program, so an archive of several lists them by method."""
    methods = {name: program.graph_module.meta.get(_META_KEY, {}) for name, program in programs.items()}
    description = {"schema": "genie.export", "version": 1, "producer": f"genie {__version__}", "torch": torch.__version__}
    if len(methods) == 1:
        return {**description, "symbols": {}, **next(iter(methods.values()))}
    return {**description, "methods": {name: {"symbols": {}, **method} for name, method in methods.items()}}


def load_example(spec):
    """Call the function named by ``module:function`` or ``file.py:function`` and return its :class:`Example`.

    The function takes no arguments and returns an :class:`Example`, a tuple in the same order, or a dict of its fields.
    """
    location, separator, name = spec.rpartition(":")
    if not separator or not name:
        raise ValueError(f"{spec!r} is not of the form module:function or file.py:function")
    if location.endswith(".py"):
        file = pathlib.Path(location).resolve()
        module_spec = importlib.util.spec_from_file_location(file.stem, file)
        source = importlib.util.module_from_spec(module_spec)
        # Modules defined in the file must be importable by name while it is being executed and exported.
        sys.modules[file.stem] = source
        module_spec.loader.exec_module(source)
    else:
        sys.path.insert(0, os.getcwd())
        source = importlib.import_module(location)
    if not hasattr(source, name):
        raise ValueError(f"{location} has no function {name!r}")
    result = getattr(source, name)()
    if isinstance(result, Example):
        return result
    if isinstance(result, collections.abc.Mapping):
        return Example(**result)
    if isinstance(result, tuple):
        return Example(*result)
    raise ValueError(f"{spec} returned {type(result).__name__}, not an Example, a tuple or a dict")


def main(argv=None):
    """The command line: export what a function returns."""
    parser = argparse.ArgumentParser(
        prog="python -m genie.export",
        description="Export a PyTorch module to a .pt2 archive that Genie reads.",
        epilog="FUNCTION takes no arguments and returns genie.export.Example(module, args, kwargs, dynamic_shapes), "
        "or a tuple or dict of the same.",
    )
    parser.add_argument("example", metavar="FUNCTION", help="module:function or path/to/file.py:function")
    parser.add_argument("-o", "--output", required=True, metavar="FILE.pt2", type=pathlib.Path, help="the archive to write")
    parser.add_argument("--plain", action="store_true", help="do not decompose: what torch.export.export alone gives")
    parser.add_argument("--run", action="store_true",
                        help="also write inputs.safetensors, expected.safetensors and run.json beside the archive")
    options = parser.parse_args(argv)
    # torch 2.13 warns about its own use of pytree; the user can do nothing about it.
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
    try:
        example = load_example(options.example)
        program = export(example.module, example.args, example.kwargs, dynamic_shapes=example.dynamic_shapes,
                         plain=options.plain)
        options.output.parent.mkdir(parents=True, exist_ok=True)
        if options.run:
            config = write_run(program, options.output.parent, example.args, example.kwargs, archive=options.output.name)
            print(f"run it: genie-host --config {config}")
        else:
            save(program, options.output)
    except (ValueError, RuntimeError, ImportError, OSError) as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    nodes = sum(1 for node in program.graph_module.graph.nodes if node.op == "call_function")
    print(f"wrote {options.output}: {nodes} operators, {options.output.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    # As the module that users import, so that its classes are the ones they know.
    from genie.export import main as run

    run()
