"""Single changes of a JSON document, each of which a strict reader has an opinion about."""

import copy
import json


def walk(value, path=()):
    """Yield the path of every value inside a document, the root included."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from walk(child, (*path, key))


def at(document, path):
    for key in path:
        document = document[key]
    return document


def replacements(value):
    """Values of other types, and values of the same type outside most ranges."""
    yield from (other for other in (None, True, -1, 1.5, 2**53, "", "unheard-of", [], {}, [None]) if type(other) is not type(value)
                or other != value)


def mutations(document):
    """Yield ``(what was done, changed document)``: every key removed, added and replaced by every kind of value."""
    for path in walk(document):
        where = "/" + "/".join(map(str, path))
        value = at(document, path)
        if isinstance(value, dict):
            changed = copy.deepcopy(document)
            at(changed, path)["surprise"] = 1
            yield f"add {where}/surprise", changed
        if not path:
            continue
        parent, key = path[:-1], path[-1]
        changed = copy.deepcopy(document)
        del at(changed, parent)[key]
        yield f"remove {where}", changed
        for other in replacements(value):
            changed = copy.deepcopy(document)
            at(changed, parent)[key] = other
            yield f"set {where} to {json.dumps(other)}", changed
