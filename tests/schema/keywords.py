"""Every statement of a JSON Schema that a document can violate, and documents that violate it on purpose.

A statement is named by its place in the schema, as the validator's error output names it: "/$defs/node/required:op",
"/properties/stage/enum". Keywords that only lead to others (properties, $ref, allOf, if) state nothing by themselves.
"""

import collections
import copy
import json

from places import at, from_pointer, put

#: Keywords whose value is a schema, a list of schemas, or a table of schemas.
SCHEMA = {"items", "additionalProperties", "propertyNames", "then", "else", "contains"}
SCHEMAS = {"anyOf", "oneOf", "allOf", "prefixItems"}
TABLES = {"properties", "patternProperties", "$defs", "dependentSchemas"}
ASSERTIONS = {"type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "pattern",
              "minItems", "maxItems", "minProperties", "maxProperties", "oneOf", "not"}
#: "if" decides between then and else, and is judged by what they state.
SILENT = {"$schema", "$id", "$ref", "title", "description", "default", "if"}

LARGEST = 2**53 - 1
#: How the validator's words for a missing key end.
MISSING = " is a required property"
ODD = (None, True, -1, 1.5, "unheard-of", [], {}, [None])


def statements(schema, path=""):
    """Yield (name, schema that makes it, keyword); `required` is one statement for each name."""
    if schema is False:
        yield path, schema, "false"
    if not isinstance(schema, dict):
        return
    for keyword, value in schema.items():
        here = f"{path}/{keyword}"
        if keyword == "required":
            for name in value:
                yield f"{here}:{name}", schema, keyword
        elif keyword == "dependentRequired":
            for trigger, names in value.items():
                for name in names:
                    yield f"{here}:{name}", schema, keyword
        elif keyword == "additionalProperties" and value is False:
            yield here, schema, keyword
        elif keyword in ASSERTIONS:
            yield here, schema, keyword
        else:
            assert keyword in SCHEMA | SCHEMAS | TABLES | SILENT, f"{here}: this test does not know the keyword"
        if keyword in SCHEMA and not (keyword == "additionalProperties" and value is False):
            yield from statements(value, here)
        elif keyword in SCHEMAS:
            for index, one in enumerate(value):
                yield from statements(one, f"{here}/{index}")
        elif keyword in TABLES:
            for name, one in value.items():
                yield from statements(one, f"{here}/{token(name)}")


def is_limit_of_numbers(schema, keyword):
    """Whether a bound repeats what no document may exceed: 2^53, a matter of V0."""
    return keyword in ("minimum", "maximum") and abs(schema[keyword]) == LARGEST


def token(name):
    return name.replace("~", "~0").replace("/", "~1")


def violated(validator, document):
    """The names of the statements that make the validator refuse a document; empty when it does not."""
    names = set()
    for error in validator.evaluate(document).errors():
        place = error["schemaLocation"].partition("#")[2]
        if error["error"].endswith(MISSING):
            # Said at the place of `required`, of one of the names in dependentRequired, or of a keyword merged with it.
            owner, _, keyword = place.rpartition("/")
            if keyword.isdigit():
                owner = owner.removesuffix("/dependentRequired")
                keyword = "dependentRequired"
            place = f"{owner}/{'required' if keyword != 'dependentRequired' else keyword}:{json.loads(error['error'].removesuffix(MISSING))}"
        names.add(place)
    return names


class Directed:
    """Breaks, or just keeps, each statement of a schema at places of good documents where it applies."""

    def __init__(self, schema, validator, good, rng):
        self.good = good
        self.rng = rng
        self.statements = list(statements(schema))
        #: Where in the good documents each place of the schema is applied.
        self.applied = collections.defaultdict(list)
        for number, document in enumerate(good):
            for unit in validator.evaluate(document).list()["details"]:
                self.applied[unit["schemaLocation"].partition("#")[2]].append((number, unit["instanceLocation"]))

    def documents(self, sites=2):
        """Yield documents; `sites` places for each statement."""
        for name, schema, keyword in self.statements:
            about = name.partition(":")[2]
            for number, path, missing in self.places(name.partition(":")[0], keyword, sites):
                document = self.good[number]
                if missing is not None:
                    values = [{**at(document, path), missing: other} for other in ODD]
                elif "propertyNames" in name.split("/"):
                    values = renamed(at(document, path))
                elif keyword == "false":
                    values = [{**at(document, path), name.rpartition("/")[2]: other} for other in ODD]
                else:
                    values = neighbours(at(document, path), schema, keyword, about)
                for other in values:
                    yield put(copy.deepcopy(document), path, copy.deepcopy(other))

    def places(self, name, keyword, most):
        """Places (document, path, key to add) where a statement applies; a key is added where no document has it."""
        owner = name.removesuffix(name[name.rfind("/"):])
        if keyword in ("false", "dependentRequired"):
            owner = owner.rpartition("/")[0]
        missing = None
        while owner and not self.applied[owner]:
            owner, _, missing = owner.rpartition("/properties/")
            missing = missing.partition("/")[0]
        applied = {(number, from_pointer(self.good[number], pointer)) for number, pointer in self.applied[owner]}
        if owner.endswith("/items"):  # the validator also names the list itself
            applied = {(number, path) for number, path in applied if isinstance(path[-1], int)}
        applied = sorted(applied, key=str)
        for number, path in self.rng.sample(applied, min(most, len(applied))):
            yield number, path, missing


def renamed(value):
    """An object whose first key is another."""
    if not isinstance(value, dict) or not value:
        return
    first, *rest = value
    for name in ("", "?", "9", first + " ", "ключ", first.upper()):
        yield {name: value[first], **{key: value[key] for key in rest}}


def neighbours(value, schema, keyword, about):
    """Values on both sides of what a statement says."""
    bound = schema[keyword] if isinstance(schema, dict) else None
    if keyword == "type":
        yield from (other for other in ODD if type(other) is not type(value))
    elif keyword in ("enum", "const"):
        yield from (*(bound if keyword == "enum" else [bound]), "unheard-of", None)
    elif keyword in ("minimum", "exclusiveMinimum"):
        yield from (bound, bound - 1, bound + 1, bound + 0.5)
    elif keyword in ("maximum", "exclusiveMaximum"):
        yield from (bound, bound + 1, bound - 1, bound - 0.5)
    elif keyword == "minLength":
        yield from ("", "x", "\u0000")
    elif keyword == "pattern":
        text = value if isinstance(value, str) else ""
        yield from ("", "?", text + "?", "?" + text, text + "\n", text[:-1], text.upper(), text + text, "9" * 16, "-" + "9" * 19, "0" * 17)
    elif keyword in ("minItems", "maxItems") and isinstance(value, list):
        yield from ([], value[:-1], value + value[-1:], value + value)
    elif keyword in ("minProperties", "maxProperties", "additionalProperties") and isinstance(value, dict):
        yield from ({}, {**value, "surprise": 1}, dict(list(value.items())[:-1]))
    elif keyword in ("required", "dependentRequired") and isinstance(value, dict):
        yield {key: item for key, item in value.items() if key != about}
        if keyword == "dependentRequired":
            trigger = next(key for key, names in bound.items() if about in names)
            yield {**{key: item for key, item in value.items() if key != about}, trigger: 1}
    elif keyword in ("oneOf", "not") and isinstance(value, dict):
        branches = bound if keyword == "oneOf" else [bound]
        names = [name for branch in branches for name in branch.get("required", [])]
        yield {key: item for key, item in value.items() if key not in names}
        yield {**{name: "x" for name in names}, **value}
    else:
        yield from (None, 1, "x", [], {})
