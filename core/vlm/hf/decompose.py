"""Taking a layer of a `transformers` decoder apart without knowing its family.

While a layer is recomputed, the calls of its modules are recorded. The output projection is the linear module that was
given what the attention's heads handed on. Following its output from module to module leads through whatever norm
stands after the attention to the end of a branch: states that no module is given, which are therefore added to the
residual stream. The other branches (an MLP after the attention or beside it) are found in the same way. The sum of the
branches is then compared with what the layer really added, so a layer that works otherwise is refused and never
decomposed wrongly.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ...errors import NotShown
from ..checkpoints import LayerPass
from ..decomposition import LayerDecomposition
from ..linear_norm import LinearNorm
from ..precision import at_least_float32
from .module_calls import ModuleCall
from .norms import read_norm
from .quantised import is_linear, plain_weight

ROUNDINGS = 4
"""By how many roundings of its largest summand a sum may miss what it should be."""

SHARP = 2e-5
"""By what share sums over attention may miss at most in full precision: a row computed again differs from the one that
was used by the rounding of its scores, which are large where attention is sharp."""

NEARLY_ONE = 0.02
"""A fitted multiplier this near to 1 is 1."""


def decompose(
    layer: torch.nn.Module, calls: Sequence[ModuleCall], recomputed: LayerPass, rows: list[int], number: int
) -> LayerDecomposition:
    """The parts of a layer at some rows, from the calls recorded while it was recomputed. `number` is the layer's, for
    the message.

    Raises NotShown for a layer whose attention cannot be seen, or is not added to the residual stream by heads.
    """
    if len(recomputed.attention_calls) != 1:
        raise _unreadable(number, "has no attention that can be seen")
    (attention,) = recomputed.attention_calls
    if len(attention.output) != len(recomputed.input):
        raise _unreadable(number, "attends at some of its positions only, and passes on the others as they are")
    state, added = (
        recomputed.input[rows],
        at_least_float32(recomputed.output[rows]) - at_least_float32(recomputed.input[rows]),
    )
    mixed = attention.output[rows]
    gate, projection = None, _projection(calls, mixed)
    if projection is None:
        gate, projection = _gated(calls, mixed)
    branches = None if projection is None else _branches(layer, calls, projection)
    if projection is None or branches is None:
        raise _unreadable(number, "does not hand what its heads found to one output projection")
    path, ends = branches
    multipliers, norms = _multipliers(ends, added, at_least_float32(state)), _norms(path)
    if multipliers is None or norms is None:
        raise _unreadable(number, "does not simply add its attention and its MLP to what it was given")
    scale, bias = _after(path, norms, projection)
    scale, bias = scale * multipliers[0], bias * multipliers[0]
    parts = LayerDecomposition(
        state=at_least_float32(state),
        attention=attention.rows(rows),
        value=attention.value,
        mixed=mixed if gate is None else mixed * gate,
        weight=plain_weight(projection.module, projection.given.dtype).to(mixed.device),
        norms=norms,
        scale=scale,
        bias=bias,
        mlp=added - multipliers[0] * at_least_float32(ends[0]),
        added=added,
        gate=gate,
    )
    _check_sums(parts, ends[0], multipliers[0], number)
    return parts


def _projection(calls: Sequence[ModuleCall], mixed: Float[Tensor, "row heads size"]) -> ModuleCall | None:
    """The output projection of heads whose outputs are `mixed`; None where there is none."""
    heads = mixed.flatten(1)
    linear = [call for call in calls if is_linear(call.module) and call.given.shape == heads.shape]
    same = torch.stack([(call.given == heads).all() for call in linear]).tolist() if linear else []
    return next((call for call, own in zip(linear, same, strict=True) if own), None)


def _gated(
    calls: Sequence[ModuleCall], mixed: Float[Tensor, "row heads size"]
) -> tuple[Float[Tensor, "row heads #size"] | None, ModuleCall | None]:
    """The gate of heads whose outputs are `mixed`, and the call of the projection that is given them times it. The gate
    is the sigmoid of what a linear module of the layer makes: a number for each head (LFM 3), or for each of its
    features, alone or after the head's query (Qwen3.5). None and None where there is no such."""
    rows, heads, size = mixed.shape
    for call in calls:
        width = call.made.shape[-1]
        if width == heads:
            opened = call.made[..., None]
        elif width in (heads * size, 2 * heads * size):
            opened = call.made.view(rows, heads, -1)[..., -size:]
        else:
            continue
        gate = torch.sigmoid(opened)
        gated = (mixed * gate).flatten(1)
        for other in calls:
            close = other.given.shape == gated.shape and torch.allclose(
                other.given, gated, rtol=4 * torch.finfo(gated.dtype).eps, atol=0
            )
            if close and is_linear(other.module):
                return gate, other
    return None, None


def _branches(
    layer: torch.nn.Module, calls: Sequence[ModuleCall], projection: ModuleCall
) -> tuple[list[ModuleCall], list[Float[Tensor, "row hidden"]]] | None:
    """The calls that change the attention's output after it, and the ends of all branches, the attention's first.

    None where the attention is no module of the layer.
    """
    children = list(layer.children())
    own = [call for call in calls if call.module in children]
    start = next((i for i, call in enumerate(own) if projection.module in call.module.modules()), None)
    if start is None:
        return None
    given, same = _handed_on(own)
    path, end = [], start
    while (following := next((i for i in range(end + 1, len(own)) if given[i][end]), None)) is not None:
        if not same[following][end]:
            path.append(own[following])
        end = following
    others = [
        call.made
        for i, call in enumerate(own)
        if call.made.shape == own[end].made.shape and not same[i][end] and not any(row[i] for row in given[i + 1 :])
    ]
    return path, [own[end].made, *others]


def _handed_on(own: Sequence[ModuleCall]) -> tuple[list[list[bool]], list[list[bool]]]:
    """Whether each call was given what each other made, and whether it made the same: one question to the device for
    all of them."""
    made = [call.made for call in own]
    pairs = [(one, other) for states in ([call.given for call in own], made) for one in states for other in made]
    differs = made[0].new_zeros((), dtype=torch.bool)
    equal = torch.stack([(a == b).all() if a.shape == b.shape else differs for a, b in pairs]).tolist()
    rows = [equal[first : first + len(own)] for first in range(0, len(equal), len(own))]
    return rows[: len(own)], rows[len(own) :]


def _multipliers(
    ends: Sequence[Float[Tensor, "row hidden"]], added: Float[Tensor, "row hidden"], state: Float[Tensor, "row hidden"]
) -> list[float] | None:
    """The numbers by which a layer multiplies its branches before it adds them, 1 in most families; None where what
    it adds is no such sum.

    They are fitted to all rows at once: in half precision what is added to a large state is mostly lost in its
    rounding, and no single number would tell.
    """
    if any(end.shape != added.shape for end in ends):
        return None
    # All that is asked comes from the device together.
    every = torch.stack([at_least_float32(one).flatten() for one in (*ends, added, state)]).cpu().double()
    summands, added, state = every[:-2], every[-2], every[-1]
    fitted = torch.linalg.lstsq(summands.T, added[:, None]).solution[:, 0]
    multipliers = torch.where((fitted - 1).abs() < NEARLY_ONE, torch.ones_like(fitted), fitted)
    missed = multipliers @ summands - added
    tolerance = ROUNDINGS * _rounding(ends[0]) * float(state.norm() + summands.norm() + added.norm())
    return multipliers.tolist() if float(missed.norm()) <= tolerance else None


def _norms(path: Sequence[ModuleCall]) -> tuple[LinearNorm, ...] | None:
    """The modules after an attention as linear maps; None where one of them is no norm."""
    maps = [read_norm(step.module, step.given.shape[-1], step.given.device) for step in path]
    norms = tuple(norm for norm in maps if norm is not None)
    return norms if len(norms) == len(path) else None


def _after(
    path: Sequence[ModuleCall], norms: Sequence[LinearNorm], projection: ModuleCall
) -> tuple[Float[Tensor, "row"], Float[Tensor, "row hidden"]]:
    """Scale and bias of what stands after the heads: the projection's bias, and the norms on the way."""
    made = at_least_float32(projection.made)
    scale = made.new_ones(len(made))
    bias = torch.zeros_like(made)
    own = getattr(projection.module, "bias", None)
    if isinstance(own, Tensor):
        bias = bias + at_least_float32(own.detach().to(bias.device))
    for step, norm in zip(path, norms, strict=True):
        own_scale = norm.scale(step.given)
        bias = norm.linear(bias) * own_scale[:, None] + norm.shift
        scale = scale * own_scale
    return scale, bias


def _check_sums(parts: LayerDecomposition, end: Float[Tensor, "row hidden"], multiplier: float, number: int) -> None:
    """Raises NotShown unless sources sum to heads, and heads and bias to what the attention added."""
    group = parts.attention.shape[0] // parts.value.shape[0]
    rows = parts.attention.transpose(0, 1)
    heads = torch.einsum("rgnk,gks->rgns", rows.unflatten(1, (-1, group)), at_least_float32(parts.value)).flatten(1, 2)
    if parts.gate is not None:
        heads = heads * at_least_float32(parts.gate)
    tolerance = max(4 * ROUNDINGS * _rounding(parts.mixed), SHARP)
    for sums, expected in (
        (heads, at_least_float32(parts.mixed)),
        (parts.by_head().sum(1) + parts.bias, multiplier * at_least_float32(end)),
    ):
        missed, allowed = torch.stack([(sums - expected).norm(), expected.norm() + parts.state.norm()]).tolist()
        if missed > tolerance * allowed:
            raise _unreadable(number, "adds more through its attention than its heads and values account for")


def _rounding(states: Tensor) -> float:
    """The relative rounding of a sum of such states. Norms compute in single precision even in a double network."""
    return max(torch.finfo(states.dtype).eps, torch.finfo(torch.float32).eps)


def _unreadable(number: int, why: str) -> NotShown:
    return NotShown(f"Layer {number} of this model {why}, so what its heads write cannot be told apart.")
