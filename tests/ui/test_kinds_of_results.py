"""What a tab keeps of what it found out can be kept on disk too; a new kind says what it is, or why it is not kept."""

from __future__ import annotations

import ast
import importlib.util
import pkgutil
from typing import Any

import pytest

import core.ui
from core.runs.codec.hints import check_keepable
from core.ui.state.results import Kind

NOT_KEPT = {
    "CONTRIBUTED": "states and weights of every layer, which only their model reads, by one pass",
    "GRAPH_PAGES": "drawn from graphs",
    "HEAD_FIGURES": "summed from rows in a moment",
    "LOOKS": "read from rows in a moment",
    "ESTIMATES": "of the free memory of the moment",
    "REPORTS": "of claims, in a journal of their own",
    "EXAMPLES": "of claims, in a journal of their own",
    "RUNS": "files of results",
    "AUDITS": "of Case Studies, whose answers are in no conversation",
    "ANSWERS": "of Case Studies: one that is opened is a turn",
    "HERE": "of this machine's folders, as they are at the moment",
    "POSITIONS": "counted in a moment",
    "STEERED": "of Case Studies, whose answers are in no conversation",
    "SHARES": "of scenes of Case Studies, which are in no conversation",
    "ELSEWHERE": "of other scenes, which are in no conversation",
    "IN_TWIN": "of another model than the run's",
}


def kinds() -> list[tuple[str, Any, Kind[Any]]]:
    """Every kind of results that a page declares, with the type of one."""
    declared = []
    for module in pkgutil.walk_packages(core.ui.__path__, "core.ui."):
        spec = importlib.util.find_spec(module.name)
        assert spec is not None and spec.origin is not None
        with open(spec.origin, encoding="utf-8") as file:
            for node in ast.parse(file.read()).body:
                match node:
                    case ast.Assign([ast.Name(name)], ast.Call(ast.Subscript(ast.Name("Kind"), of))):
                        own = importlib.import_module(module.name)
                        declared.append((name, eval(ast.unparse(of), vars(own)), getattr(own, name)))
    return declared


DECLARED = kinds()


@pytest.mark.parametrize(("name", "of", "kind"), DECLARED, ids=[name for name, _, _ in DECLARED])
def test_every_kind_is_kept_by_a_run_or_says_why_not(name: str, of: Any, kind: Kind[Any]) -> None:
    if name in NOT_KEPT:
        assert kind.run is None
        return
    check_keepable(of)
    assert kind.run is not None


def test_what_is_not_kept_is_there() -> None:
    assert len(DECLARED) > 20 and NOT_KEPT.keys() <= {name for name, _, _ in DECLARED}


def test_no_two_kinds_of_results_go_by_one_name() -> None:
    named: dict[str, set[str]] = {}
    for _, _, kind in DECLARED:
        if kind.run is not None:
            named.setdefault(kind.run.kind.name, set()).add(str(kind.run.kind.hint))
    assert all(len(hints) == 1 for hints in named.values())
