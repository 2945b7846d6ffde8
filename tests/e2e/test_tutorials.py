"""The tutorials, typed by a machine: every file is written, every command runs, every output is compared.

In a page, a `python` block whose first line is `# NAME`, a `json` block whose first line is `// NAME` and a `cpp` block whose first
line is `// NAME` are files. In a `console` block `$ ` begins a command; what follows is what it prints, on stdout and stderr
together. There `…` stands for anything within a line, and a line of `…` alone for any lines. A command that fails says so in a last
line, `(exit code N)`.
"""

import os
import re
import subprocess
import sys

import pytest

from harness import Host

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMENT = {"python": "# ", "json": "// ", "cpp": "// "}


def pages(root):
    return sorted((root / "docs" / "tutorials").glob("*.md"))


def matcher(lines):
    """A pattern of expected lines, with what `…` stands for."""
    parts = []
    for line in lines:
        parts.append(r"(?:[^\n]*\n)*?" if line.strip() == "…" else ".*?".join(map(re.escape, line.rstrip().split("…"))) + r" *\n")
    return re.compile("".join(parts))


def steps(text):
    """The page's files and commands in order: ("file", name, content) or ("run", command, expected lines)."""
    for language, body in FENCE.findall(text):
        first, _, _ = body.partition("\n")
        if language in COMMENT and first.startswith(COMMENT[language]) and " " not in first[len(COMMENT[language]):]:
            yield "file", first[len(COMMENT[language]):], body
        elif language == "console":
            command, expected = None, []
            for line in body.splitlines():
                if line.startswith("$ "):
                    if command is not None:
                        yield "run", command, expected
                    command, expected = line[2:], []
                elif command is not None and command.endswith("\\") and not expected:
                    command += "\n" + line
                else:
                    expected.append(line)
            yield "run", command, expected


def pytest_generate_tests(metafunc):
    root = metafunc.config.rootpath
    found = pages(root)
    assert found, "there are no tutorials"
    metafunc.parametrize("page", found, ids=[page.stem for page in found])


def test_tutorial(page, root, build, sdk, tmp_path):
    host = Host(build)
    environment = {**sdk, **host.environment, "PKG_CONFIG_PATH": sdk["PKG_CONFIG_PATH"], "GENIE_PLUGIN_PATH": str(host.plugins),
                   "PYTHONPATH": str(root / "python"), "PYTHONDONTWRITEBYTECODE": "1",
                   "PATH": f"{host.binary.parent}:{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}  # fmt: skip
    ran = 0
    for kind, name, content in steps(page.read_text()):
        if kind == "file":
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
            continue
        run = subprocess.run(["bash", "-c", name], cwd=tmp_path, env=environment, capture_output=False, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, timeout=300)  # fmt: skip
        said = run.stdout if run.stdout.endswith("\n") or not run.stdout else run.stdout + "\n"
        if run.returncode != 0:
            said += f"(exit code {run.returncode})\n"
        assert matcher(content).fullmatch(said), f"$ {name}\n--- printed\n{said}--- expected\n" + "\n".join(content)
        ran += 1
    assert ran > 0, f"{page.name} has no command"
