"""All cases of the corpus: those of every file beside this one that has a function ``cases``."""

import importlib
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "python")]

TOOLS = {"case", "make", "registry", "table"}


def all_cases(families=False):
    """The cases, by file and then in the file's order; or only the model families, which take minutes to write.

    Names are unique: files are named after them.
    """
    cases = []
    for path in sorted(HERE.glob("*.py")):
        if path.stem not in TOOLS:
            cases += importlib.import_module(path.stem).cases()
    names = [case.name for case in cases]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"corpus cases of the same name: {', '.join(twice)}")
    return [case for case in cases if ("family" in case.tags) == families]
