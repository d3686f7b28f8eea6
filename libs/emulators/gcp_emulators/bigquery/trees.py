"""Copies of parsed statements."""

from copy import deepcopy
from typing import Any

from sqlglot import exp

_IMMUTABLE = (int, str, bool, float, type(None))


def copied(tree: exp.Expression, _memo: Any = None) -> Any:
    """Return a copy of a tree; `Expression.__deepcopy__` takes twice the time.

    It copies a node's position in the text with the generic deepcopy, and resets the hashes above each node that it
    sets.
    """
    root = tree.__class__()
    unfinished: list[tuple[Any, Any]] = [(tree, root)]
    while unfinished:
        node, copy = unfinished.pop()
        if node.comments is not None:
            copy.comments = [*node.comments]
        if node._type is not None:
            copy._type = deepcopy(node._type)
        if node._meta is not None:
            copy._meta = {
                name: value if isinstance(value, _IMMUTABLE) else deepcopy(value)
                for name, value in node._meta.items()
            }
        for name, value in node.args.items():
            if isinstance(value, exp.Expr):
                copy.args[name] = _empty_copy(value, copy, name, None, unfinished)
            elif type(value) is list:
                copy.args[name] = [
                    _empty_copy(item, copy, name, index, unfinished) if isinstance(item, exp.Expr) else item
                    for index, item in enumerate(value)
                ]
            else:
                copy.args[name] = value
    return root


def _empty_copy(
    node: Any, parent: Any, name: str, index: int | None, unfinished: list[tuple[Any, Any]]
) -> Any:
    """Return an empty copy of a node in its place, and add it to the unfinished ones."""
    copy = node.__class__()
    copy.parent, copy.arg_key, copy.index = parent, name, index
    unfinished.append((node, copy))
    return copy
