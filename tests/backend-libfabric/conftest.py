import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

OK = 0


@pytest.fixture
def cluster(host, tmp_path):
    from workers import Cluster

    made = Cluster(host, tmp_path)
    yield made
    made.end()


@pytest.fixture
def keys(host, tmp_path):
    """A certificate authority, two nodes and a client: their files by name."""
    folder = tmp_path / "keys"
    host.command("keys", "init", "--folder", folder, folder=tmp_path, check=OK)
    for name in ("w0", "w1"):
        host.command("keys", "issue", name, "--folder", folder, folder=tmp_path, check=OK)
    host.command("keys", "issue", "laptop", "--client", "--folder", folder, folder=tmp_path, check=OK)
    return lambda name: {"ca": str(folder / "ca.pem"), "cert": str(folder / f"{name}.pem"), "key": str(folder / f"{name}.key")}
