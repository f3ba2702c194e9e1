"""BLIP's three networks as one decoder over one sequence: the picture's patches, then the question, then the answer.

BLIP has an encoder that reads the question and looks at the picture, and a decoder that writes the answer and looks at
the question. Both are layers over states that only grow at the end, so they are layers over one sequence, too: a layer
of the encoder changes the question's states alone, and a layer of the decoder the answer's. What looks across in BLIP
(from the question to the patches, from the answer to the question) looks back in this sequence.

Each of BLIP's layers attends twice, first to its own side and then across, and counts here as two: layers 0, 2, 4, ...
are self-attention, layers 1, 3, 5, ... cross-attention with the MLP after it; the encoder's come first. So no layer has
more than one attention, and whatever explains decoders explains this one. Norms stand after each sum (post-norm, as in
BERT), so that what layers add is no sum of parts.

Nothing here is a copy of a weight: the modules are those of `transformers`, called in their order.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..capture import observed_sdpa, recorded_sdpa
from ..editing import Placed

Side = Literal["picture", "question", "answer"]


@dataclass(frozen=True)
class Sides:
    """How many patches and tokens of the question a sequence begins with, and which of its rows a pass has: so many,
    from position `first` on."""

    picture: int
    question: int
    first: int
    rows: int

    @property
    def length(self) -> int:
        return self.first + self.rows

    def start(self, side: Side) -> int:
        """The position of the first row of a side."""
        return {"picture": 0, "question": self.picture, "answer": self.picture + self.question}[side]

    def of(self, side: Side) -> slice:
        """The rows of this pass that are of a side."""
        end = {"picture": self.picture, "question": self.picture + self.question, "answer": self.length}[side]
        return slice(max(0, self.start(side) - self.first), max(0, end - self.first))


def among_zeros(own: Float[Tensor, "batch own hidden"], rows: slice, count: int) -> Float[Tensor, "batch row hidden"]:
    """States of some rows among `count`, the others zero."""
    return torch.nn.functional.pad(own, (0, 0, rows.start, count - rows.stop))


class JoinedAttention(torch.nn.Module):
    """One attention of BLIP's text networks: rows of `reader` look at those of `source`."""

    def __init__(self, attention: Any, reader: Side, source: Side) -> None:
        super().__init__()
        self.projections = attention.self
        self.dense = attention.output.dense
        self.reader, self.source = reader, source

    def forward(
        self, states: Float[Tensor, "batch row hidden"], sides: Sides, number: int, past_key_values: Any = None
    ) -> Float[Tensor, "batch row hidden"]:
        """What is added to the reader's rows, before the norm after it; zero at all others."""
        rows, read = sides.of(self.reader), states[:, sides.of(self.source)]
        own = self.projections
        query, key, value = (self._heads(part) for part in (own.query(states[:, rows]), own.key(read), own.value(read)))
        if past_key_values is not None and self.reader == "answer":
            if read.shape[1]:
                key, value = past_key_values.update(key, value, number)
            else:
                key, value = past_key_values.layers[number].keys, past_key_values.layers[number].values
        at = Placed(
            query=sides.first + rows.start,
            key=sides.start(self.source),
            length=sides.length,
            causal=self.reader == self.source == "answer",
        )
        mixed, _ = recorded_sdpa(self, query, key, value, None, placed=at)
        return among_zeros(self.dense(mixed.flatten(2)), rows, states.shape[1])

    def _heads(self, states: Float[Tensor, "batch row hidden"]) -> Float[Tensor, "batch heads row size"]:
        return states.unflatten(-1, (-1, self.projections.attention_head_size)).transpose(1, 2)


class JoinedMLP(torch.nn.Module):
    """The MLP of one of BLIP's text layers."""

    def __init__(self, layer: Any, reader: Side) -> None:
        super().__init__()
        self.intermediate = layer.intermediate
        self.dense = layer.output.dense
        self.reader = reader

    def forward(self, states: Float[Tensor, "batch row hidden"], sides: Sides) -> Float[Tensor, "batch row hidden"]:
        """What is added to the reader's rows, before the norm after it; zero at all others."""
        rows = sides.of(self.reader)
        return among_zeros(self.dense(self.intermediate(states[:, rows])), rows, states.shape[1])


class JoinedLayer(torch.nn.Module):
    """Half of one of BLIP's text layers: its self-attention, or its cross-attention and its MLP."""

    def __init__(self, layer: Any, number: int, reader: Side, source: Side) -> None:
        super().__init__()
        attention = layer.attention if reader == source else layer.crossattention
        self.number, self.reader = number, reader
        self.attention = JoinedAttention(attention, reader, source)
        self.attention_norm = attention.output.LayerNorm
        self.mlp = None if reader == source else JoinedMLP(layer, reader)
        self.mlp_norm = None if reader == source else layer.output.LayerNorm

    def forward(
        self, states: Float[Tensor, "batch row hidden"], sides: Sides, past_key_values: Any = None
    ) -> Float[Tensor, "batch row hidden"]:
        rows = sides.of(self.reader)
        if rows.start == rows.stop:
            return states
        states = self._added(
            states, self.attention(states, sides, self.number, past_key_values), self.attention_norm, rows
        )
        if self.mlp is None:
            return states
        return self._added(states, self.mlp(states, sides), self.mlp_norm, rows)

    @staticmethod
    def _added(states: Tensor, more: Tensor, norm: Any, rows: slice) -> Tensor:
        """States with something added to the reader's rows, and the norm over the sum."""
        return torch.cat([states[:, : rows.start], norm(states[:, rows] + more[:, rows]), states[:, rows.stop :]], 1)


class JoinedDecoder(torch.nn.Module):
    """All text layers of a BlipForQuestionAnswering, and what its rows are made of."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.question_embeddings = network.text_encoder.embeddings
        self.answer_embeddings = network.text_decoder.bert.embeddings
        halves: list[JoinedLayer] = []
        for encoded in (True, False):
            text = network.text_encoder if encoded else network.text_decoder.bert
            own: Side = "question" if encoded else "answer"
            for layer in text.encoder.layer:
                halves.append(JoinedLayer(layer, len(halves), own, own))
                halves.append(JoinedLayer(layer, len(halves), own, "picture" if encoded else "question"))
        self.layers = torch.nn.ModuleList(halves)
        self.transform = network.text_decoder.cls.predictions.transform

    def forward(
        self,
        input_ids: Int[Tensor, "batch row"],
        image_states: Float[Tensor, "batch patch hidden"] | None,
        sides: Sides,
        past_key_values: Any = None,
    ) -> Float[Tensor, "batch row hidden"]:
        """What the last layer leaves."""
        parts = []
        if image_states is not None:
            parts.append(image_states.expand(len(input_ids), -1, -1))
        for side, embeddings in (("question", self.question_embeddings), ("answer", self.answer_embeddings)):
            rows = sides.of(side)  # type: ignore[arg-type]
            if rows.start < rows.stop:
                # (of the answer, those read before)
                before = max(0, sides.first - sides.start(side))  # type: ignore[arg-type]
                parts.append(embeddings(input_ids=input_ids[:, rows], past_key_values_length=before))
        states = torch.cat(parts, 1)
        for layer in self.layers:
            states = layer(states, sides=sides, past_key_values=past_key_values)
        return states


def reading(
    self: Any,
    input_ids: Int[Tensor, "batch row"],
    pixel_values: Tensor | None = None,
    mm_encoder_outputs: dict[str, Any] | None = None,
    question_length: Int[Tensor, "batch 1"] | None = None,
    past_key_values: Any = None,
    logits_to_keep: Any = 0,
    **_: Any,
) -> Any:
    """The `forward` of a network that has a `joined` decoder, as other networks have theirs. `question_length` says how
    many tokens before the answer are the question's; words alone, which no question is, are read after a blank."""
    rows = input_ids.shape[1]
    states: Tensor | None = None
    before: Sides | None = getattr(past_key_values, "sides", None)
    if before is not None:
        sides = Sides(before.picture, before.question, before.length, rows)
    else:
        if mm_encoder_outputs is not None:
            states = mm_encoder_outputs["image"].pooler_output
        elif pixel_values is not None:
            states = self.get_image_features(pixel_values).pooler_output
        else:
            states = self.joined.question_embeddings.position_embeddings.weight[None, :1] * 0
        patches = states.shape[1]
        question = rows - patches - 1 if question_length is None else int(question_length[0])
        sides = Sides(patches, question, 0, rows)
    if past_key_values is not None:
        past_key_values.sides = sides
    hidden = self.joined(input_ids, states, sides, past_key_values)
    kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
    return SimpleNamespace(logits=self.get_output_embeddings()(self.joined.transform(hidden[:, kept])))


def seeing(self: Any, hidden_states: Float[Tensor, "batch place hidden"], **_: Any) -> tuple[Tensor, None]:
    """The `forward` of one attention of BLIP's tower, by the function under which towers run here: its own is written
    out, and nothing of it can be seen."""
    parts = self.qkv(hidden_states).unflatten(-1, (3, self.num_heads, self.head_dim))
    query, key, value = parts.permute(2, 0, 3, 1, 4)
    mixed = observed_sdpa(self, query, key, value, None, scaling=self.scale, is_causal=False)[0]
    return self.projection(mixed.flatten(2)), None
