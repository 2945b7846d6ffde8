"""The command line as a person meets it: help, plans, diagnostics, exit codes, interruption."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest
import torch
from safetensors.torch import load_file, save_file

from harness import EXECUTION_FAILED, INTERRUPTED, INVALID_MODEL, NOT_SCHEDULED, OK, USAGE, VERIFICATION_FAILED, topology

MIB = 1 << 20
CODE = re.compile(r"GE\d{4}")


def too_small(archive):
    """Two devices, neither of which can hold the weights of an archive."""
    return [0.8 * archive["weight_bytes"]] * 2


@pytest.fixture
def bert(corpus, tmp_path):
    """The configuration of a small model on one large device, in ``tmp_path``."""
    topology(tmp_path, [256 * MIB])
    return corpus.config(corpus.archives["bert-static.recommended"], tmp_path)


@pytest.fixture(scope="module")
def split(host, corpus, tmp_path_factory):
    """A folder where a model was run on two devices."""
    folder = tmp_path_factory.mktemp("split")
    archive = corpus.archives["bert-static.recommended"]
    topology(folder, too_small(archive))
    host.run(corpus.config(archive, folder), folder, check=OK)
    return folder


# Teaching ----------------------------------------------------------------------------------------------------------------


def test_help_teaches_the_commands(host, tmp_path):
    out = host.command("--help", folder=tmp_path, check=OK).out
    for word in ("--config", "plan", "plugins", "explain", "--set", "--json", "--version"):
        assert word in out, word


@pytest.mark.parametrize("command", [["plan"], ["plan", "show"], ["plan", "validate"], ["plan", "diff"], ["plan", "convert"],
                                     ["plugins"], ["explain"], ["run"]])
def test_every_command_has_help(host, tmp_path, command):
    assert host.command(*command, "--help", folder=tmp_path, check=OK).out.strip()


def test_version_names_everything(host, tmp_path):
    out = host.command("--version", folder=tmp_path, check=OK).out
    assert "0.1.0" in out
    for word in ("ABI", "plan", "Boost"):
        assert word.lower() in out.lower(), word


def test_plugins_lists_all_in_tree_plugins(host, bert, tmp_path):
    out = host.command("plugins", "--config", host.write(bert, tmp_path), folder=tmp_path, check=OK).out
    for name in ("frontend-pytorch", "policy-default", "backend-emulation", "kernels-aten"):
        assert f"org.genie.{name}" in out


@pytest.mark.parametrize("called", ["genie-host", "another-name"])
def test_the_host_finds_its_plugins_when_it_is_found_through_path(host, tmp_path, called):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / called).symlink_to(host.binary)
    environment = {name: value for name, value in host.environment.items() if name != "GENIE_PLUGIN_PATH"}
    done = subprocess.run([called, "plugins"], cwd=tmp_path, env={**environment, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"},
                          executable=shutil.which(called, path=str(tmp_path / "bin")), capture_output=True, text=True)
    assert done.returncode == OK and "org.genie.kernels-aten" in done.stdout, done.stdout + done.stderr


def test_explain_tells_the_story_of_a_code(host, bert, tmp_path):
    bert["run"]["colour"] = "red"
    code = CODE.search(host.run(bert, tmp_path, check=USAGE).text).group()
    story = host.command("explain", code, folder=tmp_path, check=OK).out
    assert code in story and len(story.splitlines()) >= 3


def test_explain_refuses_an_unknown_code(host, tmp_path):
    assert "GE9999" in host.command("explain", "GE9999", folder=tmp_path, check=USAGE).text


# Configuration -------------------------------------------------------------------------------------------------------------


def test_run_is_the_command_behind_the_short_form(host, bert, tmp_path):
    host.command("run", "--config", host.write(bert, tmp_path), folder=tmp_path, check=OK)


def test_an_unknown_key_is_named_with_its_place_and_the_nearest_key(host, bert, tmp_path):
    bert["run"]["stpes"] = bert["run"].pop("steps")
    text = host.run(bert, tmp_path, check=USAGE).text
    assert "run.json" in text and "/run/stpes" in text and "steps" in text and CODE.search(text)


def test_a_config_that_is_no_json_names_the_place(host, tmp_path):
    (tmp_path / "run.json").write_text('{"schema": "genie.run",\n "version": }\n')
    text = host.command("--config", "run.json", folder=tmp_path, check=USAGE).text
    assert "run.json" in text and "2" in text


def test_a_missing_config_and_a_missing_model_are_named(host, bert, tmp_path):
    assert "nowhere.json" in host.command("--config", "nowhere.json", folder=tmp_path, check=USAGE).text
    bert["source"]["uri"] = "nowhere.pt2"
    result = host.run(bert, tmp_path)
    assert result.code in (USAGE, INVALID_MODEL) and "nowhere.pt2" in result.text


def test_an_unknown_option_of_the_command_line_is_a_usage_error(host, tmp_path):
    assert "--confgi" in host.command("--confgi", "run.json", folder=tmp_path, check=USAGE).text


def test_comments_and_trailing_commas_are_accepted(host, bert, tmp_path):
    path = host.write(bert, tmp_path)
    path.write_text(path.read_text().replace("{", "{ // the beginning\n", 1).rstrip().removesuffix("}") + ",}\n")
    host.command("--config", path, folder=tmp_path, check=OK)


def test_set_changes_one_value(host, bert, tmp_path):
    host.run(bert, tmp_path, "--set", "/report/json=other.json", check=OK)
    assert (tmp_path / "other.json").exists() and not (tmp_path / "report.json").exists()


def test_an_unknown_plugin_is_named_beside_those_that_exist(host, bert, tmp_path):
    bert["policy"] = {"plugin": "org.genie.policy-defualt"}
    result = host.run(bert, tmp_path)
    assert result.code != OK
    assert "org.genie.policy-defualt" in result.text and "org.genie.policy-default" in result.text


def test_a_wrong_option_of_a_plugin_is_named(host, bert, tmp_path):
    bert["backend"]["options"]["timming"] = "virtual"
    result = host.run(bert, tmp_path)
    assert result.code != OK and "timming" in result.text and "timing" in result.text.replace("timming", "")


def test_json_output_is_one_document(host, bert, tmp_path):
    result = host.run(bert, tmp_path, "--json", check=OK)
    document = json.loads(result.out)
    assert document["outcome"] == "ok" and document["verify"]["passed"] is True


# Verification and inputs ---------------------------------------------------------------------------------------------------


def test_a_difference_fails_the_run_and_names_where_it_is_worst(host, bert, tmp_path):
    expected = load_file(tmp_path / "expected.safetensors")
    name = next(n for n in expected if n.endswith("last_hidden_state"))
    expected[name].view(-1)[5] += 0.5
    save_file(expected, tmp_path / "expected.safetensors")
    result = host.run(bert, tmp_path, check=VERIFICATION_FAILED)
    assert "last_hidden_state" in result.text
    verify = result.report["verify"]
    assert verify["passed"] is False and verify["max_abs"] == pytest.approx(0.5, rel=1e-4)


def test_a_tolerance_lets_a_small_difference_pass(host, bert, tmp_path):
    expected = load_file(tmp_path / "expected.safetensors")
    save_file({name: tensor + 1e-7 for name, tensor in expected.items()}, tmp_path / "expected.safetensors")
    host.run(bert, tmp_path, check=VERIFICATION_FAILED)
    bert["expect"].update(rtol=1e-5, atol=1e-6)
    host.run(bert, tmp_path, check=OK)


def test_an_input_of_another_shape_is_refused_by_name(host, corpus, tmp_path):
    topology(tmp_path, [256 * MIB])
    config = corpus.config(corpus.archives["bert-dynamic.recommended"], tmp_path)
    ids = torch.ones(2, 9, dtype=torch.int64)
    for mask, word in ((torch.ones(2, 8, dtype=torch.int64), "attention_mask"), (torch.ones(2, 9), "attention_mask"),
                       (None, "attention_mask")):
        save_file({"input_ids": ids} | ({} if mask is None else {"attention_mask": mask}), tmp_path / "wrong.safetensors")
        config["run"] = {"method": "forward", "inputs": "wrong.safetensors"}
        result = host.run(config, tmp_path)
        assert result.code in (USAGE, EXECUTION_FAILED) and word in result.text, result.text


def test_outputs_are_written_under_their_names(host, bert, tmp_path):
    host.run(bert, tmp_path, check=OK)
    outputs, expected = (load_file(tmp_path / f"{n}.safetensors") for n in ("outputs", "expected"))
    assert outputs.keys() == expected.keys()
    assert all(torch.equal(outputs[name], expected[name]) for name in expected)


# Models --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["cut", "text", "empty"])
def test_a_damaged_archive_is_refused(host, corpus, bert, tmp_path, damage):
    original = corpus.folder / corpus.archives["bert-static.recommended"]["archive"]
    data = original.read_bytes()
    broken = tmp_path / "broken.pt2"
    broken.write_bytes({"cut": data[: len(data) // 2], "text": b"this is no archive\n" * 50, "empty": b""}[damage])
    bert["source"]["uri"] = "broken.pt2"
    bert["source"]["plugin"] = "org.genie.frontend-pytorch"
    result = host.run(bert, tmp_path, check=INVALID_MODEL)
    assert "broken.pt2" in result.text and CODE.search(result.text)


def test_a_mutated_input_is_refused_by_name(host, bert, tmp_path):
    class Mutates(torch.nn.Module):
        def forward(self, victim):
            victim.add_(1)
            return victim * 2

    import genie.export

    for plain in (False, True):
        program = genie.export.export(Mutates().eval(), (torch.zeros(3),), plain=plain)
        genie.export.save(program, tmp_path / "mutates.pt2")
        config = {**bert, "source": {"uri": "mutates.pt2"}, "run": {"inputs": {"victim": {"random": {
            "seed": 1, "shape": [3], "dtype": "f32"}}}}}
        config.pop("expect")
        assert "victim" in host.run(config, tmp_path, check=INVALID_MODEL).text


def test_a_model_that_fits_nowhere_is_not_scheduled(host, bert, tmp_path):
    topology(tmp_path, [64 * 1024, 64 * 1024])
    result = host.run(bert, tmp_path, check=NOT_SCHEDULED)
    assert CODE.search(result.text)


# Plans ---------------------------------------------------------------------------------------------------------------------


def test_plan_validate_accepts_what_the_host_wrote(host, split):
    host.command("plan", "validate", "plan.json", folder=split, check=OK)
    host.command("plan", "validate", "plan.json", "--topology", "cluster.json", folder=split, check=OK)


def test_plan_show_tells_devices_stages_and_reasons(host, split):
    out = host.command("plan", "show", "plan.json", folder=split, check=OK).out
    for word in ("w0", "w1", "s0", "input_ids", "last_hidden_state"):
        assert word in out, word


def stages(plan):
    return plan["schedule"]["methods"]["forward"]["stages"]


def nodes(plan):
    return plan["methods"]["forward"]["nodes"]


@pytest.mark.parametrize("damage", [
    lambda plan: nodes(plan)[0].update(op="aten.relu_.default"),
    lambda plan: nodes(plan)[3]["results"].__setitem__(0, nodes(plan)[2]["results"][0]),
    lambda plan: nodes(plan).reverse(),
    lambda plan: plan["methods"]["forward"]["outputs"][0].update(value="nothing"),
    lambda plan: plan["weights"].popitem(),
    lambda plan: next(iter(plan["weights"].values())).update(dtype="i64"),
    lambda plan: next(iter(plan["methods"]["forward"]["values"].values()))["shape"].append(7),
    lambda plan: stages(plan).pop(),
    lambda plan: stages(plan)[0].update(device="w7"),
    lambda plan: stages(plan).reverse(),
    lambda plan: plan["schedule"]["methods"]["forward"]["transfers"].clear(),
    lambda plan: [stage.update(device="w0") for stage in stages(plan)],
    lambda plan: plan.update(version={"major": 7, "minor": 0}),
    lambda plan: plan.update(requires=["telepathy"]),
    lambda plan: plan.pop("methods"),
], ids=["mutating op", "two producers", "order of nodes", "unknown output", "missing weight", "weight dtype", "shape", "missing stage",
        "unknown device", "order of stages", "missing transfers", "one device too small", "future major", "unknown feature",
        "no methods"])
def test_plan_validate_refuses_a_damaged_plan_and_says_where(host, split, tmp_path, damage):
    plan = json.loads((split / "plan.json").read_text())
    damage(plan)
    (tmp_path / "damaged.json").write_text(json.dumps(plan))
    result = host.command("plan", "validate", "damaged.json", "--topology", split / "cluster.json", folder=tmp_path,
                          check=INVALID_MODEL)
    assert CODE.search(result.text) and "damaged.json" in result.text


def test_plan_diff_of_equal_plans_says_so_and_of_others_says_what_changed(host, corpus, split, tmp_path):
    same = host.command("plan", "diff", "plan.json", "plan.json", folder=split, check=OK).out
    archive = corpus.archives["bert-static.recommended"]
    topology(tmp_path, [256 * MIB])
    host.run(corpus.config(archive, tmp_path), tmp_path, check=OK)
    other = host.command("plan", "diff", split / "plan.json", tmp_path / "plan.json", folder=tmp_path)
    assert other.out != same and "w1" in other.out


def test_a_saved_plan_runs_again_without_a_policy(host, corpus, split, tmp_path):
    archive = corpus.archives["bert-static.recommended"]
    shutil.copy(split / "cluster.json", tmp_path)
    config = corpus.config(archive, tmp_path)
    config["source"] = {"plan": str(split / "plan.json")}
    result = host.run(config, tmp_path, check=OK)
    assert result.report["verify"]["passed"] is True


def test_plan_convert_writes_canonical_bytes_that_are_stable(host, split, tmp_path):
    first = host.command("plan", "convert", split / "plan.json", "--to", "0.1", folder=tmp_path, check=OK).out
    (tmp_path / "again.json").write_text(first)
    assert host.command("plan", "convert", "again.json", "--to", "0.1", folder=tmp_path, check=OK).out == first


def test_the_same_run_gives_the_same_plan_and_trace(host, corpus, tmp_path):
    archive = corpus.archives["bert-static.recommended"]
    written = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        topology(folder, too_small(archive))
        config = corpus.config(archive, folder)
        config["report"]["trace"] = "trace.json"
        config["backend"]["options"]["timing"] = "virtual"
        host.run(config, folder, check=OK)
        written.append([(folder / file).read_bytes() for file in ("plan.json", "trace.json")])
    assert written[0] == written[1]


def test_the_trace_is_a_timeline_of_both_devices(host, corpus, tmp_path):
    archive = corpus.archives["bert-static.recommended"]
    topology(tmp_path, too_small(archive))
    config = corpus.config(archive, tmp_path)
    config["report"]["trace"] = "trace.json"
    host.run(config, tmp_path, check=OK)
    trace = json.loads((tmp_path / "trace.json").read_text())
    events = trace["traceEvents"] if isinstance(trace, dict) else trace
    assert len({event["pid"] for event in events if event["ph"] == "X"}) >= 2
    assert any(event["ph"] == "s" for event in events) and any(event["ph"] == "f" for event in events)


# Interruption --------------------------------------------------------------------------------------------------------------


def test_an_interrupt_ends_a_run_cleanly(host, bert, tmp_path):
    bert["run"] = {"method": "forward", "inputs": bert["run"]["steps"][0]["inputs"], "repeat": 1_000_000}
    del bert["expect"]
    config = host.write(bert, tmp_path)
    process = subprocess.Popen([str(host.binary), "--config", str(config), "--log-level", "debug", "--log-file", "host.log"],
                               cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=host.environment)
    try:
        wait_until(lambda: uses_much_time(process), process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == INTERRUPTED, err
    assert "interrupt" in err.lower() or "cancel" in err.lower()


def uses_much_time(process):
    """Whether the process has computed for more than loading takes: it is then in the midst of its steps."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") > 3


def wait_until(condition, process, limit_s=60):
    """Poll until ``condition`` holds; fail if the process ends or the time is up before."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "the condition did not come true"
        os.sched_yield()
        time.sleep(0.02)
