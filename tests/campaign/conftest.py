import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def place(build, tmp_path):
    """The build tree. What the thread sanitizer says of any process, where the tree has one, fails the test."""
    import scene

    if not (build / "tests" / "campaign" / "campaign-client").exists():
        pytest.skip("backend-libfabric or policy-default was not built")
    said = tmp_path / "sanitizer"
    options = f"log_path={said}:suppressions={ROOT / 'scripts/lib/thread-suppressions.txt'}:die_after_fork=0:second_deadlock_stack=1"
    yield scene.Place(build, {**os.environ, "TSAN_OPTIONS": options})
    reports = sorted(tmp_path.glob("sanitizer.*"))
    assert not reports, "\n".join(report.read_text()[:20_000] for report in reports)


@pytest.fixture
def started(place, tmp_path):
    """Starts workers and clients; none outlives the test."""
    import scene

    class Started:
        def __init__(self):
            self.all = []

        def worker(self, name, **options):
            worker = place.worker(tmp_path, name, **options)
            self.all.append(worker.end)
            return worker

        def client(self, name="client"):
            client = scene.Client(place, tmp_path / f"{name}.err")
            self.all.append(client.kill)
            return client

    made = Started()
    yield made
    for end in made.all:
        end()
