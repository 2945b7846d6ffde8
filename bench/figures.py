"""Shared by the benchmarks: how a machine is named, how figures are shown, where docs/performance.md keeps them."""

import os
import pathlib
import platform

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"

LOAD = "Other programs were running: CPU times (user and system) are comparable, wall times are not."


def machine():
    """The machine in general terms."""
    return f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}"


def is_busy():
    """Whether other programs want the processors."""
    return os.getloadavg()[0] > 0.5


def table(header, rows):
    """Markdown; the first column is text, the others are numbers."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def milliseconds(ns):
    return f"{ns / 1e6:,.2f} ms" if ns < 1e7 else f"{ns / 1e6:,.0f} ms"


def write_section(name, text):
    """Replace what stands between the marks of a section of docs/performance.md."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    page = PAGE.read_text()
    head, found, rest = page.partition(begin)
    if not found or end not in rest:
        raise SystemExit(f"{PAGE} has no section {name}")
    PAGE.write_text(head + begin + text.strip() + "\n" + end + rest.partition(end)[2])
