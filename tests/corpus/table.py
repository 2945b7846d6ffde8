#!/usr/bin/env python3
"""Write docs/models.md: what the host makes of every program of the corpus, form by form.

    tests/corpus/table.py build            runs everything and writes the table (minutes)
    tests/corpus/table.py build --check    captures everything and compares with the table (seconds; nothing is run)

Both need a built tree and the two corpora in it (``make.py build/corpus``, ``make.py --families build/corpus-families``).
The differences in the table are checked by tests/e2e/test_corpus.py, which runs the same programs.
"""

import argparse
import concurrent.futures
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE.parent / "e2e"), str(HERE)]

from harness import SCHEMA_VERSION, Corpus, Host, topology

PAGE = ROOT / "docs" / "models.md"
MEMORY_BYTES = 1 << 30
COLUMNS = 7
VERSION = "{major}.{minor}".format(**SCHEMA_VERSION)

INTRODUCTION = """\
# Models that are tested

Written by `tests/corpus/table.py build`; a test checks that it is in step. Every program below is exported by PyTorch in the
named form, run by PyTorch, and run by `genie-host` on one device; the difference is the largest of all elements of all outputs of
all runs. Weights are random, shapes are small; what is tested is the meaning, not the size.

* *form*: plain is what `torch.export` gives, recommended what `genie.export` does ([export.md](export.md)).
* *nodes*: of all methods and their sub-graphs, in the captured plan. *operators*: how many different ones.
* *shapes*: whether sizes were left open in the export. *runs*: calls compared; where shapes are dynamic of different sizes, where there is
  state one after the other in a session.
* A program that PyTorch itself cannot export is listed with PyTorch's words.

Made with torch {torch}.
"""


def plan_of(host, archive):
    """The captured plan of an archive, or the first line of why there is none."""
    with tempfile.TemporaryDirectory() as folder:
        plan = pathlib.Path(folder) / "plan.json"
        result = host.command("plan", "convert", archive, "--to", VERSION, "--output", plan, "--plugin", host.plugins, folder=folder)
        if result.code == 0:
            return json.loads(plan.read_text()), None
        return None, result.err.strip().splitlines()[0]


def shape_of(plan):
    """Numbers of nodes and of different operators."""
    graphs = []
    for method in plan["methods"].values():
        graphs += [method, *method.get("graphs", {}).values()]
    operators = [node["op"] for graph in graphs for node in graph["nodes"]]
    return len(operators), len(set(operators))


def difference_of(host, corpus, archive):
    """The largest difference of all runs of an archive, as text."""
    largest = 0.0
    for runs in corpus.sessions(archive):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            topology(folder, [MEMORY_BYTES])
            result = host.run(corpus.config(archive, folder, runs), folder)
            if result.code not in (0, 1):
                return result.err.strip().splitlines()[0]
            largest = max(largest, result.report["verify"]["max_abs"])
    return f"{largest:g}"


def row_of(host, corpus, archive, run):
    calls = sum(len(steps["inputs"]) for steps in archive["runs"])
    plan, refusal = plan_of(host, corpus.folder / archive["archive"])
    head = [archive["case"], archive["form"], "dynamic" if archive["dynamic"] else "static"]
    if plan is None:
        return [*head, "", "", "", refusal]
    nodes, operators = shape_of(plan)
    return [*head, str(nodes), str(operators), str(calls), difference_of(host, corpus, archive) if run else None]


def rows_of_corpus(host, corpus, run):
    """The rows of a corpus: those of models, and the others."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        rows = list(pool.map(lambda archive: row_of(host, corpus, archive, run), corpus.manifest["archives"]))
    is_model = [not {"family", "model"}.isdisjoint(archive["tags"]) for archive in corpus.manifest["archives"]]
    return ([row for row, model in zip(rows, is_model) if model], [row for row, model in zip(rows, is_model) if not model])


def refusals(corpus):
    return [[refused["case"], refused["form"], "", "", "", "", f"refused by PyTorch: {refused['error']}: {refused['message']}"]
            for refused in corpus.manifest["refused"]]


def page(sections, torch):
    text = INTRODUCTION.format(torch=torch)
    for title, rows in sections:
        text += f"\n## {title}\n\n| program | form | shapes | nodes | operators | runs | largest difference |\n"
        text += "|---|---|---|---|---|---|---|\n"
        text += "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in rows)
    return text


def rows_of(text):
    """The cells of all table rows of a page."""
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line.startswith("| ")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path, help="the build folder")
    parser.add_argument("--check", action="store_true", help="compare docs/models.md with what is captured")
    options = parser.parse_args()
    build = options.build.resolve()
    host = Host(build)
    families, others = Corpus(build / "corpus-families"), Corpus(build / "corpus")
    models, constructs = rows_of_corpus(host, others, not options.check)
    more_models, more_constructs = rows_of_corpus(host, families, not options.check)
    sections = [("Models", models + more_models + refusals(families)), ("Single constructs", constructs + more_constructs + refusals(others))]
    if not options.check:
        PAGE.write_text(page(sections, families.manifest["torch"]))
        print(f"wrote {PAGE}: {sum(len(rows) for _, rows in sections)} rows")
        return
    written = {(row[0], row[1]): row for row in rows_of(PAGE.read_text()) if len(row) == COLUMNS}
    wrong = []
    for _, rows in sections:
        for row in rows:
            known = written.pop((row[0], row[1]), None)
            # The difference is not computed here.
            if known is None or any(new is not None and new.replace("|", "\\|") != old for new, old in zip(row, known)):
                wrong.append(f"{' '.join(row[:2])}: {row[2:]} here, {known and known[2:]} in the page")
    wrong += [f"{' '.join(name)} is no program of the corpus" for name in written if name[0] != "program"]
    if wrong:
        sys.exit("docs/models.md is out of step; write it anew with tests/corpus/table.py build\n" + "\n".join(wrong))
    print("docs/models.md is in step")


if __name__ == "__main__":
    main()
