"""genie.export: the recommended form, the names of dynamic dimensions, archives, and the command line."""

import json
import subprocess
import sys
import zipfile

import pytest
import torch
from torch.export import Dim

import genie.export


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = torch.nn.LayerNorm(8)
        self.linear = torch.nn.Linear(8, 8)

    def forward(self, x):
        return torch.nn.functional.silu(self.linear(self.norm(x)))


class Pairs(torch.nn.Module):
    def forward(self, x, parts, *, scale, mask):
        return x * scale + parts["a"][0] + mask[: x.shape[0]]


def targets(program):
    return {str(node.target) for node in program.graph_module.graph.nodes if node.op == "call_function"}


def extra(path):
    with zipfile.ZipFile(path) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith("/extra/genie.json")]
        return json.loads(archive.read(name))


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net().eval()


def test_recommended_form_keeps_composites_whole(net):
    program = genie.export.export(net, (torch.randn(2, 8),))
    assert {"aten.linear.default", "aten.layer_norm.default", "aten.silu.default"} <= targets(program)


def test_operators_not_preserved_are_decomposed(net):
    program = genie.export.export(net, (torch.randn(2, 8),), preserve=())
    assert "aten.linear.default" not in targets(program)
    assert "aten.layer_norm.default" not in targets(program)


def test_operators_that_this_torch_lacks_are_passed_over(net):
    program = genie.export.export(net, (torch.randn(2, 8),), preserve=("aten.no_such_operator.default", "aten.linear.default"))
    assert "aten.linear.default" in targets(program)


def test_plain_form_keeps_in_place_operators():
    class Counter(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("count", torch.zeros(1))

        def forward(self, x):
            self.count.add_(1)
            return x + self.count

    assert "aten.add_.Tensor" in targets(genie.export.export(Counter().eval(), (torch.randn(1),), plain=True))
    assert "aten.add_.Tensor" not in targets(genie.export.export(Counter().eval(), (torch.randn(1),)))


def test_training_mode_is_warned_about(net):
    with pytest.warns(UserWarning, match="training mode"):
        genie.export.export(net.train(), (torch.randn(2, 8),))


@pytest.mark.parametrize("plain", [False, True])
def test_names_of_dynamic_dimensions_are_kept_in_the_archive(net, tmp_path, plain):
    program = genie.export.export(net, (torch.randn(3, 8),), dynamic_shapes=({0: Dim("batch", max=64)},), plain=plain)
    description = extra(genie.export.save(program, tmp_path / "net.pt2"))
    assert description["schema"] == "genie.export" and description["version"] == 1
    assert description["form"] == ("plain" if plain else "recommended")
    assert [entry["name"] for entry in description["symbols"].values()] == ["batch"]
    symbol = program.graph_module.graph.find_nodes(op="placeholder")[-1].meta["val"].shape[0]
    assert list(description["symbols"]) == [str(symbol)]


def test_dimension_names_in_nested_and_reordered_arguments(tmp_path):
    rows = Dim("rows", min=2, max=32)
    program = genie.export.export(
        Pairs().eval(), (torch.randn(4, 3), {"a": [torch.randn(4, 3)]}),
        {"mask": torch.randn(40, 3), "scale": torch.randn(3)},
        dynamic_shapes={"x": {0: rows}, "parts": {"a": [{0: rows}]}, "mask": {0: Dim("limit", min=32, max=99)}, "scale": None})
    description = extra(genie.export.save(program, tmp_path / "pairs.pt2"))
    assert sorted(entry["name"] for entry in description["symbols"].values()) == ["limit", "rows"]


def test_derived_dimension_carries_the_name_of_its_root(net, tmp_path):
    class Halves(torch.nn.Module):
        def forward(self, x):
            return x.view(-1, 2, 3).sum(1)

    program = genie.export.export(Halves().eval(), (torch.randn(8, 3),), dynamic_shapes=({0: 2 * Dim("half", max=50)},))
    description = extra(genie.export.save(program, tmp_path / "halves.pt2"))
    assert [entry["name"] for entry in description["symbols"].values()] == ["half"]


def test_unnamed_dynamic_dimensions_have_no_name(net, tmp_path):
    program = genie.export.export(net, (torch.randn(3, 8),), dynamic_shapes=({0: Dim.DYNAMIC},))
    assert extra(genie.export.save(program, tmp_path / "net.pt2"))["symbols"] == {}


def test_two_exports_of_one_module_are_equal_bytes(net, tmp_path):
    code = ("import sys, torch, genie.export; torch.manual_seed(0); sys.path.insert(0, sys.argv[1]); import test_export as t;"
            "p = genie.export.export(t.Net().eval(), (torch.ones(2, 8),)); genie.export.save(p, sys.argv[2])")
    archives = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        archives.append(tmp_path / folder / "net.pt2")
        subprocess.run([sys.executable, "-c", code, str(genie_tests()), str(archives[-1])], check=True, env=environment())
    assert archives[0].read_bytes() == archives[1].read_bytes()


def test_several_methods_in_one_archive(net, tmp_path):
    long = genie.export.export(net, (torch.randn(3, 8),), dynamic_shapes=({0: Dim("rows")},))
    short = genie.export.export(net, (torch.randn(1, 8),))
    path = genie.export.save({"long": long, "short": short}, tmp_path / "two.pt2")
    methods = extra(path)["methods"]
    assert [entry["name"] for entry in methods["long"]["symbols"].values()] == ["rows"]
    assert methods["short"]["symbols"] == {}
    with zipfile.ZipFile(path) as archive:
        assert {"two/models/long.json", "two/models/short.json"} <= set(archive.namelist())


def test_archive_loads_in_torch_and_computes_the_same(net, tmp_path):
    x = torch.randn(5, 8)
    program = genie.export.export(net, (x,), dynamic_shapes=({0: Dim("batch")},))
    loaded = torch.export.load(genie.export.save(program, tmp_path / "net.pt2"))
    assert torch.equal(loaded.module()(x), program.module()(x))


def test_save_refuses_other_file_names(net, tmp_path):
    program = genie.export.export(net, (torch.randn(2, 8),))
    with pytest.raises(ValueError, match=r"must end in \.pt2"):
        genie.export.save(program, tmp_path / "net.pt")
    with pytest.raises(ValueError, match="genie.json"):
        genie.export.save(program, tmp_path / "net.pt2", extra_files={"genie.json": "{}"})


def test_a_torch_that_is_too_old_is_refused_by_name(net, monkeypatch):
    monkeypatch.setattr(torch, "__version__", "2.8.1+cpu")
    with pytest.raises(RuntimeError, match=r"torch 2\.8\.1\+cpu .* install torch 2\.9 or newer"):
        genie.export.export(net, (torch.randn(2, 8),))


def test_importing_the_package_imports_no_framework():
    code = "import sys, genie; print(genie.__version__, 'torch' in sys.modules); genie.export; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment())
    assert run.stdout.split() == ["0.1.0", "False", "True"]


# Command line ----------------------------------------------------------------------------------------------------------

EXAMPLE = """
import torch
class Scale(torch.nn.Module):
    def forward(self, x, factor=2.0):
        return {"y": x * factor}
def example():
    return Scale().eval(), (torch.ones(2, 3),)
def wrong():
    return 3
"""


def command(*arguments, cwd):
    return subprocess.run([sys.executable, "-m", "genie.export", *map(str, arguments)], cwd=cwd, capture_output=True,
                          text=True, env=environment())


def genie_tests():
    import pathlib

    return pathlib.Path(__file__).parent


def environment():
    import os
    import pathlib

    return {**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parents[2] / "python")}


def test_command_line_writes_a_folder_that_the_host_can_run(tmp_path):
    (tmp_path / "mine.py").write_text(EXAMPLE)
    result = command("mine.py:example", "-o", "out/scale.pt2", "--run", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "genie-host --config out/run.json" in result.stdout
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"scale.pt2", "inputs.safetensors", "expected.safetensors", "run.json"}
    config = json.loads((tmp_path / "out" / "run.json").read_text())
    assert config["schema"] == "genie.run" and config["source"] == {"uri": "scale.pt2"}


def test_command_line_takes_importable_modules(tmp_path):
    (tmp_path / "mine.py").write_text(EXAMPLE)
    result = command("mine:example", "-o", "scale.pt2", "--plain", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "1 operators" in result.stdout and (tmp_path / "scale.pt2").exists()


@pytest.mark.parametrize("spec, message", [
    ("mine.py", "not of the form"),
    ("mine.py:nothing", "has no function 'nothing'"),
    ("mine.py:wrong", "returned int"),
    ("missing.py:example", "missing.py"),
    ("no_such_module:example", "no_such_module"),
])
def test_command_line_errors_are_one_line(tmp_path, spec, message):
    (tmp_path / "mine.py").write_text(EXAMPLE)
    result = command(spec, "-o", "x.pt2", cwd=tmp_path)
    assert result.returncode == 1
    assert message in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "x.pt2").exists()
