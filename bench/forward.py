#!/usr/bin/env python3
"""One forward pass at batch 1: PyTorch eager, genie in this process, genie on three emulated devices, ONNX Runtime.

The models are the quickstart's sentence encoder and a GPT-2 of the 124 M shape (random weights). All sides are in one process, have the
same inputs and thread counts, and take turns of a few passes each. No one of the three devices has room for all the weights, and their links
take no time: what differs is the cost of stages and copies. Outputs of genie are compared to PyTorch's to the bit;
with `"results": "close"` the largest difference is shown, as a part of the output's largest element. `products` are eager's products of matrices
alone, which equal bits leave nobody to shorten.
ONNX Runtime (`pip install onnxruntime onnxscript`) takes part where it is installed; its model is what torch.onnx writes.
"""

import argparse
import contextlib
import io
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time
import warnings

import figures
import libgenie

sys.path[:0] = [str(figures.ROOT / "python"), str(figures.ROOT / "tests" / "corpus")]

KERNELS = "org.genie.kernels-aten"


def minilm(sequence):
    import models
    import torch

    ids = torch.randint(3, 30000, (1, sequence))
    return models.minilm().eval(), {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def gpt2(sequence):
    import models
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    ids = torch.randint(0, 50257, (1, sequence))
    model = models.Outputs(GPT2LMHeadModel(GPT2Config(use_cache=False)), "logits")
    return model.eval(), {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def tiny(sequence):
    import models
    import torch

    ids = torch.randint(0, 500, (1, sequence))
    return models.gpt2().eval(), {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


MODELS = {"minilm": ("MiniLM, 22 M", minilm), "gpt2": ("GPT-2, 124 M", gpt2), "tiny": ("GPT-2, tiny", tiny)}


def topology(path, weight_bytes):
    devices = [{"id": f"w{i}", "kind": "cpu", "memory_bytes": int(0.45 * weight_bytes) + min(64 << 20, weight_bytes // 5), "host": f"h{i}", "kernels": [KERNELS],
                "compute": {"flops_per_s": 5e10, "memory_bytes_per_s": 1.2e10, "op_overhead_ns": 2000}} for i in range(3)]
    ends = ["h0", "h1", "h2", "client"]
    links = [{"id": f"{a}-{b}", "ends": [a, b], "bandwidth_bytes_per_s": 1e15, "latency_ns": 0} for i, a in enumerate(ends) for b in ends[i + 1:]]
    path.write_text(json.dumps({"schema": "genie.topology", "version": {"major": 0, "minor": 1}, "devices": devices, "links": links,
                                "client": {"host": "client"}}))


RATIOS = {"genie_to_eager": ("genie", "eager"), "emulated_to_genie": ("emulated", "genie"), "genie_to_onnx": ("genie", "onnx"),
          "products_to_eager": ("products", "eager"), "close_to_eager": ("close", "eager"), "close_to_onnx": ("close", "onnx")}
SIDES = ("eager", "products", "genie", "close", "emulated", "onnx")


class Case:
    """A model at one sequence length, ready to run on every side."""

    def __init__(self, options, folder, make, sequence):
        import torch
        from genie import export

        self.options, self.folder = options, folder
        torch.manual_seed(0)
        self.module, self.inputs = make(sequence)
        self.archive = folder / "model.pt2"
        export.save(export.export(self.module, (), self.inputs), self.archive)
        self.weight_bytes = sum(parameter.nbytes for parameter in self.module.parameters())
        # As loaded: where weights lie in memory decides which kernels a BLAS picks, and so the last bits.
        self.exported = torch.export.load(self.archive).module()
        self.onnx = self._to_onnx() if options.onnx else None

    def _to_onnx(self):
        import torch

        path = self.folder / "model.onnx"
        with contextlib.redirect_stdout(io.StringIO()):
            torch.onnx.export(self.module, (), str(path), kwargs=self.inputs, dynamo=True, optimize=True)
        return path

    def genie(self, threads, devices=None, **options):
        config = {"schema": "genie.run", "version": {"major": 0, "minor": 1}, "source": {"uri": str(self.archive)},
                  "kernels": [{"plugin": KERNELS, "options": {"threads": threads, **options}}], "run": {"inputs": {}}}
        if devices:
            config["backend"] = {"plugin": "org.genie.backend-emulation", "options": {"topology": devices}}
        return libgenie.Program(self.options.build, config, self.folder, self.inputs)

    def eager(self):
        import torch

        def run():
            with torch.inference_mode():
                return self.module(**self.inputs)
        return run

    def products(self):
        """The products of matrices of an eager pass, one after the other, on what they are given there."""
        import torch
        from torch.utils._python_dispatch import TorchDispatchMode

        calls = []

        class Record(TorchDispatchMode):
            def __torch_dispatch__(self, function, types, arguments=(), named=None):
                if function in (torch.ops.aten.mm.default, torch.ops.aten.addmm.default, torch.ops.aten.bmm.default):
                    calls.append((function, arguments, named or {}))
                return function(*arguments, **(named or {}))

        with torch.no_grad(), Record():  # where linear is a product already
            self.module(**self.inputs)

        def run():
            with torch.inference_mode():
                for function, arguments, named in calls:
                    function(*arguments, **named)
        return run

    def runtime(self, threads):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        session = onnxruntime.InferenceSession(str(self.onnx), options, providers=["CPUExecutionProvider"])
        given = {name: tensor.numpy() for name, tensor in self.inputs.items() if name in {one.name for one in session.get_inputs()}}
        return lambda: session.run(None, given)


def measure(options, folder, model, sequence):
    import torch

    torch.set_num_threads(1)
    title, make = MODELS[model]
    case = Case(options, folder, make, sequence)
    topology(folder / "cluster.json", case.weight_bytes)
    for threads in options.threads:
        torch.set_num_threads(threads)
        single, three, close = case.genie(threads), case.genie(threads, "cluster.json"), case.genie(threads, results="close")
        sides = {"eager": case.eager(), "products": case.products(), "genie": single, "close": close, "emulated": three}
        if case.onnx:
            sides["onnx"] = case.runtime(threads)
        with torch.inference_mode():
            expected = case.exported(**case.inputs)
        expected = list(expected.values())
        equal = all(all(torch.equal(got, want) for got, want in zip(side().values(), expected)) for side in (single, three))
        difference = max(float((got - want).abs().max() / want.abs().max()) for got, want in zip(close().values(), expected))
        walls, cpus = {name: [] for name in sides}, {name: [] for name in sides}
        for turn in range(options.rounds + 1):
            for name, side in sides.items():
                for _ in range(options.repeat):
                    wall, cpu = time.perf_counter_ns(), time.process_time_ns()
                    side()
                    if turn:  # the first turn warms up
                        walls[name].append(time.perf_counter_ns() - wall)
                        cpus[name].append(time.process_time_ns() - cpu)
        wall, cpu = ({name: statistics.median(some) for name, some in times.items()} for times in (walls, cpus))
        stages = json.loads(three.text("report"))["plan"]["methods"]["forward"]["stages"]
        row = {"model": title, "sequence": sequence, "threads": threads, "stages": stages, "equal_bits": equal, "close_difference": difference}
        for name in SIDES:
            row |= {f"{name}_ns": wall.get(name), f"{name}_cpu_ns": cpu.get(name)}
        for name, (over, under) in RATIOS.items():
            for kind, times in (("", wall), ("_cpu", cpu)):
                row[name + kind] = times[over] / times[under] if under in times else None
        yield row
        for side in (single, three, close):
            side.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=figures.ROOT / "build", help="build tree with libgenie")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["minilm", "gpt2"], help="tiny is there to try the command")
    parser.add_argument("--sequences", type=int, nargs="+", default=[16, 128])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7, help="turns that each side takes (default: 7)")
    parser.add_argument("--repeat", type=int, default=5, help="passes of one turn (default: 5)")
    parser.add_argument("--no-onnx", dest="onnx", action="store_false", help="leave ONNX Runtime out")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--write", action="store_true", help="also put the table into docs/performance.md")
    options = parser.parse_args()
    options.build = options.build.resolve()

    # As genie-host sets it before it loads the plug-in: threads that spin while they wait ruin a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    warnings.filterwarnings("ignore")
    try:
        import onnxruntime
        versions = f"torch {torch.__version__}, onnxruntime {onnxruntime.__version__}"
    except ImportError:
        options.onnx, versions = False, f"torch {torch.__version__}"
    busy = figures.is_busy()
    rows = []
    for model in options.models:
        for sequence in options.sequences:
            with tempfile.TemporaryDirectory() as folder:
                rows += measure(options, pathlib.Path(folder), model, sequence)
    ms = figures.milliseconds
    def both(row, name):
        return f"{row[name]:.2f} ({row[name + '_cpu']:.2f})" if row[name] else ""

    text = figures.table(
        ["model, sequence, threads", "eager", "products ÷ it (CPU)", "genie", "÷ eager (CPU)", "bits", "3 devices", "÷ genie (CPU)", "genie, close",
         "÷ eager (CPU)", "difference", "ONNX Runtime", "genie ÷ it (CPU)", "close ÷ it (CPU)"],
        [[f"{row['model']}, {row['sequence']}, {row['threads']}", ms(row["eager_ns"]), both(row, "products_to_eager"), ms(row["genie_ns"]),
          both(row, "genie_to_eager"), "equal" if row["equal_bits"] else "different", ms(row["emulated_ns"]), both(row, "emulated_to_genie"),
          ms(row["close_ns"]), both(row, "close_to_eager"), f"{row['close_difference']:.1e}", ms(row["onnx_ns"]) if row["onnx_ns"] else "",
          both(row, "genie_to_onnx"), both(row, "close_to_onnx")] for row in rows])
    text += (f"\n\nMedians of {options.rounds} turns of {options.repeat} passes, wall times, and in brackets the ratio of CPU times; "
             f"{figures.machine()}, {versions}.")
    if busy:
        text += " " + figures.LOAD
    if options.write:
        figures.write_section("forward", text)
    if options.json:
        json.dump({"bench": "forward", "machine": figures.machine(), "versions": versions, "busy": busy, "rows": rows}, sys.stdout, indent=2)
        print()
    else:
        print(text)


if __name__ == "__main__":
    main()
