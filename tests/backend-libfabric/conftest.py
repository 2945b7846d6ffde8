import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))


@pytest.fixture
def cluster(host, tmp_path):
    from workers import Cluster

    made = Cluster(host, tmp_path)
    yield made
    made.end()
