"""Answers: all that was said and measured, without what only their model can read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NoReturn

import torch
from torch import Tensor

from ...answer import Answer, AttentionRows, HeldRows, Question, TokenLayout
from ...errors import NeedsItsModel
from ...vlm.kept_budget import budget
from ..limits import MOST_ROW_BYTES
from .containers import listed
from .form import Broken, Form, Given, Out, Plain
from .records import Record


class Unprepared(Mapping[str, Tensor]):
    """What stands in the place of the model inputs of an answer that was opened: the prompt's token ids, by which
    `models.revived` tells whether the model still reads the same. Whoever asks for inputs is told what is missing."""

    def __init__(self, ids: tuple[int, ...], model: str, fingerprint: str) -> None:
        self.ids, self._model, self._fingerprint = ids, model, fingerprint

    @property
    def sentence(self) -> str:
        """That the model is needed."""
        return (
            f"This needs {self._model} (fingerprint {self._fingerprint[:12]}), and the answer was opened without it. "
            "Load that model, or ask the question again."
        )

    def _refuse(self) -> NoReturn:
        raise NeedsItsModel(self.sentence)

    def __getitem__(self, name: str) -> Tensor:
        self._refuse()

    def __iter__(self) -> Iterator[str]:
        self._refuse()

    def __len__(self) -> int:
        self._refuse()


_APART = ("inputs", "attention")
"""The fields of an answer that are kept otherwise than they are."""


class AnswerForm(Form):
    """An answer. One that is a turn of the run is named; of any other the model inputs are left out but for the token
    ids, and of its attention rows those that are held are kept in half precision, which carries a thousandth of each
    weight: of the last tokens, where all would take too much."""

    name = "Answer"

    def __init__(self, form_of: Callable[[Any], Form]) -> None:
        self._record = Record(Answer, form_of, _APART)
        self._rows = form_of(HeldRows)

    def fits(self, value: object) -> bool:
        return isinstance(value, Answer)

    def parts(self) -> Iterable[Form]:
        return (self._record, self._rows)

    def encode(self, value: Any, out: Out) -> Plain:
        self.check(value)
        if (turn := out.known(value)) is not None:
            return {"turn": turn}
        plain = {name: form.encode(getattr(value, name), out) for name, form in self._record.forms.items()}
        rows = half(value.attention) if out.rows else None
        held = None if rows is None else self._rows.encode(rows, out)
        attention = None if value.attention is None else {"held": held}
        return {**plain, "inputs": list(ids_of(value)), "attention": attention}

    def decode(self, plain: Plain, given: Given) -> Any:
        if isinstance(plain, dict) and set(plain) == {"turn"} and isinstance(plain["turn"], str):
            if given.answer is None:
                raise Broken("it names a turn, and there are none here")
            return given.answer(plain["turn"])
        named = self._record.named(plain)
        values = {name: form.decode(named[name], given) for name, form in self._record.forms.items()}
        ids = listed(named["inputs"])
        if not all(type(id_) is int for id_ in ids) or len(ids) > len(values["prompt_tokens"]):
            raise Broken("an answer's token ids are none")
        length = len(values["prompt_tokens"]) + len(values["tokens"])
        if len(values["layout"]) != length:
            raise Broken(f"a layout of {len(values['layout'])} positions is not that of {length} tokens")
        if not _placed(values["layout"], values["question"]):
            raise Broken("a layout is not that of its pictures")
        inputs = Unprepared(tuple(ids), given.model(values["model"]), values["model"])
        made: Answer = self._record.made({**values, "inputs": inputs, "attention": None})
        return replace(made, attention=self._attention(named.get("attention"), made, given))

    def _attention(self, plain: Plain, answer: Answer, given: Given) -> AttentionRows | None:
        """The rows; such as hold none, where the answer was asked for with its attention and none was kept."""
        if plain is None:
            return None
        if not isinstance(plain, dict) or set(plain) != {"held"}:
            raise Broken("attention rows were expected")
        rows = AttentionRows(torch.zeros(0, 0, 0, 0))
        rows.drop()
        if plain["held"] is not None:
            held = self._rows.decode(plain["held"], given)
            if not rows_fit(held, answer):
                raise Broken("attention rows do not fit their answer")
            rows.hold(held)
            budget.keep(rows)
        return rows


def _placed(layout: TokenLayout, question: Question) -> bool:
    """Whether image tokens stand in the sequence and in pictures that are there, and masks are of these."""
    sizes = tuple(image.size for image in question.images)
    views = all(
        view.image >= 0 and view.frames >= 1 and view.images.stop <= len(sizes) and _within(view.positions, len(layout))
        for view in layout.views
    )
    masks = all(
        0 <= mask.image < len(sizes) and mask.hidden.shape == sizes[mask.image][::-1] for mask in question.masks
    )
    return views and masks and layout.image_sizes == sizes


def _within(positions: tuple[int, ...], length: int) -> bool:
    return not positions or (min(positions) >= 0 and max(positions) < length)


def rows_fit(held: HeldRows, answer: Answer) -> bool:
    """Whether attention rows can be those of an answer."""
    layers, _, tokens, keys = held.weights.shape
    named = len(set(held.tokens)) == len(held.tokens) == tokens and len(set(held.layers)) == len(held.layers) == layers
    there = all(0 <= token < len(answer.tokens) for token in held.tokens)
    return named and there and all(0 <= layer < held.number for layer in held.layers) and keys <= len(answer.layout)


def half(attention: AttentionRows | None) -> HeldRows | None:
    """The rows that are held in half precision, on the CPU: those of the last tokens, where all are more than is kept
    of one answer. None where there are none."""
    held = None if attention is None else attention.held
    if held is None or not held.weights.numel():
        return None
    each = 2 * held.weights[:, :, :1].numel()
    last = slice(max(0, len(held.tokens) - MOST_ROW_BYTES // each), None)
    if not held.tokens[last]:
        return None
    return replace(held, weights=held.weights[:, :, last].detach().to("cpu", torch.float16), tokens=held.tokens[last])


def ids_of(answer: Answer) -> tuple[int, ...]:
    """The prompt's token ids."""
    if isinstance(answer.inputs, Unprepared):
        return answer.inputs.ids
    ids: list[int] = answer.inputs["input_ids"][0].tolist()
    return tuple(ids)
