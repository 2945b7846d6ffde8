#!/usr/bin/env python3
"""Check what holds for every file of the repository. Prints each breach; exit code 1 if there is one.

* no tracked file over 1 MB;
* no source file over 600 lines, unless a comment at its top says why ("Longer than 600 lines because ...");
* no marker of unfinished work in a comment;
* every relative link of a Markdown file leads to a file or folder that exists, every ``#anchor`` to a heading.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SOURCES = {".c", ".h", ".cpp", ".hpp", ".py", ".sh"}
MAXIMUM_BYTES = 1_000_000
MAXIMUM_LINES = 600
MARKERS = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


def anchors(text):
    """The anchors that the headings of a Markdown text get."""
    headings = re.findall(r"^#+\s+(.*)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def breaches(path, text):
    """Yield what is wrong with one file."""
    relative = path.relative_to(ROOT)
    if path.stat().st_size > MAXIMUM_BYTES:
        yield f"{relative}: {path.stat().st_size} bytes; generate large files instead of storing them"
    if text is None:
        return
    lines = text.splitlines()
    if path.suffix in SOURCES:
        if len(lines) > MAXIMUM_LINES and "Longer than 600 lines because" not in "\n".join(lines[:30]):
            yield f"{relative}: {len(lines)} lines; split it, or say why at its top"
        for number, line in enumerate(lines, 1):
            if MARKERS.search(line):
                yield f"{relative}:{number}: unfinished work is no comment: {line.strip()}"
    if path.suffix == ".md":
        for target in LINK.findall(FENCE.sub("", text)):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            linked = (path.parent / file).resolve() if file else path
            if not linked.exists():
                yield f"{relative}: broken link {target}"
            elif anchor and linked.suffix == ".md" and anchor not in anchors(linked.read_text()):
                yield f"{relative}: link to a heading that is not there: {target}"


def main():
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], check=True, capture_output=True, text=True).stdout
    found = []
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if not path.is_file():
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            text = None
        found += breaches(path, text)
    print("\n".join(found) if found else "nothing to complain about")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
