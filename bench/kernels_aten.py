#!/usr/bin/env python3
"""Time of a model's forward pass through kernels-aten, beside PyTorch's own run of the same exported program.

The model is the quickstart's sentence encoder. Both sides compute the same export with the same torch and thread count, in
turns; the outputs are compared to the bit. Ratios below 1 mean that kernels-aten is faster.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "tests" / "corpus")]


class Case:
    """One export with one input, runnable on both sides."""

    def __init__(self, options, folder, sequence):
        import torch
        from genie import export, tensors

        import models

        torch.manual_seed(0)
        ids = torch.randint(3, 30000, (1, sequence))
        self.kwargs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        module = models.minilm().eval()
        program = export.export(module, (), self.kwargs)
        archive = export.save(program, folder / f"model-{sequence}.pt2")
        self.inputs = folder / f"inputs-{sequence}.safetensors"
        tensors.save_tensors(self.inputs, tensors.input_tensors(program, (), self.kwargs))
        # As loaded: where weights lie in memory decides which kernels a BLAS picks, and so the last bits.
        self.program = torch.export.load(archive)
        self.exported = self.program.module()
        self.module = module
        self.plan = folder / f"plan-{sequence}.json"
        self.outputs = folder / f"outputs-{sequence}.safetensors"
        build = options.build
        text = subprocess.run([build / "tests/frontend-pytorch/pt2-to-plan", archive], check=True, capture_output=True, text=True)
        self.plan.write_text(text.stdout)
        self.command = [build / "tests/kernels-aten/run-stage", build / "plugins/kernels-aten/kernels-aten.so", self.plan,
                        "--out", self.outputs, "--repeat", str(options.repeat)]

    def genie(self, threads):
        """Times of runs through the plug-in, in ns; the first ones, which warm up, are left out."""
        done = subprocess.run([*self.command, "--threads", str(threads), self.inputs], check=True, capture_output=True, text=True)
        times = json.loads(done.stdout)["run_ns"]
        return times[len(times) // 5:]

    def eager(self, module, repeat):
        import torch

        times = []
        with torch.inference_mode():
            for _ in range(repeat):
                start = time.perf_counter_ns()
                module(**self.kwargs)
                times.append(time.perf_counter_ns() - start)
        return times[len(times) // 5:]

    def equal_bits(self):
        """Whether the plug-in's latest outputs are what PyTorch computes with the present thread count."""
        import torch
        from genie import tensors
        from safetensors.torch import load_file

        got = load_file(self.outputs)
        expected = tensors.run_steps(self.program, [((), self.kwargs)])
        return all(torch.equal(got[name], tensor) for name, tensor in expected.items())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", help="build tree with the tests' tools")
    parser.add_argument("--sequences", type=int, nargs="+", default=[16, 128])
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--rounds", type=int, default=5, help="turns that each side takes (default: 5)")
    parser.add_argument("--repeat", type=int, default=30, help="runs of one turn (default: 30)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()

    # As genie-host sets it before it loads the plug-in: threads that spin while they wait ruin a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    warnings.filterwarnings("ignore", category=FutureWarning)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for sequence in options.sequences:
            torch.set_num_threads(1)
            case = Case(options, pathlib.Path(folder), sequence)
            for threads in options.threads:
                torch.set_num_threads(threads)
                genie, eager, exported = [], [], []
                for _ in range(options.rounds):
                    genie += case.genie(threads)
                    eager += case.eager(case.module, options.repeat)
                    exported += case.eager(case.exported, options.repeat)
                middle = {name: statistics.median(times) for name, times in (("genie", genie), ("eager", eager), ("exported", exported))}
                rows.append({"sequence": sequence, "threads": threads, "genie_ns": middle["genie"], "eager_ns": middle["eager"],
                             "exported_ns": middle["exported"], "to_eager": middle["genie"] / middle["eager"],
                             "to_exported": middle["genie"] / middle["exported"],
                             "best_to_best_eager": min(genie) / min(eager), "equal_bits": case.equal_bits()})
    if options.json:
        json.dump({"bench": "kernels_aten", "torch": torch.__version__, "rounds": options.rounds, "rows": rows}, sys.stdout, indent=2)
        print()
        return
    print(f"{'sequence':>8} {'threads':>7} {'kernels-aten':>13} {'eager':>10} {'exported':>10} {'to eager':>9} {'to exported':>12} {'best':>6}  bits")
    for row in rows:
        print(f"{row['sequence']:8} {row['threads']:7} {row['genie_ns'] / 1e6:10.2f} ms {row['eager_ns'] / 1e6:7.2f} ms "
              f"{row['exported_ns'] / 1e6:7.2f} ms {row['to_eager']:9.2f} {row['to_exported']:12.2f} {row['best_to_best_eager']:6.2f}  "
              f"{'equal' if row['equal_bits'] else 'DIFFERENT'}")


if __name__ == "__main__":
    main()
