"""A `transformers` network as a VisionLanguageModel.

Here questions become inputs and states become logits. Everything that runs the decoder or the vision tower does so
through `passes.py`, which has the lock: reading a prompt and the tokens after it over what is kept (`prefill.py`),
batches of continuations (`continuations.py`), checkpointed passes (`record.py`).
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any
from weakref import WeakValueDictionary

import torch
from jaxtyping import Float
from torch import Tensor

from ...answer import Answer, Question, TokenKind, TokenLayout
from ...clips import ChosenFrames, VideoFacts
from ...errors import EmptyQuestion, NeedsItsModel, NotApplicable, NotShown, UnknownName
from .. import pace
from ..attention_call import AttentionCall
from ..batch_size import beside_others, continuations_at_once, edits_at_once, images_at_once
from ..cancel import CancelToken, check_heard, stoppable
from ..checkpoints import DecoderPass
from ..edits import (
    Edit,
    Edits,
    HeadAblation,
    Knockout,
    MovedAttention,
    RaisedScores,
    Site,
    StatePatch,
    StateShift,
    check_edits,
    first_position,
)
from ..grids.fit import NoGrid
from ..grids.kept import KeptGrids
from ..keeping import KeepRows, as_rows
from ..model import ModelCard, Pictures, VisionLanguageModel
from ..pace import Pace
from ..precision import without_half_products
from ..prepared import DecodingState, PreparedPrompt
from ..targets import check_own
from ..tower import TowerPass
from ..unembedding import Unembedding
from . import prompt as prompts
from .continuations import continuation_logits
from .edited_run import NetworkDecoderPass
from .editing import editing, together
from .families.base import Family
from .frames.choosing import chosen
from .grid_probe import measure
from .image_places import blamed, check_known
from .inputs import (
    PositionedPrompt,
    check_images,
    check_length,
    check_seen,
    check_words,
    continuation_ids,
    end_ids,
    numbers_in,
    positioned,
    processed,
    seen,
    spoken,
    visual_ids,
    with_ids,
)
from .kept_inputs import KeptInputs, SharedInputs
from .kept_pass import KeptPass
from .layout import image_positions, lay_out
from .looking import Look, look
from .markers import control_ids, placeholder_ids
from .opaque import OpaquePass
from .over_pictures import OverPictures
from .passes import Passes
from .prefill import Prefill
from .record import record_decoder, record_tower
from .rotary import turns_at
from .rows import attention_call, attention_rows
from .shuffling import shuffling
from .tokenizer import TokenizerReader
from .tower_costs import tower_pass_bytes
from .unembedding import Readout, measure_readout

READOUT_TOKENS = 4
"""How many tokens are read to see what makes logits of states: of one, all states may be zero."""

WITHOUT_GRID = "Hiding pixels needs no grid, and the scores of words and of the image tokens as a whole remain valid."
READ_OTHERWISE = "Its states cannot be read in the vocabulary."


_loaded: WeakValueDictionary[str, TransformersModel] = WeakValueDictionary()


def _inputs_again(card: ModelCard, question: Question, visual: str) -> dict[str, Tensor]:
    """Inputs that were dropped, by a model of this card. Raises NeedsItsModel where none is loaded any longer."""
    model = _loaded.get(card.fingerprint)
    if model is None:
        raise NeedsItsModel(
            f"This needs {card.name} (fingerprint {card.fingerprint[:12]}), which is no longer loaded. Load that "
            "model, or ask the question again."
        )
    return model.inputs_again(question, visual)


class TransformersModel(VisionLanguageModel):
    """Any decoder-only image-text-to-text network, with the declarations of its family."""

    def __init__(self, network: Any, processor: Any, family: Family, card: ModelCard) -> None:
        self.pace = Pace(card.layers, card.hidden)
        self._passes = Passes(network, processor, family, card.name, self.pace)
        self._prefill = Prefill(self._passes)
        self._kept_pass = KeptPass()
        self.card = card
        self.lock = self._passes.lock
        self.network = self._passes.network
        self.processor = processor
        self.family = family
        self.reader = TokenizerReader(processor.tokenizer)
        text = network.config.get_text_config()
        self.context_length = int(getattr(text, "max_position_embeddings", None) or 4096)
        self.turns_at = turns_at(network.config)
        self.end_ids = end_ids(network, processor.tokenizer)
        self.image_marker_ids = placeholder_ids(network.config)
        self._measured_readout: Readout | None = None
        self._readout_is_measured = False
        self._looked: Look | None = None
        self._control = control_ids(processor, network.config)
        self._grids = KeptGrids(card.fingerprint)
        self._shared = SharedInputs()
        _loaded.setdefault(card.fingerprint, self)

    @property
    def device(self) -> torch.device:
        device: torch.device = self.network.device
        return device

    def forget(self) -> None:
        self._prefill.forget()
        with self.lock:
            self._kept_pass.forget()

    # Inputs and layout

    def prepare(self, question: Question) -> PositionedPrompt:
        if not question.text.strip():
            raise EmptyQuestion("The question is empty. Type a question about the picture.")
        check_words(self.processor.tokenizer, question, self.card.name, self.context_length)
        check_images(question, self.processor, self.family, self.card.name)
        prompt, places, inputs = self._read(question)
        sizes = [image.size for image in question.images]
        context = self._passes.context(inputs, sizes, places, question.clips)
        layout = self._grids.placed(lay_out(prompt, self.family, context))
        last_image = max((p for view in layout.views for p in view.positions), default=-1)
        visual = seen(question, prompt.ids, self.family)
        self._prefill.name_pixels(inputs, visual)
        again = partial(_inputs_again, self.card, question, visual)
        return PositionedPrompt(
            question=question,
            inputs=KeptInputs(self._shared.of(inputs, visual), again),
            layout=layout,
            prompt_tokens=prompt.tokens,
            ids=prompt.ids,
            positions=self._passes.positions(context),
            shared=min(max(prompt.question_start, last_image + 1), len(prompt.ids) - 1),
            visual=visual,
        )

    def inputs_again(self, question: Question, visual: str) -> dict[str, Tensor]:
        """The inputs of a question that was prepared before, whose pictures have this fingerprint."""
        _, _, inputs = self._read(question)
        self._prefill.name_pixels(inputs, visual)
        return inputs

    def _read(self, question: Question) -> tuple[prompts.Prompt, tuple[int, ...], dict[str, Tensor]]:
        """The tokens of a question's prompt, the positions of its image tokens, and all its inputs."""
        words = prompts.typed_words(question)
        rendered = prompts.render(self.processor, question, self.card.name)
        began = pace.stopwatch("cpu")
        with blamed(self.processor, self.network.config, question, rendered, self.card.name):
            expanded, inputs = processed(self.processor, rendered, question, self.card.name)
            self.pace.note("pictures", numbers_in(inputs), began.took())
            prompt = prompts.encode(self.processor.tokenizer, expanded, words, self._control)
            check_length(len(prompt.ids), question, self.card.name, self.context_length)
            places = () if self.family.across else image_positions(prompt, visual_ids(self.network.config, question))
            if not self.family.across:
                check_seen(places, question, self.card.name)
        check_known(prompt.ids, self.network, self.card.name)
        text = spoken(prompt, places, self.processor.tokenizer)
        more = self.family.word_inputs(self.processor, inputs, prompt.ids, text)
        return prompt, places, with_ids({**inputs, **more}, prompt.ids, self.network)

    def choose_frames(self, video: VideoFacts, count: int | None = None, rate: float | None = None) -> ChosenFrames:
        return chosen(self.processor, self.family, self.card.name, video, count, rate)

    @stoppable
    def measure_grid(
        self,
        answer: Answer,
        *,
        cancel: CancelToken | None = None,
        progress: Callable[[float], None] = lambda done: None,
    ) -> Answer:
        check_own(self, answer)
        layout = answer.layout
        if layout.views or not answer.question.images:
            return answer
        if not layout.measurable:
            raise NotApplicable(f"{layout.unplaced}. {WITHOUT_GRID}")
        sizes = list(dict.fromkeys(layout.image_sizes))
        for number, size in enumerate(sizes):

            def share(done: float, number: int = number) -> None:
                progress((number + done) / len(sizes))

            outcome = self._grids.get(size)
            if outcome is None:
                outcome = measure(self._passes, self.prepare, size, cancel or CancelToken(), share)
                self._grids.keep(size, outcome)
            if isinstance(outcome, NoGrid):
                raise NotApplicable(
                    f"The grid of {self.card.name}'s image tokens could not be measured: {outcome.why}. {WITHOUT_GRID}"
                )
        measured = self._grids.placed(layout)
        if not measured.views:
            raise NotApplicable(
                f"The grids that were measured of each picture alone are not those of the {len(layout.image_sizes)} "
                f"pictures together: {len(layout.positions(TokenKind.IMAGE))} image tokens stand in the question. Ask "
                "about one picture at a time."
            )
        return replace(answer, layout=measured)

    def with_patches_across(self, answer: Answer) -> TokenLayout:
        layout = answer.layout
        if not self.family.across or not answer.question.images:
            return layout
        keys, views = self.family.keys_across(self._passes.context_of(answer))
        start = len(layout)
        moved = tuple(replace(view, positions=tuple(start + key for key in view.positions)) for view in views)
        placed = {key for view in views for key in view.positions}
        kinds = (TokenKind.IMAGE if key in placed else TokenKind.SPECIAL for key in range(keys))
        return replace(layout, kinds=(*layout.kinds, *kinds), views=moved)

    def continuation(self, question: Question, text: str) -> tuple[int, ...]:
        return continuation_ids(self.processor, self._control, question, text, self.card.name)

    # Generation

    def begin(
        self, prepared: PreparedPrompt, *, keep_attention: bool | KeepRows = False
    ) -> tuple[Float[Tensor, "vocabulary"], DecodingState]:
        with self.lock:
            self._kept_pass.forget()
        return self._prefill.begin(positioned(prepared), as_rows(keep_attention))

    def step(self, token: int, state: DecodingState) -> Float[Tensor, "vocabulary"]:
        return self._prefill.step(token, state)

    def continuation_logits(
        self, prepared: Sequence[PreparedPrompt], answers: Sequence[Sequence[int]]
    ) -> list[Float[Tensor, "answer vocabulary"]]:
        return continuation_logits(self._passes, self._prefill, [positioned(one) for one in prepared], answers)

    def rows_at_once(self, prepared: PreparedPrompt, longest: int) -> int:
        text = self.network.config.get_text_config()
        head_size = getattr(text, "head_dim", None) or self.card.hidden // self.card.heads
        return continuations_at_once(self.card, head_size, prepared, longest)

    # Replay

    def replay_logits(self, answer: Answer) -> Float[Tensor, "answer vocabulary"]:
        return self._passes.teacher_forced(self._prefill.with_features(answer.inputs), answer.token_ids)[0]

    def tower_pass_bytes(self, answer: Answer, checkpoints: bool = False) -> int:
        in_float32 = without_half_products(self.network.device, self.network.dtype)
        return tower_pass_bytes(
            self.network.config, answer, self.card.hidden, self.card.number_bytes, checkpoints, in_float32
        )

    def logits_of_images(
        self, answer: Answer, pictures: Iterable[Pictures]
    ) -> Iterator[Float[Tensor, "set answer vocabulary"]]:
        other = OverPictures(self._passes, self.processor, self.prepare, answer)
        most = images_at_once(self, answer)
        return other.logits(pictures, lambda: beside_others(most, self.lock))

    def shuffled(self, seed: int) -> Iterator[tuple[float, str, VisionLanguageModel]]:
        with self.lock:
            network = copy.deepcopy(self.network)
        shuffled = TransformersModel(network, self.processor, self.family, self.card)
        for share, block in shuffling(network, seed):
            # What is kept was computed with the weights of the step before.
            shuffled.forget()
            yield share, block, shuffled

    # Attention

    def attention_rows(
        self,
        answer: Answer,
        queries: Sequence[int],
        layers: Sequence[int] | None = None,
        into: Float[Tensor, "layer heads query position"] | None = None,
    ) -> Float[Tensor, "layer heads query position"]:
        return attention_rows(self._passes, self._prefill, self.checkpointed, answer, queries, layers, into)

    def attention_call(self, answer: Answer, layer: int) -> AttentionCall:
        return attention_call(self._passes, self._prefill, self.checkpointed, answer, layer)

    # Residual stream

    def checkpointed(self, answer: Answer, start: int = 0) -> DecoderPass:
        return record_decoder(self._passes, self._prefill, self._kept_pass, answer, start)

    def checkpointed_tower(self, answer: Answer) -> TowerPass | None:
        return record_tower(self._passes, answer)

    # Unembedding

    def unembed(self, states: Float[Tensor, "*row hidden"]) -> Float[Tensor, "*row vocabulary"]:
        check_heard()
        with self.lock:
            return self._readout()(states)

    def unembedding(self) -> Unembedding:
        unembedding = self._readout().taken_apart(self.device)
        if unembedding is None:
            raise NotShown(f"The final norm of {self.card.name} is none that is known. {READ_OTHERWISE}")
        return unembedding

    # What it shows of itself

    def attention_seen(self) -> frozenset[int]:
        return self._look().attention

    def reads_states(self, answer: Answer) -> bool:
        looked = self._look()
        gone_through = not looked.streams and (looked.all_run or bool(answer.question.images))
        return gone_through and self._reads_states()

    def _look(self) -> Look:
        if self._looked is None:
            self._looked = look(self._passes, self._some_words())
        return self._looked

    def _reads_states(self) -> bool:
        """Whether it can be told how the network makes logits of its last states."""
        with self.lock:
            if not self._readout_is_measured:
                self._measured_readout = measure_readout(self.network, self._passes.layers, self._some_words())
                self._readout_is_measured = True
        return self._measured_readout is not None

    def _some_words(self) -> list[int]:
        """A few tokens that stand for no picture."""
        words = (token for token in range(self.card.vocabulary) if token not in self.image_marker_ids)
        return list(islice(words, READOUT_TOKENS))

    def _readout(self) -> Readout:
        """How the network makes logits of its last states. Raises NotShown where that cannot be told."""
        if not self._reads_states() or self._measured_readout is None:
            raise NotShown(f"How {self.card.name} makes logits of its states is not known. {READ_OTHERWISE}")
        return self._measured_readout

    def unembedding_rows(self, ids: Sequence[int]) -> Float[Tensor, "id hidden"]:
        weight: Tensor = self.network.get_output_embeddings().weight.detach()
        return weight[torch.tensor(ids, dtype=torch.long, device=weight.device)].to(self.device)

    # Interventions

    def edited(self, edits: Edits) -> contextlib.AbstractContextManager[None]:
        self._check_edits([edits])
        return editing([edits])

    def logits_with(
        self, answer: Answer, edits: Sequence[Edits], checkpoints: DecoderPass | None = None
    ) -> list[Float[Tensor, "answer vocabulary"]]:
        length, prompt = len(answer.layout), len(answer.prompt_tokens)
        across = any(isinstance(edit, Knockout) and edit.across for row in edits for edit in row)
        self._check_edits(edits, length, len(self.with_patches_across(answer)) - length if across else None)
        if not edits or not answer.tokens:
            return [torch.zeros(0, self.card.vocabulary, device=self.device) for _ in edits]
        start = min(first_position(row, prompt - 1) for row in together(edits))
        if not self.reads_states(answer):
            under = checkpoints.made_under if isinstance(checkpoints, NetworkDecoderPass | OpaquePass) else ()
            return [self._logits_under(answer, under + row) for row in edits]
        if checkpoints is None:
            checkpoints = self.checkpointed(answer, start)
        wanted = prompt - 1 - checkpoints.start
        first_row = max(start, checkpoints.start) if checkpoints.divides else checkpoints.start
        at_once = beside_others(self.edits_at_once(answer, first_row), self.lock)
        logits: list[Tensor] = []
        for first in range(0, len(edits), at_once):
            final = checkpoints.run(edits[first : first + at_once], wanted)
            with torch.no_grad():
                logits += self.unembed(final).float()
        return logits

    def _logits_under(self, answer: Answer, edits: Edits) -> Float[Tensor, "answer vocabulary"]:
        """The logits of a whole pass under edits: the network's own, where those of states cannot be told."""
        with editing([edits]):
            return self.replay_logits(answer)

    def edits_at_once(self, answer: Answer, start: int = 0) -> int:
        return edits_at_once(self.card, answer, start)

    def _check_attention(self, edit: Edit) -> None:
        """Raises UnknownName where an edit is of the attention of layers that have none: it would do nothing."""
        match edit:
            case HeadAblation():
                lacking = {layer for layer, _ in edit.heads} & set(self.card.without_attention)
            case Knockout() if edit.across:
                self._check_across(edit)
                lacking = set()
            case Knockout() | RaisedScores() | MovedAttention():
                named = edit.layers or frozenset()
                lacking = set(named) if named <= set(self.card.without_attention) else set()
            case _:
                lacking = set()
        if lacking:
            there = ", ".join(map(str, self.card.attention_layers))
            raise UnknownName(
                f"Layer {min(lacking)} of this model has no attention, so nothing of it can be taken away. Choose "
                f"among the layers {there}."
            )
        self._check_seen(edit)

    def _check_across(self, edit: Knockout) -> None:
        """Raises UnknownName where nothing looks at the keys of cross-attention that an edit names."""
        looking = self.card.without_attention if self.family.across else ()
        if not looking:
            raise UnknownName(
                f"{self.card.name} reads no picture by cross-attention, so there are no keys of that to cut. Name the "
                "positions of its image tokens."
            )
        if edit.layers is not None and not edit.layers & set(looking):
            raise UnknownName(
                f"No layer that the edit names looks at the picture across. Choose among the layers "
                f"{', '.join(map(str, looking))}."
            )

    def _check_seen(self, edit: Edit) -> None:
        """Raises NotShown where an edit is of attention that goes around the registered function: it would do
        nothing."""
        match edit:
            case HeadAblation():
                touched = {layer for layer, _ in edit.heads}
            case Knockout() | RaisedScores() | MovedAttention():
                touched = set(self.card.attention_layers if edit.layers is None else edit.layers)
            case _:
                return
        if unseen := touched & set(self.card.attention_layers) - self.attention_seen():
            raise NotShown(
                f"The attention of {self.card.name} cannot be seen from outside in layer {min(unseen)}, so nothing of "
                "it can be taken away."
            )

    def _check_edits(self, edits: Sequence[Edits], length: int | None = None, keys: int | None = None) -> None:
        for edit in {edit for row in edits for edit in row}:
            check_edits([edit], self.card.layers, self.card.heads, length, keys)
            self._check_attention(edit)
            if isinstance(edit, StatePatch | StateShift) and edit.site in (Site.ATTENTION, Site.MLP):
                self._passes.part(self._passes.layers[edit.layer], edit.site)
