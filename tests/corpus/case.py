"""What a corpus case is. Shared by the files that define cases and by ``make.py``, which writes them."""

import dataclasses
from typing import Any, Callable

#: One call of a module: positional and keyword arguments.
Call = tuple[tuple, dict]

PLAIN = "plain"
RECOMMENDED = "recommended"


def call(*args, **kwargs) -> Call:
    """One call of a module, written as one writes the call itself."""
    return args, kwargs


@dataclasses.dataclass
class Case:
    """A module and the calls that are made of it.

    ``build`` returns the module; it runs after the random generator was seeded from the case's name.
    ``runs`` maps a name to the steps of one session: several steps share the module's state.
    The first step of the first run is the example that the module is exported with.
    ``dynamic_shapes`` makes the export dynamic; its runs should then differ in size.
    """

    name: str
    build: Callable[[], Any]
    runs: Callable[[], dict[str, list[Call]]]
    dynamic_shapes: Any = None
    forms: tuple[str, ...] = (PLAIN, RECOMMENDED)
    tags: tuple[str, ...] = ()
    #: Name of the exception that torch.export itself raises for the module; empty when it can be exported.
    torch_refuses: str = ""

    @property
    def dynamic(self) -> bool:
        return self.dynamic_shapes is not None
