"""Shared by all pytest suites: the build, the host and the corpora, the marks, and the figures shown at the end."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "corpus")]


def pytest_addoption(parser):
    parser.addoption("--rewrite-golden", action="store_true", help="write golden texts anew instead of comparing them")


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


@pytest.fixture(scope="session")
def host(build):
    import harness

    built = harness.Host(build)
    if not built.binary.exists():
        pytest.fail(f"{built.binary} is not built; run scripts/test, or set GENIE_BUILD to a build folder")
    return built


def corpus_folder(build, name, *options):
    """A corpus folder of the build, written first if it is missing or out of date."""
    import harness

    folder = build / name
    subprocess.run([sys.executable, str(ROOT / "tests/corpus/make.py"), str(folder), *options], check=True)
    return harness.Corpus(folder)


@pytest.fixture(scope="session")
def corpus(build):
    return corpus_folder(build, "corpus")


@pytest.fixture(scope="session")
def families(build):
    """The corpus of model families."""
    return corpus_folder(build, "corpus-families", "--families")


@pytest.fixture
def check_golden(request):
    """Compares a text with the file of that name in the folder EXPECTED of the test's module; --rewrite-golden writes it anew."""
    def check(name, text):
        path = request.module.EXPECTED / name
        if request.config.getoption("--rewrite-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert path.exists(), f"there is no {path}; write it with --rewrite-golden"
        assert text == path.read_text(), f"{path} says otherwise"

    return check


def pytest_terminal_summary(terminalreporter):
    """Shows what tests have recorded as their summary: figures that a reader of the log looks for."""
    lines = [value for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
             if report.when == "call" for name, value in report.user_properties if name == "summary"]
    for line in lines:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def sdk(build, tmp_path_factory):
    """The environment in which pkg-config finds an SDK installed to a folder of its own."""
    folder = tmp_path_factory.mktemp("sdk")
    subprocess.run(["meson", "install", "-C", str(build), "--destdir", str(folder), "--no-rebuild", "--quiet"], check=True,
                   capture_output=True)
    (description,) = folder.rglob("genie-sdk.pc")
    text = description.read_text()
    prefix = re.search(r"^prefix=(.*)$", text, re.MULTILINE).group(1)
    description.write_text(text.replace(f"prefix={prefix}", f"prefix={folder}{prefix}", 1))
    return {**os.environ, "PKG_CONFIG_PATH": str(description.parent)}
