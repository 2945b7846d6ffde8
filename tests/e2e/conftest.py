"""Fixtures of the end-to-end tests."""

import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "corpus")]

import harness


@pytest.fixture(scope="session")
def host(build):
    built = harness.Host(build)
    if not built.binary.exists():
        pytest.fail(f"{built.binary} is not built; run scripts/test, or set GENIE_BUILD to a build folder")
    return built


def written(build, root, name, *options):
    """A corpus folder of the build, written first if it is missing or out of date."""
    folder = build / name
    subprocess.run([sys.executable, str(root / "tests/corpus/make.py"), str(folder), *options], check=True)
    return harness.Corpus(folder)


@pytest.fixture(scope="session")
def corpus(build, root):
    return written(build, root, "corpus")


@pytest.fixture(scope="session")
def families(build, root):
    """The corpus of model families."""
    return written(build, root, "corpus-families", "--families")
