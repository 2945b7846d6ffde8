"""The user's names of dynamic dimensions.

``torch.export`` calls the dynamic dimensions of a program ``s77``, ``s12`` and so on, and an archive does not keep the
names that the user gave with :class:`torch.export.Dim`. This module finds which symbol each name became, so that the
names can be stored beside the program and used in everything Genie prints.
"""

import collections.abc
import inspect

from torch.utils import _pytree as pytree


def symbol_names(program, module, args, kwargs, dynamic_shapes):
    """Map each symbol of ``program`` to the name of the ``Dim`` that the user gave for it.

    ``args``, ``kwargs`` and ``dynamic_shapes`` are those that ``module`` was exported with. Dimensions declared without
    a name (``Dim.AUTO``, ``Dim.DYNAMIC``) and symbols that only appear inside the program are left out.

    Returns a dict such as ``{"s77": "seq"}``, sorted by symbol.
    """
    if not dynamic_shapes:
        return {}
    dims_by_leaf = {}
    for value, spec in _argument_specs(module, args, kwargs, dynamic_shapes):
        _collect(value, spec, dims_by_leaf)

    names = {}
    placeholders = {n.name: n for n in program.graph_module.graph.nodes if n.op == "placeholder"}
    leaves = pytree.tree_leaves(program.example_inputs) if program.example_inputs else []
    for spec, leaf in zip(user_input_specs(program), leaves):
        shape = getattr(placeholders[spec.arg.name].meta.get("val"), "shape", ())
        for dimension, dim in dims_by_leaf.get(id(leaf), ()):
            symbol = _only_symbol(shape[dimension]) if dimension < len(shape) else None
            if symbol is not None:
                names[symbol] = _root_name(dim)
    return dict(sorted(names.items()))


def user_input_specs(program):
    """The input specifications of a program that stand for the caller's arguments, in call order."""
    from torch.export.graph_signature import InputKind

    return [s for s in program.graph_signature.input_specs if s.kind is InputKind.USER_INPUT]


def _argument_specs(module, args, kwargs, dynamic_shapes):
    """Pair each argument of a call with its part of ``dynamic_shapes``, in any of the forms that torch accepts."""
    if isinstance(dynamic_shapes, collections.abc.Mapping):
        bound = inspect.signature(module.forward).bind(*args, **kwargs).arguments
        by_name = dict(bound)
        for parameter in inspect.signature(module.forward).parameters.values():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                by_name.update(by_name.pop(parameter.name, {}))
        return [(by_name[name], spec) for name, spec in dynamic_shapes.items() if name in by_name]
    return list(zip([*args, *kwargs.values()], dynamic_shapes))


def _collect(value, spec, dims_by_leaf):
    """Record ``(dimension, Dim)`` pairs of every tensor inside ``value`` under the tensor's identity."""
    if spec is None:
        return
    if hasattr(value, "shape"):
        pairs = spec.items() if isinstance(spec, collections.abc.Mapping) else enumerate(spec)
        named = [(dimension, dim) for dimension, dim in pairs if _root_name(dim)]
        dims_by_leaf.setdefault(id(value), []).extend(named)
    elif isinstance(value, collections.abc.Mapping) and isinstance(spec, collections.abc.Mapping):
        for key, child in spec.items():
            if key in value:
                _collect(value[key], child, dims_by_leaf)
    elif isinstance(value, (list, tuple)) and isinstance(spec, (list, tuple)):
        for child_value, child_spec in zip(value, spec):
            _collect(child_value, child_spec, dims_by_leaf)


def _root_name(dim):
    """The user's name of a ``Dim``; for a derived one (``2 * batch``) that of the dimension it is derived from."""
    dim = getattr(dim, "root", dim)
    # Dim.AUTO and its kin, integers and None are no Dim objects: torch marks those that are by min and max.
    if not (hasattr(dim, "min") and hasattr(dim, "max")):
        return None
    return getattr(dim, "__name__", None)


def _only_symbol(size):
    """The symbol in a symbolic size when there is exactly one, as text."""
    expression = getattr(getattr(size, "node", None), "expr", None)
    symbols = getattr(expression, "free_symbols", ())
    return str(next(iter(symbols))) if len(symbols) == 1 else None
