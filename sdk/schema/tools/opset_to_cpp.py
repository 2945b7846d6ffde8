#!/usr/bin/env python3
"""Turns an op table into constant C++ data, at build time, so that the library parses nothing to know its operators.

    opset_to_cpp.py opset-aten-1.json opset_aten_1.cpp

The layout is that of sdk/plan/src/opset_data.hpp: strings and defaults are pooled, operators refer to them by number.
"""

import json
import sys

RULES = ("shape_rule", "cost_rule")


class Pool:
    """Distinct items in first-use order, by number."""

    def __init__(self):
        self.items = {}

    def number(self, item):
        return self.items.setdefault(item, len(self.items))


def quoted(text):
    return json.dumps(text)


def default_form(default):
    """RawDefault's initialiser for one tagged default value."""
    if default is None:
        return "{RawDefault::Kind::null}"
    (tag, value), = default.items()
    if tag == "int":
        return f"{{RawDefault::Kind::integer, {value}}}"
    if tag == "float":
        return f"{{RawDefault::Kind::real, 0, {float(value)!r}}}"
    if tag == "bool":
        return f"{{RawDefault::Kind::boolean, {int(value)}}}"
    if tag in ("str", "dtype", "layout", "memory_format"):
        return f"{{RawDefault::Kind::{tag}, 0, 0.0, {quoted(value)}}}"
    if tag == "list":
        items = [item["int"] for item in value]
        if len(items) > 4:
            raise SystemExit(f"default list longer than RawDefault holds: {items}")
        return f"{{RawDefault::Kind::int_list, {len(items)}, 0.0, {{}}, {{{', '.join(map(str, items))}}}}}"
    raise SystemExit(f"default {default} has no C++ form")


def main():
    table = json.load(open(sys.argv[1]))
    strings, defaults = Pool(), Pool()
    strings.number("")
    defaults.number("{RawDefault::Kind::required}")
    arguments, returns, ops = [], [], []
    for op in table["ops"]:
        ops.append("{%d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d}" % (
            strings.number(op["name"]), len(arguments), len(op["args"]), len(returns), len(op["returns"]),
            op.get("core", False), op.get("random", False), op.get("data_dependent", False),
            op.get("may_mutate", False),
            *(strings.number(op.get(kind, "")) for kind in RULES)))
        for argument in op["args"]:
            default = default_form(argument["default"]) if "default" in argument else "{RawDefault::Kind::required}"
            arguments.append("{%d, %d, %d, %d, %d, %d}" % (
                strings.number(argument["name"]), strings.number(argument["type"]), defaults.number(default),
                strings.number(argument.get("alias", "")), argument.get("write", False),
                argument.get("kwarg_only", False)))
        for result in op["returns"]:
            returns.append("{%d, %d, %d}" % (
                strings.number(result["type"]), strings.number(result.get("alias", "")), result.get("write", False)))
    name = f"kOpset_{table['domain']}_{table['opset']}"
    lines = [
        "// Written by opset_to_cpp.py from the op table; not edited.",
        '#include "opset_data.hpp"',
        "namespace genie::plan::detail {",
        "namespace {",
        "constexpr std::string_view kStrings[] = {",
        *(f"{quoted(text)}," for text in strings.items),
        "};",
        "constexpr RawDefault kDefaults[] = {", *(f"{form}," for form in defaults.items), "};",
        "constexpr RawArgument kArguments[] = {", *(f"{form}," for form in arguments), "};",
        "constexpr RawReturn kReturns[] = {", *(f"{form}," for form in returns), "};",
        "constexpr RawOp kOps[] = {", *(f"{form}," for form in ops), "};",
        "}  // namespace",
        f'extern const RawOpset {name} = {{"{table["domain"]}", {table["opset"]}, kStrings, kDefaults, kArguments, '
        "kReturns, kOps};",
        "}  // namespace genie::plan::detail",
        "",
    ]
    open(sys.argv[2], "w").write("\n".join(lines))


if __name__ == "__main__":
    main()
