"""Places in a JSON document: tuples of keys and indices from the root."""


def walk(value, path=()):
    """Every place of a document, the root first."""
    yield path
    if isinstance(value, (dict, list)):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from walk(child, (*path, key))


def at(document, path):
    for key in path:
        document = document[key]
    return document


def put(document, path, value):
    """The document with a new value at a place; changes it where it stands."""
    if not path:
        return value
    at(document, path[:-1])[path[-1]] = value
    return document


def from_pointer(document, pointer):
    """The place that an RFC 6901 pointer names."""
    path = ()
    for token in pointer.split("/")[1:]:
        here = at(document, path)
        key = token.replace("~1", "/").replace("~0", "~")
        path = (*path, int(key) if isinstance(here, list) else key)
    return path
