"""Does a chat template only write what it is given, or does it compute? Told from its text alone.

A template that walks through a conversation and writes its parts can take no more time or memory than they do. One that
multiplies, keeps what it has joined, formats or calls something may take any amount in one operation, and perhaps only
for some conversations: those are tried first, each in a process of its own (`vetting.py`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

LARGEST = 100_000
"""Letters of a template that only writes."""

LOOPS = 2
"""One inside the other: through the turns of a conversation, and the parts of a turn."""

_JOINS: tuple[type[nodes.Node], ...] = (nodes.Add, nodes.Concat)
_WALKS: tuple[type[nodes.Node], ...] = (nodes.Template, nodes.Output, nodes.For, nodes.If, nodes.Assign)
_READS: tuple[type[nodes.Node], ...] = (
    *(nodes.TemplateData, nodes.Const, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.CondExpr),
    *(nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Test, nodes.Filter, nodes.Call),
)
_WRITES = _WALKS + _READS + _JOINS
_METHODS = frozenset({"upper", "lower", "strip", "lstrip", "rstrip", "title", "capitalize", "items", "keys", "values"})
_FILTERS = frozenset({"trim", "length", "count", "first", "last", "list", "string", "lower", "upper", "capitalize"})


@lru_cache(maxsize=64)
def computes(template: str) -> bool:
    """Whether a template may take more than it is given; True as well for one that does not parse."""
    if len(template) > LARGEST:
        return True
    try:
        parsed = ImmutableSandboxedEnvironment(extensions=["jinja2.ext.loopcontrols"]).parse(template)
    except (TemplateError, RecursionError):
        return True
    return _goes_further(parsed, 0)


def _goes_further(node: nodes.Node, loops: int) -> bool:
    if _refuses(node):
        return False
    loops += isinstance(node, nodes.For)
    if not isinstance(node, _WRITES) or loops > LOOPS or _is_odd(node):
        return True
    if isinstance(node, nodes.Assign) and any(node.find_all(_JOINS)):
        return True
    return any(_goes_further(child, loops) for child in node.iter_child_nodes())


def _refuses(node: nodes.Node) -> bool:
    """Whether it is raise_exception with words of the template, which ends it."""
    called = isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name == "raise_exception"
    return called and all(isinstance(given, nodes.Const) for given in node.args)  # type: ignore[attr-defined]


def _is_odd(node: Any) -> bool:
    """Whether a node that only writes has something that may go further. Of calls, only those of methods that shorten a
    text or leave it as long as it is do not."""
    if isinstance(node, nodes.Call):
        plain = isinstance(node.node, nodes.Getattr) and node.node.attr in _METHODS
        return not plain or bool(node.kwargs or node.dyn_args or node.dyn_kwargs)
    if isinstance(node, nodes.Filter):
        return node.name not in _FILTERS or bool(node.args or node.kwargs or node.dyn_args or node.dyn_kwargs)
    return isinstance(node, nodes.For) and node.recursive
