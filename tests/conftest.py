"""Shared by all pytest suites: where the build and the corpus are, and the marks."""

import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "python"))


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than a few seconds; left out by scripts/test --quick")
    # torch 2.13 warns about its own use of pytree.
    config.addinivalue_line("filterwarnings", "ignore:.*LeafSpec.*:FutureWarning")


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def build():
    """The build folder under test: GENIE_BUILD, else build/."""
    return pathlib.Path(os.environ.get("GENIE_BUILD", ROOT / "build")).resolve()
