#!/usr/bin/env python3
"""Writes opset-aten-1.json: every aten overload except `out` forms, as torch itself declares it.

    python sdk/schema/tools/make_opset.py            # writes sdk/schema/opset-aten-1.json
    python sdk/schema/tools/make_opset.py --check    # exit 1 when the committed file differs

Signatures come from `op._schema` of the installed torch; which rule computes an operator's result types and work comes
from opset_rules.json beside this file. One operator a line, sorted by name, so that a diff shows what torch changed.
"""

import argparse
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
TABLE = HERE.parent / "opset-aten-1.json"
RULES = HERE / "opset_rules.json"

# What may be said of single results, by number: their memory is left as it was found (in whole or in part); their type
# differs between devices, or between a device and what an export declares.
RESULT_MARKS = ["uninitialized", "device_dependent"]

# c10's numbering of element types, memory formats and layouts, as default values show them.
DTYPES = ["u8", "i8", "i16", "i32", "i64", "f16", "f32", "f64", "c32", "c64", "c128", "bool"]
MEMORY_FORMATS = ["contiguous", "preserve", "channels_last", "channels_last_3d"]
LAYOUTS = ["strided"]


def split_top(text):
    """Splits at commas outside brackets and quotes."""
    parts, depth, quoted, start = [], 0, False, 0
    for at, char in enumerate(text):
        if char in "\"'":
            quoted = not quoted
        elif not quoted and char in "([":
            depth += 1
        elif not quoted and char in ")]":
            depth -= 1
        elif not quoted and char == "," and depth == 0:
            parts.append(text[start:at].strip())
            start = at + 1
    parts.append(text[start:].strip())
    return [part for part in parts if part]


def closing(text, opening):
    depth = 0
    for at in range(opening, len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if depth == 0:
            return at
    raise ValueError(f"unbalanced brackets: {text}")


def typed(text):
    """'Tensor(a! -> *)[]' -> ('Tensor[]', {'alias': 'a', 'write': True}); the argument's name and default are off."""
    marks = {}
    match = re.match(r"(\w+)\(([^)]*)\)(.*)", text)
    if match and match.group(1) == "Tensor":
        before = match.group(2).split("->")[0].strip()
        if before.strip("!"):
            marks["alias"] = before.strip("!")
        if before.endswith("!"):
            marks["write"] = True
        text = match.group(1) + match.group(3)
    return text, marks


def default_value(argument):
    """The plan's tagged form of a default."""
    value, kind = argument.default_value, str(argument.real_type)
    if value is None:
        return None
    if isinstance(value, bool):
        return {"bool": value}
    if "ScalarType" in kind:
        return {"dtype": DTYPES[value]}
    if "MemoryFormat" in kind:
        return {"memory_format": MEMORY_FORMATS[value]}
    if "Layout" in kind:
        return {"layout": LAYOUTS[value]}
    if isinstance(value, int):
        return {"int": value}
    if isinstance(value, float):
        return {"float": value}
    if isinstance(value, str):
        return {"str": value}
    if isinstance(value, list) and all(type(item) is int for item in value):
        return {"list": [{"int": item} for item in value]}
    raise ValueError(f"default {value!r} of type {kind} has no form in a plan")


def describe(op, name):
    """One operator as the table has it, without its rules."""
    schema, text = op._schema, str(op._schema)
    opening = text.index("(")
    end = closing(text, opening)
    arguments = []
    texts = [part for part in split_top(text[opening + 1 : end]) if part != "*"]
    assert len(texts) == len(schema.arguments), text
    for argument, part in zip(schema.arguments, texts):
        spelled, marks = typed(part[: part.rindex(" ", 0, part.find("=") if "=" in part else len(part))])
        entry = {"name": argument.name, "type": spelled, **marks}
        if argument.kwarg_only:
            entry["kwarg_only"] = True
        if argument.has_default_value():
            entry["default"] = default_value(argument)
        arguments.append(entry)
    returns_text = text[end + 1 :].strip().removeprefix("->").strip()
    if returns_text.startswith("(") and closing(returns_text, 0) == len(returns_text) - 1:
        returns_text = returns_text[1:-1]
    returns = []
    for part in split_top(returns_text):
        part = re.sub(r" \w+$", "", part) if re.search(r"[\w\]\)\?] \w+$", part) else part
        spelled, marks = typed(part)
        returns.append({"type": spelled, **marks})
    assert len(returns) == len(schema.returns), text
    return {"name": name, "args": arguments, "returns": returns}


def writes_self(torch, op, entry):
    """An in-place form that returns the tensor it wrote, with its shape unchanged."""
    returns = entry["returns"]
    return (
        torch.Tag.inplace in op.tags
        and torch.Tag.inplace_view not in op.tags
        and len(returns) == 1
        and entry["args"][0].get("write", False)
        and returns[0].get("alias") == entry["args"][0].get("alias")
    )


def all_operators(torch):
    for qualified in sorted(torch._C._dispatch_get_all_op_names()):
        namespace, _, rest = qualified.partition("::")
        if namespace != "aten":
            continue
        base, _, overload = rest.partition(".")
        op = getattr(getattr(torch.ops.aten, base), overload or "default")
        if any(argument.is_out for argument in op._schema.arguments):
            continue
        yield f"aten.{base}.{overload or 'default'}", op


def full_name(short):
    """The rules say "relu" and "add.Tensor" for aten.relu.default and aten.add.Tensor."""
    return f"aten.{short}" if "." in short else f"aten.{short}.default"


def rule_of(rules, kind):
    """op -> rule; an operator named twice is an error."""
    assigned = {}
    for rule, names in rules[kind].items():
        for op in map(full_name, names):
            if op in assigned:
                raise SystemExit(f"{RULES.name}: {op} has two rules of {kind}: {assigned[op]}, {rule}")
            assigned[op] = rule
    return assigned


def build():
    import torch

    rules = json.loads(RULES.read_text())
    shape_rules, cost_rules = rule_of(rules, "shape_rule"), rule_of(rules, "cost_rule")
    data_dependent = set(map(full_name, rules["data_dependent"]))
    hidden_writes = set(map(full_name, rules["hidden_writes"]))
    of_results = {mark: {full_name(op): results for op, results in rules[mark].items()} for mark in RESULT_MARKS}
    lines, known = [], set()
    for name, op in all_operators(torch):
        known.add(name)
        entry = describe(op, name)
        if torch.Tag.core in op.tags:
            entry["core"] = True
        if torch.Tag.nondeterministic_seeded in op.tags:
            entry["random"] = True
        if name in data_dependent or torch.Tag.dynamic_output_shape in op.tags:
            entry["data_dependent"] = True
        if torch.Tag.maybe_aliasing_or_mutating in op.tags or name in hidden_writes:
            entry["may_mutate"] = True
        if name in shape_rules:
            entry["shape_rule"] = shape_rules[name]
        elif writes_self(torch, op, entry):
            entry["shape_rule"] = "in_place"
        if name in cost_rules:
            entry["cost_rule"] = cost_rules[name]
        for mark, ops in of_results.items():
            if name in ops:
                entry[mark] = ops[name]
        lines.append(json.dumps(entry, separators=(",", ":")))
    unknown = set(shape_rules).union(cost_rules, data_dependent, hidden_writes, *of_results.values()) - known
    if unknown:
        raise SystemExit(f"{RULES.name} names operators that torch {torch.__version__} lacks: {sorted(unknown)}")
    head = {"schema": "genie.opset", "domain": "aten", "opset": 1, "torch": torch.__version__.split("+")[0]}
    return json.dumps(head, separators=(",", ":"))[:-1] + ',"ops":[\n' + ",\n".join(lines) + "\n]}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the committed table instead of writing it")
    arguments = parser.parse_args()
    text = build()
    if arguments.check:
        if TABLE.read_text() != text:
            print(f"{TABLE.name} is not what torch and {RULES.name} give; run make_opset.py", file=sys.stderr)
            return 1
        return 0
    TABLE.write_text(text)
    print(f"{TABLE.name}: {text.count(chr(10)) - 2} operators, {len(text)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
