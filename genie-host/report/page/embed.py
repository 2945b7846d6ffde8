#!/usr/bin/env python3
"""Makes a C++ source of the page: its frame with style and script filled in, cut where title and data go.

Usage: embed.py FOLDER OUTPUT
"""

import base64
import hashlib
import pathlib
import re
import sys

SCRIPTS = ["util.js", "model.js", "layout.js", "graph.js", "charts.js", "app.js"]
DELIMITER = "genie_page"
CHUNK = 12000


def digest(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def definition(name, text):
    """The text in pieces: no compiler need take a literal of more than 65536 bytes."""
    pieces = ",\n    ".join(f'R"{DELIMITER}({text[i:i + CHUNK]}){DELIMITER}"' for i in range(0, len(text), CHUNK))
    return f"constexpr std::string_view k{name}Pieces[] = {{\n    {pieces}}};\nconst PagePieces k{name} = k{name}Pieces;\n"


def main():
    folder, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    style = (folder / "page.css").read_text(encoding="utf-8")
    script = '"use strict";\n(() => {\n' + "\n".join((folder / name).read_text(encoding="utf-8") for name in SCRIPTS) + "})();\n"
    for text in (style, script):
        assert "</" not in text and f"){DELIMITER}" not in text, "would end the element it stands in"
    filled = {"style": style, "script": script, "style-digest": digest(style), "script-digest": digest(script)}
    page = re.sub(r"\{\{([\w-]+)\}\}", lambda mark: filled.get(mark[1], mark[0]), (folder / "page.html").read_text(encoding="utf-8"))
    before, rest = page.split("{{title}}")
    between, after = rest.split("{{data}}")
    output.write_text(
        "// Made by genie-host/report/page/embed.py from the files beside it.\n"
        '#include "report/page.hpp"\n\n'
        "namespace genie::report {\n\n" + definition("PageBeforeTitle", before) + definition("PageBeforeData", between) + definition("PageAfterData", after) +
        "\n}  // namespace genie::report\n", encoding="utf-8")


if __name__ == "__main__":
    main()
