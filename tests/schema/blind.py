"""Random, seeded edits of good documents that know nothing of the schemas.

What is put into a document comes from other places of good ones (most likely the same key's, which often keeps it good), or
is odd: of another kind, of another size, or words that mean something elsewhere.
"""

import json

from places import at, walk

WORDS = [
    "", "x", "n0", "s0", "captured", "scheduled", "hard", "soft", "pin", "budget", "recompute", "priority", "bulk", "allow",
    "zeros", "session", "pure", "rng", "f32", "bool", "int", "float", "NaN", "-0", "Infinity", "user", "model", "local", "*",
    "add", "floordiv", "eq", "parameter", "9007199254740993", "-9223372036854775808", "12", "1a", "com.example.x", "ключ",
    "sha256:" + "a" * 64, "sha256:" + "A" * 64, "sha256:" + "a" * 63, "genie.plan", "state", "graphs", "channels_last", "forward",
    "a.npy", "0/next",
]
NUMBERS = [0, 1, -1, 2, 64, 1.5, 0.5, -0.5, 1e300, 2**53 - 1, -(2**53 - 1), 1_000_001]
ODD = [
    *WORDS, *NUMBERS, None, True, False, [], {}, ["x"], [1, 2], [[1]], [None], {"a": 1}, {"int": 1, "float": 1}, {"what": 1},
    {"int": 1.5}, {"int": "9223372036854775807"}, {"float": "nan"}, {"float": "-0"}, {"complex": [1]}, {"complex": [1, "NaN"]},
    {"dtype": "float"}, {"dim": ["add", 1, "s0"]}, ["mul", 4, "s0"], ["add", "s0", 1], ["mod", "s0", 0], ["min", "s0"], ["pow", 1, 2],
    {"scalar": "int", "residency": "x"}, {"input": "x", "dim": 1}, {"node": "n0"}, {"weight": "w"}, {"file": "a.npy"}, {"value": 1},
]
KEYS = ["surprise", "", "com.example.x", "ключ", "sha256:" + "b" * 64, "s0"]


class Blind:
    """Edits documents at random."""

    def __init__(self, good, rng):
        self.rng = rng
        self.originals = [json.dumps(document) for document in good]
        #: Texts, so that what is put in is always a copy.
        self.by_key = {}
        for document in good:
            for path in walk(document):
                if path:
                    self.by_key.setdefault(path[-1] if isinstance(path[-1], str) else (path[-2], "item"), set()).add(json.dumps(at(document, path)))
        self.by_key = {key: sorted(texts) for key, texts in self.by_key.items()}
        self.keys = sorted(key for key in self.by_key if isinstance(key, str))
        self.pieces = sorted({text for texts in self.by_key.values() for text in texts})

    def document(self):
        """A good document with one to three edits."""
        document = json.loads(self.rng.choice(self.originals))
        for _ in range(self.rng.choice([1, 1, 1, 1, 2, 3])):
            places = [path for path in walk(document) if path]
            if not places:
                break
            self.edit(document, self.rng.choice(places))
        return document

    def edit(self, document, path):
        rng = self.rng
        here, key = at(document, path[:-1]), path[-1]
        value = here[key]
        action = rng.random()
        if action < 0.08:
            del here[key]
        elif action < 0.33:
            here[key] = self.like(path)
        elif action < 0.43:
            here[key] = json.loads(rng.choice(self.pieces))
        elif action < 0.52:
            here[key] = json.loads(json.dumps(rng.choice(ODD)))
        elif action < 0.72:
            here[key] = self.nudged(value)
        elif isinstance(here, list):
            if action < 0.9:
                here.insert(rng.randrange(len(here) + 1), self.like(path))
            else:
                rng.shuffle(here)
        elif action < 0.8:
            here[rng.choice(KEYS)] = json.loads(json.dumps(rng.choice(ODD)))
        elif action < 0.92:
            added = rng.choice(self.keys)
            here[added] = json.loads(rng.choice(self.by_key[added]))
        else:
            here[rng.choice([*KEYS, *self.keys])] = here.pop(key)

    def like(self, path):
        """A value that a good document has under the same key."""
        key = path[-1] if isinstance(path[-1], str) else (path[-2] if len(path) > 1 else None, "item")
        return json.loads(self.rng.choice(self.by_key.get(key, self.pieces)))

    def nudged(self, value):
        """A neighbour of a value; what has none is replaced."""
        rng = self.rng
        if isinstance(value, bool):
            return not value
        if isinstance(value, int):
            return value + rng.choice([-1, 1, 7])
        if isinstance(value, float):
            return value * 1.25 + 0.0625
        if isinstance(value, str):
            return value + rng.choice(["x", "1", "_", " ", ".y"])
        if isinstance(value, list) and value:
            return value[:-1] if rng.random() < 0.5 else [*value, json.loads(json.dumps(value[-1]))]
        return json.loads(json.dumps(rng.choice(ODD)))
