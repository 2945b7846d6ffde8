#!/usr/bin/env python3
"""Proves the op table against the installed torch: signatures, result types, kernels and flops.

    python tests/ops/prove.py --check                          # what CI runs, about a minute and a half
    python tests/ops/prove.py --per-op 40 --samples 100 --traced 10   # long
    python tests/ops/prove.py --only aten.add --list           # one family; name the operators without rule or sample
    python tests/ops/prove.py --write                          # record the corpus, put the figures into docs/op-table.md

The corpus of calls (sdk/schema/tools/op_samples.py) is recorded from torch; its result types and flops are checked by
plan-tests, and every call runs through kernels-aten and must give torch's bits. docs/op-table.md explains.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "sdk/schema/tools"), str(ROOT / "tests/ops")]

import make_opset  # noqa: E402
import record_types  # noqa: E402
from op_samples import with_fixed_hashes  # noqa: E402
from op_kernels import compare  # noqa: E402

CASES = ["rules give the types and shapes that torch gives", "cost rules count the flops that torch's counter counts"]


CORPUS = ROOT / "tests/plan/op_types.jsonl"
PAGE = ROOT / "docs/op-table.md"
FIGURES = re.compile(r"(?<=<!-- figures: tests/ops/prove.py --write -->\n```text\n).*?(?=```\n)", re.DOTALL)


class Proof:
    """What was found; `lines()` says it in words."""

    def __init__(self, build, scratch, table_is_torchs, **how):
        self.table = table = record_types.read_table()
        self.table_is_torchs = table_is_torchs
        corpus = record_types.record(table, **how)
        self.corpus_text = "\n".join(record_types.recorded_lines(corpus, table)) + "\n"
        self.sampled = set(corpus.kept)
        self.kernels = compare(build, scratch, corpus.donated(), table)
        lines = scratch / "op_types.jsonl"
        lines.write_text(self.corpus_text)
        ran = subprocess.run(
            [build / "tests/plan/plan-tests", "--no-path-filenames", "--success=false", "-tc=" + ",".join(CASES)],
            env={**os.environ, "GENIE_OP_TYPES": str(lines)}, capture_output=True, text=True,
        )  # fmt: skip
        self.types_log = ran.stdout
        self.types = re.search(r"shapes: (\d+) samples of (\d+) operators, (\d+) mismatches", ran.stdout)
        self.flops = re.search(r"flops: (\d+) samples of (\d+) operators, (\d+) mismatches", ran.stdout)

    def names(self, keep):
        return sorted(name for name, op in self.table.items() if keep(name, op))

    def without_rule(self):
        return self.names(lambda name, op: "shape_rule" not in op and name in self.sampled)

    def without_sample(self):
        return self.names(lambda name, op: "shape_rule" in op and name not in self.sampled)

    def without_both(self):
        return self.names(lambda name, op: "shape_rule" not in op and name not in self.sampled)

    def wrong_marks(self):
        """Operators that torch leaves uninitialised and the table does not say so, or the other way round."""
        wrong = []
        for name, op in self.table.items():
            marked, seen = set(op.get("uninitialized", [])), self.kernels.left_open[name]
            if name in self.kernels.samples and not seen <= marked <= seen | self.kernels.may_be_open[name]:
                wrong.append(f"{name}: the table says {marked}, torch leaves {seen}")
        return wrong

    def lines(self):
        core = self.names(lambda name, op: op.get("core"))
        ruled = self.names(lambda name, op: "shape_rule" in op)
        differ = self.kernels.differences
        yield f"table: {len(self.table)} operators, as torch declares them: {'yes' if self.table_is_torchs else 'NO'}"
        yield f"rules: {len(ruled)} operators, of which {len(set(core) & set(ruled))} of the {len(core)} core ones"
        cases, ops, wrong = map(int, self.types.groups())
        yield f"shapes: {ops} operators, {cases} samples, {wrong} mismatches"
        yield f"  sampled, without a rule: {len(self.without_rule())}; with a rule, without a sample: {len(self.without_sample())}; neither: {len(self.without_both())}"
        yield f"kernels: {len(self.kernels.samples)} operators, {sum(self.kernels.samples.values())} samples, {sum(map(len, differ.values()))} mismatches"
        for (name, why), count in sorted(self.kernels.excluded.items()):
            yield f"  left out: {name}, {count} samples: {why}"
        cases, ops, wrong = map(int, self.flops.groups())
        yield f"flops: {ops} operators, {cases} samples, {wrong} mismatches"

    def figures(self):
        return "\n".join(self.lines()) + "\n"

    def problems(self):
        if not self.table_is_torchs:
            yield "the table is not what torch and the rules give; run make_opset.py"
        if int(self.types[3]) or int(self.flops[3]):
            yield self.types_log
        for name, differences in sorted(self.kernels.differences.items()):
            yield f"{name}: {len(differences)} of {self.kernels.samples[name]} calls differ: {differences[0]}"
        yield from self.wrong_marks()

    def stale(self):
        """What --write would change."""
        recorded, committed = set(self.corpus_text.splitlines()), set(CORPUS.read_text().splitlines())
        for text, lines in [("torch gives, and the corpus lacks", recorded - committed), ("the corpus has, and torch does not give", committed - recorded)]:
            if lines:
                yield f"{len(lines)} calls that {text}, as {min(lines)}"
        if FIGURES.search(PAGE.read_text()).group() != self.figures():
            yield f"the figures of {PAGE.name} are of another run"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--per-op", type=int, default=record_types.PER_OP, help="cases kept of each operator")
    parser.add_argument("--samples", type=int, default=record_types.SAMPLES, help="samples run of each database entry")
    parser.add_argument("--traced", type=int, default=record_types.TRACED, help="of these, traced before dispatch")
    parser.add_argument("--only", default="", help="operators whose name begins so")
    parser.add_argument("--check", action="store_true", help="hold the committed corpus and figures to what was found")
    parser.add_argument("--list", action="store_true", help="name the operators without a rule or a sample")
    parser.add_argument("--write", action="store_true", help="write the corpus and the figures of the documentation")
    given = parser.parse_args()
    with_fixed_hashes()
    is_torchs = make_opset.build() == make_opset.TABLE.read_text()
    with tempfile.TemporaryDirectory() as scratch:
        proof = Proof(given.build.resolve(), pathlib.Path(scratch), is_torchs, per_op=given.per_op, only=given.only,
                      limit=given.samples, traced=given.traced)  # fmt: skip
    problems = [*proof.problems(), *(proof.stale() if given.check else ())]
    for problem in problems:
        print(problem)
    for line in proof.lines():
        print(line)
    if given.write:
        CORPUS.write_text(proof.corpus_text)
        PAGE.write_text(FIGURES.sub(lambda _: proof.figures(), PAGE.read_text(), count=1))
    if given.list:
        for what, names in [("sampled, without a rule", proof.without_rule()), ("with a rule, without a sample", proof.without_sample()),
                            ("neither", proof.without_both())]:  # fmt: skip
            print(f"{what}:")
            print(textwrap.fill(" ".join(name.removeprefix("aten.").removesuffix(".default") for name in names), 120, break_on_hyphens=False))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
