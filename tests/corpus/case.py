"""What a corpus case is. Shared by the files that define cases and by ``make.py``, which writes them."""

import dataclasses
from typing import Any, Callable, NamedTuple

PLAIN = "plain"
RECOMMENDED = "recommended"

#: The method of an archive that holds one program.
FORWARD = "forward"


class Call(NamedTuple):
    """One call of a module, and the method of the archive that it becomes a step of."""

    args: tuple
    kwargs: dict
    method: str = FORWARD


def call(*args, **kwargs) -> Call:
    """One call of a module, written as one writes the call itself."""
    return Call(args, kwargs)


def call_of(method, *args, **kwargs) -> Call:
    """One call of one of several programs."""
    return Call(args, kwargs, method)


@dataclasses.dataclass
class Variant:
    """One of the programs that a module is exported as: the example call, and what of its shapes is dynamic."""

    example: Call
    dynamic_shapes: Any = None
    module: Callable[[Any], Any] = lambda module: module


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
    #: Several programs of one module in one archive, by the name of their method. They share the module's state.
    variants: Callable[[], dict[str, Variant]] | None = None
    #: Export with gradients on, as torch.export does outside torch.no_grad().
    gradients: bool = False
    forms: tuple[str, ...] = (PLAIN, RECOMMENDED)
    tags: tuple[str, ...] = ()
    #: Name of the exception that torch.export itself raises for the module; empty when it can be exported.
    torch_refuses: str = ""

    @property
    def dynamic(self) -> bool:
        return self.dynamic_shapes is not None or self.variants is not None
