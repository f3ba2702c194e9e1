"""A decoder's checkpointed pass run on under edits: from the first layer that they touch, and in a family where no
position sees what stands after it, for the rows from the first position on that they touch. Everything before is taken
from the checkpointed pass.

A layer is called again as the pass called it. To call it for its last rows alone, its other inputs are cut along the
axis that counts rows, and the keys and values of the rows before come from computing the layer once more, up to its
attention. Whether this network can be called so is tried on two rows; one that cannot is run with all its rows. A
network that does more between its layers than hand states on, or whose layers read keys of others, cannot be begun in
the middle at all: its whole pass is made anew, once for each set of edits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ...errors import NotApplicable, NotShown
from ..attention_call import AttentionCall
from ..checkpoints import DecoderPass
from ..decomposition import LayerDecomposition
from ..edits import Edits, HeadAblation, Site, first_layer, first_position
from ..memory import out_of_memory
from ..turns import Turns
from .capture import NAME, observing, up_to_attention
from .decompose import decompose
from .editing import Part, editing, patched, together
from .layer_memory import LayerKeysValues
from .module_calls import recording_calls
from .prefix import KeptPrefix
from .recompute import LayerInputs, NetworkPass, Prefix, first_of, frozen, unrolled
from .sharing import SharedStates


class _Enough(Exception):
    """Ends a layer once all that is wanted of it has been seen."""


class NetworkDecoderPass(NetworkPass, DecoderPass):
    """A checkpointed pass of a decoder, which gave its layers these inputs under the edits `made_under`. `part` finds
    the modules inside its layers, `again` makes the same pass once more, `divisible` says that every layer sees what
    stands before its rows by keys and values alone."""

    def __init__(
        self,
        modules: Sequence[torch.nn.Module],
        inputs: LayerInputs,
        again: Callable[[], LayerInputs],
        lock: Turns,
        part: Part,
        divisible: bool,
        prefix: KeptPrefix | None = None,
    ) -> None:
        super().__init__(modules, inputs, lock, prefix)
        self._part = part
        self._again = again
        self._may_divide = divisible
        (self.made_under,) = together([()])
        self._keys_values: dict[int, LayerKeysValues | None] = {}
        self._batched = True
        self._divisible: bool | None = None
        self._spared = 0

    @property
    def chained(self) -> bool:
        return self._layer_inputs.chained

    @property
    def divides(self) -> bool:
        return bool(self._divisible)

    def attention(self, layer: int) -> AttentionCall | None:
        stored = self._stored(layer)
        if self._layer_inputs.attentions[layer] != 1:
            # None that can be seen, or several whose difference or sum it is.
            return None
        observed: list[AttentionCall] = []
        args, kwargs = self._layer_inputs.others[layer]
        with self._lock, torch.no_grad(), up_to_attention(observed.append, self.final.device):
            given = stored.view(self._layer_inputs.shapes[layer])
            self._modules[layer](given, *args, **SharedStates(kwargs, False).inputs)
        (call,) = observed
        return call

    def states(self, layer: int, site: Site) -> Float[Tensor, "row hidden"]:
        stored = self._stored(layer)
        if site is Site.INPUT:
            return stored
        outputs: list[Tensor] = []
        module = self._modules[layer] if site is Site.OUTPUT else self._part(self._modules[layer], site)
        with self._lock, torch.no_grad():
            hook = module.register_forward_hook(
                lambda _, args, output: outputs.append(self._home(unrolled(first_of(output))))
            )
            try:
                self._call(layer, stored[None])
            finally:
                hook.remove()
        return outputs[0]

    def heads_given(
        self, layer: int, states: Float[Tensor, "batch row hidden"], *, grad: bool = False
    ) -> Float[Tensor, "batch row heads size"]:
        if self._layer_inputs.attentions[layer] != 1:
            raise NotShown(f"Layer {layer} of this model has no attention that can be seen.")
        module, seen = self._modules[layer], list[Tensor]()

        def see(call: AttentionCall) -> None:
            seen.append(call.output)
            if len(seen) == len(states):
                # (what follows in the layer is not asked for)
                raise _Enough

        given = self._given_alone(layer)
        observation = observing(NAME, see, self.final.device)
        with self._lock, torch.set_grad_enabled(grad), frozen(module), observation, contextlib.suppress(_Enough):
            module(states, *self._layer_inputs.others[layer][0], **given)
        return torch.stack(seen)

    def left_without_heads(
        self, layer: int, states: Float[Tensor, "row hidden"], *, grad: bool = False
    ) -> Float[Tensor, "row hidden"]:
        module = self._modules[layer]
        heads = int(self._heads(layer))
        silent = HeadAblation(tuple((layer, head) for head in range(heads)))
        with self._lock, torch.set_grad_enabled(grad), frozen(module), editing([(silent,)]):
            left = first_of(module(states[None], *self._layer_inputs.others[layer][0], **self._given_alone(layer)))
        return self._home(left)[0]

    def _heads(self, layer: int) -> int:
        """How many heads a layer has. Raises NotShown where its attention cannot be seen."""
        call = self.attention(layer)
        if call is None:
            raise NotShown(f"Layer {layer} of this model has no attention that can be seen.")
        return len(call.query)

    def _given_alone(self, layer: int) -> dict[str, Any]:
        """What a layer is given beside its states. Raises NotShown where keys and values of others are among it: these
        belong to the pass, and not to other states."""
        shared = SharedStates(self._layer_inputs.others[layer][1], False)
        if self._layer_inputs.sharing:
            raise NotShown("Layers of this model read the keys and values of others, so none can be run by itself.")
        return dict(shared.inputs)

    @contextlib.contextmanager
    def _listening(self, module: torch.nn.Module, of_mlp: list[Tensor]) -> Iterator[None]:
        try:
            part = self._part(module, Site.MLP)
        except NotApplicable:
            yield
            return
        hook = part.register_forward_hook(lambda _, args, output: of_mlp.append(first_of(output)))
        try:
            yield
        finally:
            hook.remove()

    def parts(self, layer: int, rows: Sequence[int]) -> LayerDecomposition:
        module = self._modules[layer]
        with (
            self._lock,
            recording_calls(module, list(rows), self.final.device) as calls,
            self.recompute(layer, grad=False) as recomputed,
        ):
            return decompose(module, calls, recomputed, list(rows), layer)

    def run(self, edits: Sequence[Edits], first: int = 0) -> Float[Tensor, "edits row hidden"]:
        sets, length = together(edits), self.start + len(self.final)
        position = min(first_position(row, length) for row in sets)
        if position < self.start:
            raise ValueError(
                f"edits touch positions before the checkpointed pass's first row, which stands at {self.start}"
            )
        layer = min(first_layer(row, self.layers) for row in sets)
        if layer == self.layers or position == length:
            return self.final[first:].expand(len(edits), -1, -1)
        if not self.chained or self._layer_inputs.sharing:
            return torch.stack([self._from_the_start(row)[first:] for row in edits])
        if self._batched or len(edits) == 1:
            try:
                return self._from_layer(layer, position, edits, first)
            except (RuntimeError, IndexError) as error:
                if len(edits) == 1 or out_of_memory(error):
                    raise
                # What a layer is given beside its states, types of tokens for instance, is that of one sequence.
                self._batched = False
        return torch.cat([self.run([row], first) for row in edits])

    def _from_layer(
        self, layer: int, position: int, edits: Sequence[Edits], wanted: int
    ) -> Float[Tensor, "edits row hidden"]:
        """What the last layer leaves of the rows from `wanted` on where the layers from this one on are called again,
        for all edits at once."""
        with self._lock, torch.no_grad():
            first = position - self.start if self._worth_dividing(layer, (position - self.start) * len(edits)) else 0
            layers = range(layer, self.layers)
            # Outside the block of the edits: these are keys and values of the pass that is run on.
            kept = [self._kept(index) if first else None for index in layers]
            states = self._stored(layer)[first:].expand(len(edits), -1, -1)
            with editing(edits), patched(self._modules, self._part, self.start + first):
                for index, before in zip(layers, kept, strict=True):
                    args, kwargs = self._inputs_beside(index, first, before)
                    states = first_of(self._modules[index](states, *args, **kwargs))
        states = self._home(states)
        if wanted >= first:
            return states[:, wanted - first :]
        return torch.cat([self.final[wanted:first].expand(len(edits), -1, -1), states], 1)

    def _from_the_start(self, edits: Edits) -> Float[Tensor, "row hidden"]:
        """What the last layer leaves of the whole pass, made anew."""
        with editing([self.made_under + edits]):
            final = self._again().final
        assert final is not None
        return final

    def _worth_dividing(self, layer: int, spared: int) -> bool:
        """Whether to leave out the rows that no edit touches: where that can be done, and only once it has been worth
        the pass that gives their keys and values."""
        self._spared += spared
        if self._spared < len(self.final):
            return False
        if self._divisible is None:
            self._divisible = self._may_divide and len(self.final) > 2 and self._divides(layer)
        return self._divisible

    def _divides(self, layer: int) -> bool:
        """Whether a layer called for its last two rows alone gives what it gave for them among all."""
        kept = self._kept(layer)
        if kept is None:
            return False
        args, kwargs = self._inputs_beside(layer, len(self.final) - 2, kept)
        try:
            states = self._stored(layer)[None, -2:]
            output = self._home(first_of(self._modules[layer](states, *args, **kwargs)))[0]
        except RuntimeError:
            # Something that counts rows was not recognised and cut, so its shape does not fit.
            return False
        expected = (self._stored(layer + 1) if layer + 1 < self.layers else self.final)[-2:]
        tolerance = torch.finfo(output.dtype).eps ** 0.5
        return bool((output - expected).norm() <= tolerance * expected.norm())

    def _inputs_beside(
        self, layer: int, first: int, kept: LayerKeysValues | None
    ) -> tuple[Sequence[Any], dict[str, Any]]:
        """What the pass gave a layer beside its states, for the rows from `first` on, which follow the `kept` keys and
        values; all of it where none are kept."""
        args, kwargs = self._layer_inputs.others[layer]
        if kept is None:
            return args, kwargs
        rows = len(self.final)
        keys, before = self.start + rows, self.start + first
        args, kwargs = _after(args, first, rows), {name: _after(value, first, rows) for name, value in kwargs.items()}
        if "attention_mask" in kwargs and kwargs["attention_mask"] is None:
            allowed = torch.ones(rows - first, keys, dtype=torch.bool, device=self.final.device)
            kwargs["attention_mask"] = allowed.tril(before)[None, None]
        kwargs["past_key_values"] = Prefix({layer: (kept[0][:, :, :before], kept[1][:, :, :before])})
        return args, kwargs

    def _kept(self, layer: int) -> LayerKeysValues | None:
        """The keys and values of the pass in a layer; None where they cannot be seen."""
        if layer not in self._keys_values:
            call = self.attention(layer)
            self._keys_values[layer] = None if call is None else (call.key[None], call.value[None])
        return self._keys_values[layer]


def _after(value: Any, first: int, rows: int) -> Any:
    """The part of a layer's input for the rows from `first` on: tensors count rows along their last axis but one, as
    states and masks do, or along their last, as positions do."""
    if isinstance(value, tuple):
        return tuple(_after(part, first, rows) for part in value)
    if isinstance(value, Tensor) and value.ndim > 1 and value.shape[-2] == rows:
        return value[..., first:, :]
    if isinstance(value, Tensor) and value.ndim and value.shape[-1] == rows:
        return value[..., first:]
    return value
