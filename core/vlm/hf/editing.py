"""Edits carried out: in the registered attention function, and by hooks on layers.

The edits in force are a context variable, so they hold for the passes of one block in one thread and are gone after
it, whatever is raised. Knockouts, rows that are weighed otherwise and head ablations need nothing else: the attention
function looks them up, so fused projections or shared keys make no difference. State patches are carried out by hooks
that sit on the layers for the time of a single pass, under the model's lock, and do nothing in another thread.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ...errors import NotShown
from ..edits import (
    Edits,
    HeadAblation,
    Knockout,
    MovedAttention,
    RaisedScores,
    Reweighting,
    Site,
    StatePatch,
    StateShift,
)
from ..reweighting import Reweighed

SEVERAL_STREAMS = (
    "Between this model's layers go several streams of states, which are brought together after the last one only, so "
    "no single state can be read or replaced."
)

Part = Callable[[torch.nn.Module, Site], torch.nn.Module]
"""The module of a layer whose output stands at a site."""


@dataclass(frozen=True)
class Placed:
    """Where an attention's queries and keys stand: the positions of the first query and of the first key, and how many
    the sequence has so far. With `across` the keys are no part of the sequence, and are counted from 0; `causal` says
    that a query sees no position after its own."""

    query: int
    key: int = 0
    length: int = 0
    across: bool = False
    causal: bool = True


class Active:
    """The edits of a batch: `rows` has those of each sequence, or one set that holds for all of them."""

    def __init__(self, rows: Sequence[Edits]) -> None:
        self.rows = tuple(rows)
        self.knockouts = self._kind(Knockout)
        self.ablations = self._kind(HeadAblation)
        self.reweightings = self._kind(RaisedScores) + self._kind(MovedAttention)
        self.patches = self._kind(StatePatch)
        self.shifts = self._kind(StateShift)
        self._latest_mask: tuple[Any, Tensor | None] | None = None
        self._latest_places: tuple[Any, dict[int, tuple[Tensor, Tensor]]] | None = None

    def _kind(self, kind: type) -> list[tuple[int, Any]]:
        return [(row, edit) for row, edits in enumerate(self.rows) for edit in edits if isinstance(edit, kind)]

    def allowed(
        self, layer: int, queries: int, keys: int, at: Placed, device: torch.device
    ) -> Bool[Tensor, "batch 1 query key"] | None:
        """Which keys a layer's knockouts leave to each query; None where they leave all."""
        here = [(row, edit) for row, edit in self.knockouts if edit.holds_in(layer)]
        if not here:
            return None
        # Most knockouts hold in many layers, which share the mask made for the first of them.
        key = ([id(edit) for _, edit in here], queries, keys, at, device)
        if self._latest_mask is None or self._latest_mask[0] != key:
            self._latest_mask = key, self._mask(here, queries, keys, at, device)
        return self._latest_mask[1]

    def _mask(
        self, knockouts: Sequence[tuple[int, Knockout]], queries: int, keys: int, at: Placed, device: torch.device
    ) -> Bool[Tensor, "batch 1 query key"] | None:
        placed = self._places(queries, keys, at, device)
        here = [(row, *placed[id(edit)]) for row, edit in knockouts if id(edit) in placed]
        if not here:
            return None
        allowed = torch.ones(len(self.rows), 1, queries, keys, dtype=torch.bool, device=device)
        hidden = allowed.new_zeros(())
        for row, rows, columns in here:
            allowed[row, 0].index_put_((rows[:, None], columns), hidden)
        if not at.across:
            # Each position sees itself.
            allowed[:, 0].diagonal(at.query - at.key, 1, 2).fill_(True)
        return allowed

    def _places(
        self, queries: int, keys: int, at: Placed, device: torch.device
    ) -> dict[int, tuple[Int[Tensor, "row"], Int[Tensor, "column"]]]:
        """The queries and keys that each knockout names, of those that are there; all of them go to the device in one
        piece, however many there are."""
        key = (queries, keys, at, device)
        if self._latest_places is None or self._latest_places[0] != key:
            known = {id(edit): edit for _, edit in self.knockouts}
            named = []
            for edit in known.values():
                own = edit.across if at.across else [position - at.key for position in edit.columns]
                named.append([place - at.query for place in edit.rows if 0 <= place - at.query < queries])
                named.append([place for place in own if 0 <= place < keys])
            flat = torch.tensor([place for own in named for place in own], dtype=torch.long).to(device)
            parts = flat.split([len(own) for own in named])
            pairs = zip(known, parts[::2], parts[1::2], strict=True)
            self._latest_places = (
                key,
                {name: (rows, columns) for name, rows, columns in pairs if len(rows) and len(columns)},
            )
        return self._latest_places[1]


_active: ContextVar[Active | None] = ContextVar("edits", default=None)


@contextlib.contextmanager
def editing(rows: Sequence[Edits]) -> Iterator[None]:
    """The decoder's passes of this block, in this thread, run under these edits: one set for each sequence of a batch,
    or one for all. They are added to the single set that may be in force already."""
    token = _active.set(Active(together(rows)))
    try:
        yield
    finally:
        _active.reset(token)


def together(rows: Sequence[Edits]) -> tuple[Edits, ...]:
    """Each of these sets, added to the edits in force."""
    active = _active.get()
    if active is None:
        return tuple(rows)
    if len(active.rows) != 1:
        raise RuntimeError("edits of a batch cannot be added to")
    return tuple(active.rows[0] + row for row in rows)


def edited_mask(
    mask: Tensor | None, layer: int, queries: int, keys: int, at: Placed, device: torch.device
) -> Tensor | None:
    """The mask that a layer's attention is to use: the one it was given (None is plain causal, or none at all), without
    the keys that the edits in force knock out. A query that is left without any key has no weights."""
    active = _active.get()
    allowed = None if active is None else active.allowed(layer, queries, keys, at, device)
    if allowed is None:
        return mask
    if mask is None and not at.causal:
        return allowed
    if mask is None:
        return allowed & torch.ones(queries, keys, dtype=torch.bool, device=device).tril(at.query - at.key)
    if mask.dtype == torch.bool:
        return mask & allowed
    least = torch.finfo(mask.dtype).min
    none_left = ~(allowed & (mask > least / 2)).any(-1, keepdim=True)
    return mask.masked_fill(~allowed, least).masked_fill(none_left, float("-inf"))


def reweighed_at(
    layer: int, sequences: int, queries: int, keys: int, at: Placed, device: torch.device
) -> tuple[Reweighed | None, ...]:
    """What the edits in force do to the rows of a layer's attention, for each sequence of a batch; nothing where none
    does any. Keys that are no part of the sequence are never weighed otherwise."""
    active = _active.get()
    here = [] if active is None or at.across else [one for one in active.reweightings if one[1].holds_in(layer)]
    if active is None or not here:
        return ()
    by_set: list[list[Reweighting]] = [[] for _ in active.rows]
    for row, edit in here:
        by_set[row].append(edit)
    made = [Reweighed.at(edits, queries, keys, at.query, at.key, device) for edits in by_set]
    if all(one is None for one in made):
        return ()
    return tuple(made * sequences if len(made) == 1 else made)


def edited_heads(
    output: Float[Tensor, "batch query heads size"], layer: int
) -> Float[Tensor, "batch query heads size"]:
    """A layer's head outputs with the ablations in force."""
    active = _active.get()
    if active is None or not any(index == layer for _, edit in active.ablations for index, _ in edit.heads):
        return output
    output = output.clone()
    for row, edit in active.ablations:
        for number, (index, head) in enumerate(edit.heads):
            if index == layer:
                replacement = 0 if edit.outputs is None else edit.outputs[number].to(output)
                output[_sequences(active, row), :, head] = replacement
    return output


@contextlib.contextmanager
def patched(layers: Sequence[torch.nn.Module], part: Part, start: int) -> Iterator[None]:
    """Put the state patches and shifts in force on `layers` for one pass whose first row stands at position `start`.
    Hold the model's lock."""
    active = _active.get()
    with contextlib.ExitStack() as hooks:
        # What replaces states is put there first, and so runs before what adds to them.
        kinds = ((_Patches, active.patches), (_Shifts, active.shifts)) if active else ()
        sites = [
            (kind, edits, place) for kind, edits in kinds for place in sorted({(e.site, e.layer) for _, e in edits})
        ]
        for kind, edits, (site, layer) in sites:
            assert active is not None
            hook = kind(active, [(r, e) for r, e in edits if (e.site, e.layer) == (site, layer)], start)
            if site is Site.INPUT:
                hooks.callback(layers[layer].register_forward_pre_hook(hook.before, with_kwargs=True).remove)
            else:
                module = layers[layer] if site is Site.OUTPUT else part(layers[layer], site)
                hooks.callback(module.register_forward_hook(hook.after).remove)
        yield


class _OnStates(ABC):
    """What changes the states at one site of one layer, as hooks."""

    def __init__(self, active: Active, entries: list[tuple[int, Any]], start: int) -> None:
        self._active = active
        self._entries = entries
        self._start = start

    def before(self, _: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if args:
            return (self._changed(args[0]), *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": self._changed(kwargs["hidden_states"])}

    def after(self, _: torch.nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        if isinstance(output, tuple):
            return (self._changed(output[0]), *output[1:])
        return self._changed(output)

    def _changed(self, states: Float[Tensor, "batch row hidden"]) -> Float[Tensor, "batch row hidden"]:
        if _active.get() is not self._active:
            return states
        if states.ndim > 3:
            raise NotShown(SEVERAL_STREAMS)
        states = states.clone()
        self._change(states)
        return states

    @abstractmethod
    def _change(self, states: Float[Tensor, "batch row hidden"]) -> None:
        """Change these states, which are nobody else's."""


class _Patches(_OnStates):
    """The patches of one site of one layer."""

    def __init__(self, active: Active, entries: list[tuple[int, StatePatch]], start: int) -> None:
        super().__init__(active, entries, start)
        self._written: dict[int, list[tuple[Int[Tensor, "position"], Tensor]]] = {}

    def _change(self, states: Float[Tensor, "batch row hidden"]) -> None:
        for (row, _), (index, instead) in zip(self._entries, self._instead(states), strict=True):
            states[_sequences(self._active, row), index] = instead

    def _instead(
        self, states: Float[Tensor, "batch row hidden"]
    ) -> list[tuple[Int[Tensor, "position"], Float[Tensor, "position hidden"]]]:
        """The rows that each patch writes, of those that are there, and what it writes. Which these are is found out
        without asking the device: that would wait for all it has to do."""
        rows = states.shape[1]
        if rows not in self._written:
            inside = [
                [at for at, position in enumerate(patch.positions) if 0 <= position - self._start < rows]
                for _, patch in self._entries
            ]
            flat = [
                patch.positions[at] - self._start
                for (_, patch), own in zip(self._entries, inside, strict=True)
                for at in own
            ]
            index = torch.tensor(flat, dtype=torch.long, device=states.device).split([len(own) for own in inside])
            self._written[rows] = [
                (place, (patch.states if len(own) == len(patch.positions) else patch.states[own]).to(states))
                for (_, patch), own, place in zip(self._entries, inside, index, strict=True)
            ]
        return self._written[rows]


class _Shifts(_OnStates):
    """The shifts of one site of one layer."""

    def _change(self, states: Float[Tensor, "batch row hidden"]) -> None:
        rows = states.shape[1]
        for row, shift in self._entries:
            named = {position - self._start for position in shift.positions}
            index = [place for place in sorted(named) if 0 <= place < rows]
            if shift.onward and named:
                index += range(max(0, max(named) + 1), rows)
            if index:
                at = torch.tensor(index, dtype=torch.long, device=states.device)
                states[_sequences(self._active, row), at] += shift.vector.to(states)


def _sequences(active: Active, row: int) -> int | slice:
    """The sequences of a batch that a set of edits is for."""
    return row if len(active.rows) > 1 else slice(None)
