"""A `transformers` network behind the VisionLanguageModel interface."""

from __future__ import annotations

import contextlib
import copy
import inspect
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import torch
from jaxtyping import Float, Int
from PIL.Image import Image
from torch import Tensor

from core.answer import Answer, Question, TokenKind
from core.vlm import prompt as prompts
from core.vlm.capture import NAME, RowRecorder, listening, recording
from core.vlm.editing import editing, patched, together
from core.vlm.edits import Edits, Site, StatePatch, check_edits, first_position
from core.vlm.errors import EmptyQuestion
from core.vlm.families.base import Family
from core.vlm.hiding import first_reader
from core.vlm.inputs import check_length, check_words, continuation_ids, end_ids, picture_ids, processed, with_ids
from core.vlm.layout import lay_out
from core.vlm.model import ModelCard, Prepared, VisionLanguageModel
from core.vlm.playback import Calls, NetworkTowerTape, catching, frozen
from core.vlm.prefix import ByteBoundedCache, DecodingState, LayerKeysValues, PrefixStore, network_cache
from core.vlm.readout import Finish, Readout, final_norm, find_finish, read_out
from core.vlm.rerun import NetworkDecoderTape
from core.vlm.room import continuations_at_once, edits_at_once, pictures_at_once
from core.vlm.rows import attention_among
from core.vlm.shuffling import blocks, shuffle
from core.vlm.tape import DecoderTape, Tap
from core.vlm.tokens import TokenReader
from core.vlm.tower import TowerTape
from core.vlm.units import NotApplicable

PREFIX_BYTES = 512 * 2**20
FEATURE_BYTES = 128 * 2**20
READ_OTHERWISE = "Its states cannot be read in the vocabulary: choose attention or hiding image tokens instead."


class TransformersModel(VisionLanguageModel):
    """Any decoder-only image-text-to-text network, with the declarations of its family."""

    def __init__(self, network: Any, processor: Any, family: Family, card: ModelCard) -> None:
        self.card = card
        self.lock = threading.RLock()
        self.network = network.eval()
        self.processor = processor
        self.family = family
        self.reader = TokenReader(processor.tokenizer)
        text = network.config.get_text_config()
        self.context_length = int(getattr(text, "max_position_embeddings", None) or 4096)
        self.end_ids = end_ids(network, processor.tokenizer)
        self.picture_ids = picture_ids(network)
        self._finished: Finish | None = None
        self._control = prompts.control_tokens(processor.tokenizer, str(processor.chat_template))
        self._prefixes = PrefixStore(PREFIX_BYTES)
        self._features: ByteBoundedCache[str, Any] = ByteBoundedCache(FEATURE_BYTES)

    @property
    def device(self) -> torch.device:
        device: torch.device = self.network.device
        return device

    def forget(self) -> None:
        with self.lock:
            self._prefixes.clear()
            self._features.clear()

    # Inputs and layout

    def prepare(self, question: Question) -> Prepared:
        if not question.text.strip():
            raise EmptyQuestion("The question is empty. Type a question about the picture.")
        check_words(self.processor.tokenizer, question, self.card.name, self.context_length)
        words = prompts.typed_words(question)
        rendered = prompts.render(self.processor, len(question.history) + 1, len(question.images))
        expanded, inputs = processed(self.processor, rendered, question, self.card.name)
        prompt = prompts.encode(self.processor.tokenizer, expanded, words, self._control)
        check_length(len(prompt.ids), question, self.card.name, self.context_length)
        inputs = with_ids(inputs, prompt.ids, self.network)
        sizes = [image.size for image in question.images]
        layout = lay_out(prompt, self.family, self.network.config, self.processor, inputs, sizes)
        last_image = max((p for view in layout.views for p in view.positions), default=-1)
        return Prepared(
            question=question,
            inputs=inputs,
            layout=layout,
            prompt_tokens=prompt.tokens,
            ids=prompt.ids,
            positions=self.family.positions(self.network, inputs),
            shared=min(max(prompt.question_start, last_image + 1), len(prompt.ids) - 1),
            visual=question.visual_fingerprint(),
        )

    def continuation(self, question: Question, text: str) -> tuple[int, ...]:
        return continuation_ids(self.processor, self._control, question, text)

    # Generation

    def begin(
        self, prepared: Prepared, recorder: RowRecorder | None = None
    ) -> tuple[Float[Tensor, "vocabulary"], DecodingState]:
        with self.lock:
            layers, done = self._kept(prepared)
            cache = network_cache(layers)
            logits = self._read(prepared, done, cache, recorder)
            self._keep(prepared, cache, done)
        last = None if prepared.positions is None else int(prepared.positions.max()) + 1
        return logits, DecodingState(cache=cache, length=len(prepared.ids), next_position=last)

    def step(
        self, token: int, state: DecodingState, recorder: RowRecorder | None = None
    ) -> Float[Tensor, "vocabulary"]:
        inputs: dict[str, Any] = {"input_ids": torch.tensor([[token]], device=self.device)}
        if state.next_position is not None:
            inputs["position_ids"] = self._answer_positions(state.next_position, 1)
            state.next_position += 1
        with self._reading(state.length), recording(recorder):
            output = self.network(**inputs, past_key_values=state.cache, use_cache=True)
        state.length += 1
        logits: Tensor = output.logits[0, -1].float()
        return logits

    @contextlib.contextmanager
    def _reading(self, start: int) -> Iterator[None]:
        """Alone with the network, for one pass of the decoder whose first row stands at position `start`."""
        with self.lock, torch.no_grad(), patched(self.network.get_decoder().layers, self._part, start):
            yield

    def _kept(self, prepared: Prepared) -> tuple[list[LayerKeysValues], int]:
        if not self.family.shares_prefix:
            return [], 0
        layers, done = self._prefixes.longest(prepared.visual, prepared.ids)
        return (layers, done) if done <= self._untouched(len(prepared.ids)) else ([], 0)

    @staticmethod
    def _untouched(length: int) -> int:
        """How many positions the edits in force leave as they are."""
        return first_position(together([()])[0], length)

    def _keep(self, prepared: Prepared, cache: Any, already: int) -> None:
        unedited = prepared.shared <= self._untouched(len(prepared.ids))
        if self.family.shares_prefix and prepared.shared > already and unedited:
            self._prefixes.keep(prepared.visual, prepared.ids[: prepared.shared], cache)

    def _read(
        self, prepared: Prepared, start: int, cache: Any, recorder: RowRecorder | None, end: int | None = None
    ) -> Float[Tensor, "vocabulary"]:
        """Run the prompt's tokens from `start` to `end` over a cache that holds those before."""
        inputs: dict[str, Any] = {"input_ids": prepared.inputs["input_ids"][:, start:end]}
        if prepared.positions is not None:
            inputs["position_ids"] = _batched(prepared.positions[:, start:end])
        if start == 0 and prepared.question.images:
            inputs["mm_encoder_outputs"] = {"image": self._image_features(prepared)}
            if prepared.positions is None:
                # A network that counts for itself may need the whole description of the picture.
                skipped = {"pixel_values", "input_ids"}
                inputs |= {name: value for name, value in prepared.inputs.items() if name not in skipped}
        with self._reading(start), recording(recorder):
            output = self.network(**inputs, past_key_values=cache, use_cache=True, logits_to_keep=1)
        logits: Tensor = output.logits[0, -1].float()
        return logits

    def _image_features(self, prepared: Prepared) -> Any:
        """The vision tower's output, as the network takes it instead of pixels."""
        kept = self._features.get(prepared.visual)
        if kept is not None:
            return kept
        with torch.no_grad():
            features = self._run_tower(prepared.inputs)
        # Only what the decoder reads: the tower's own layers would be kept with it.
        features.hidden_states = features.attentions = features.last_hidden_state = None
        size = sum(picture.numel() * picture.element_size() for picture in features.pooler_output)
        self._features.put(prepared.visual, features, size)
        return features

    def _run_tower(self, inputs: Mapping[str, Tensor]) -> Any:
        base = self.network.model
        wanted = inspect.signature(base.get_image_features).parameters
        inputs = {name: value for name, value in inputs.items() if name in wanted and name != "input_ids"}
        return base.get_image_features(**inputs, return_dict=True)

    def _answer_positions(self, first: int, length: int) -> Int[Tensor, "..."]:
        """Rotary positions of `length` answer tokens, the same on every axis the family has."""
        positions = torch.arange(first, first + length, device=self.device)[None]
        return positions if self._axes == 1 else positions[None].expand(self._axes, 1, -1)

    @property
    def _axes(self) -> int:
        return 3 if hasattr(self.network.model, "get_rope_index") else 1

    def continuation_logits(
        self, prepared: Sequence[Prepared], answers: Sequence[Sequence[int]]
    ) -> list[Float[Tensor, "answer vocabulary"]]:
        if not prepared:
            return []
        first = prepared[0]
        shared = first.ids[: first.shared]
        if any(other.visual != first.visual or other.ids[: other.shared] != shared for other in prepared):
            raise ValueError("continuations in one batch must share their images and the tokens before the question")
        if not self.family.shares_prefix or first.positions is None or not shared:
            return [self._whole_pass(p.inputs, answer) for p, answer in zip(prepared, answers, strict=True)]
        with self.lock:
            return self._shared_pass(prepared, answers, len(shared))

    def _shared_pass(
        self, prepared: Sequence[Prepared], answers: Sequence[Sequence[int]], shared: int
    ) -> list[Float[Tensor, "answer vocabulary"]]:
        first = prepared[0]
        layers = self._prefix(first, shared)
        rows = [[*p.ids[shared:], *answer[:-1]] for p, answer in zip(prepared, answers, strict=True)]
        width = max(len(row) for row in rows)
        # Padding stands on the right, where a causal row never looks: it needs no mask.
        ids = torch.tensor([row + [row[-1]] * (width - len(row)) for row in rows], device=self.device)
        positions = torch.stack([self._row_positions(p, shared, width) for p in prepared], dim=1)
        spans = [(len(p.ids) - shared - 1, len(answer)) for p, answer in zip(prepared, answers, strict=True)]
        start = min(left for left, _ in spans)
        with self._reading(shared):
            output = self.network(
                input_ids=ids,
                position_ids=positions[0] if positions.shape[0] == 1 else positions,
                past_key_values=network_cache(layers, len(rows)),
                use_cache=True,
                logits_to_keep=torch.arange(start, width, device=self.device),
            )
        return [
            output.logits[row, left - start : left - start + length].float() for row, (left, length) in enumerate(spans)
        ]

    def _prefix(self, prepared: Prepared, length: int) -> list[LayerKeysValues]:
        """The prompt's first `length` keys and values of every layer, read now where they are not kept."""
        layers, done = self._kept(prepared)
        if done < length:
            cache = network_cache(layers)
            self._read(prepared, done, cache, None, end=length)
            self._keep(replace(prepared, shared=length), cache, done)
            layers = [(layer.keys, layer.values) for layer in cache.layers]
        return [(keys[:, :, :length], values[:, :, :length]) for keys, values in layers]

    def _prepared_again(self, answer: Answer) -> Prepared:
        """The prompt of an answer as it was prepared, shared up to the last image token."""
        inputs = {name: value.to(self.device) for name, value in answer.inputs.items()}
        return Prepared(
            question=answer.question,
            inputs=inputs,
            layout=answer.layout,
            prompt_tokens=answer.prompt_tokens,
            ids=tuple(inputs["input_ids"][0].tolist()),
            positions=self.family.positions(self.network, inputs),
            shared=first_reader(answer),
            visual=answer.question.visual_fingerprint(),
        )

    def _row_positions(self, prepared: Prepared, shared: int, width: int) -> Int[Tensor, "axes width"]:
        assert prepared.positions is not None
        own = prepared.positions[:, shared:]
        more = torch.arange(width - own.shape[1], device=self.device) + int(prepared.positions.max()) + 1
        return torch.cat([own, more.expand(own.shape[0], -1)], dim=1)[:, :width]

    def rows_at_once(self, prepared: Prepared, longest: int) -> int:
        text = self.network.config.get_text_config()
        head_size = getattr(text, "head_dim", None) or self.card.hidden // self.card.heads
        return continuations_at_once(self.card, head_size, prepared, longest)

    # Replay

    def replay_logits(self, answer: Answer) -> Float[Tensor, "answer vocabulary"]:
        with self.lock:
            return self._whole_pass(answer.inputs, answer.token_ids)

    def logits_of_images(
        self, answer: Answer, pictures: Iterable[Sequence[Image]]
    ) -> Iterator[Float[Tensor, "answer vocabulary"]]:
        waiting = iter(pictures)
        rows = pictures_at_once(self, answer) if self.family.stacks else 1
        while batch := list(islice(waiting, rows)):
            inputs = [self._with_pictures(answer, images) for images in batch]
            together = {name: torch.cat([one[name] for one in inputs]) for name in inputs[0]}
            yield from self._whole_passes(together, answer.token_ids)

    def _with_pictures(self, answer: Answer, images: Sequence[Image]) -> dict[str, Tensor]:
        """An answer's inputs with other pictures of the same sizes in the place of its own."""
        if tuple(image.size for image in images) != answer.layout.image_sizes:
            raise ValueError(f"the pictures must be of the sizes {answer.layout.image_sizes}")
        if not self.family.stacks:
            return self.prepare(replace(answer.question, images=tuple(images), mask=None)).inputs
        inputs = {name: value.to(self.device) for name, value in answer.inputs.items()}
        fresh = self.processor.image_processor(images=list(images), return_tensors="pt") if images else {}
        return inputs | {name: value.to(inputs[name]) for name, value in fresh.items() if name in inputs}

    def shuffled(self, seed: int) -> Iterator[tuple[float, str, VisionLanguageModel]]:
        with self.lock:
            network = copy.deepcopy(self.network)
        twin = TransformersModel(network, self.processor, self.family, self.card)
        generator = torch.Generator().manual_seed(seed)
        found = list(blocks(network))
        for done, (name, tensors) in enumerate(found, start=1):
            shuffle(tensors, generator)
            # Keys and values of the weights before would answer for those of now.
            twin.forget()
            yield done / len(found), name, twin

    def _whole_pass(self, inputs: Any, answer: Sequence[int]) -> Float[Tensor, "answer vocabulary"]:
        """One pass over prompt and answer with everything computed anew and positions left to the network."""
        return self._whole_passes(inputs, answer)[0]

    def _whole_passes(self, inputs: Any, answer: Sequence[int]) -> Float[Tensor, "batch answer vocabulary"]:
        """The same of several prompts of one shape, each with `answer` behind it."""
        with self._reading(0):
            whole = self._whole(inputs, answer[:-1])
            output = self.network(**whole, use_cache=False, logits_to_keep=max(1, len(answer)))
        logits: Tensor = output.logits[:, : len(answer)].float()
        return logits

    def _whole(self, inputs: Any, tokens: Sequence[int]) -> dict[str, Tensor]:
        """The prompt's inputs with `tokens` behind them."""
        more = torch.tensor([list(tokens)], dtype=torch.long, device=self.device)
        more = more.expand(inputs["input_ids"].shape[0], -1)
        whole = {**inputs, "input_ids": torch.cat([inputs["input_ids"], more], 1)}
        types = self.family.answer_type
        for name, filler in (("attention_mask", 1), ("mm_token_type_ids", types), ("token_type_ids", types)):
            if name in whole:
                whole[name] = torch.cat([whole[name], torch.full_like(more, filler)], 1)
        return whole

    # Attention

    def attention_rows(self, answer: Answer, queries: Sequence[int]) -> Float[Tensor, "layers heads query position"]:
        index = torch.tensor(queries, dtype=torch.long, device=self.device)
        found: list[Tensor] = []

        def keep(tap: Tap) -> None:
            found.append(tap.rows(index))

        with self._reading(0), listening(NAME, keep):
            self.network(**self._whole(answer.inputs, answer.token_ids), use_cache=False, logits_to_keep=1)
        return torch.stack(found)

    def tower_attention(self, answer: Answer, image: int = 0) -> Float[Tensor, "layers heads query key"] | None:
        tape = self.tower_tape(answer)
        if tape is None:
            return None
        own = {p for view in answer.layout.views if view.image == image for p in view.positions}
        tokens = [i for i, p in enumerate(answer.layout.positions(TokenKind.IMAGE)) if p in own]
        index = torch.tensor(tokens, device=self.device)
        return torch.stack([attention_among(tape, layer, index) for layer in range(tape.layers)])

    # Residual stream

    def tape(self, answer: Answer, start: int = 0) -> DecoderTape:
        prepared = self._prepared_again(answer)
        if not 0 <= start < len(prepared.ids):
            raise ValueError(f"a tape starts within the prompt (0 to {len(prepared.ids) - 1}), not at {start}")
        layers, more = self.network.get_decoder().layers, answer.token_ids[:-1]
        causal = self.family.shares_prefix
        prefix: list[LayerKeysValues] = []
        if start and causal and prepared.positions is not None and start >= prepared.shared:
            with self.lock:
                prefix = self._prefix(prepared, start)
        else:
            start = 0

        def read() -> Calls:
            with self._reading(start), catching(layers) as calls:
                if not start:
                    self.network(**self._whole(prepared.inputs, more), use_cache=False, logits_to_keep=1)
                    return calls
                ids = torch.tensor([[*prepared.ids[start:], *more]], device=self.device)
                self.network(
                    input_ids=ids,
                    position_ids=_batched(self._row_positions(prepared, start, ids.shape[1])),
                    past_key_values=network_cache(prefix),
                    use_cache=True,
                    logits_to_keep=1,
                )
            return calls

        return NetworkDecoderTape(layers, read, self.lock, self._part, causal, prefix)

    def tower_tape(self, answer: Answer) -> TowerTape | None:
        if not answer.layout.views:
            return None
        inputs = self._prepared_again(answer).inputs
        tower = self.family.tower(self.network, inputs)
        if tower is None:
            return None
        with self.lock, torch.no_grad():
            with catching(tower.layers) as calls:
                features = self._run_tower(inputs)
            tape = NetworkTowerTape(tower, calls, self.lock)
            # A tower that is not as its family declares would explain something else.
            read = torch.cat(list(features.pooler_output))
            projected = tape.project(tape.final)
            same = projected.shape == read.shape and bool((projected - read).norm() <= 1e-2 * read.norm())
        return tape if same else None

    # Unembedding

    def unembed(self, states: Float[Tensor, "*row hidden"]) -> Float[Tensor, "*row vocabulary"]:
        norm, head = final_norm(self.network.get_decoder()), self.network.get_output_embeddings()
        with self.lock, frozen(norm), frozen(head):
            return self._finish()(head(norm(states)))

    def readout(self) -> Readout:
        found = read_out(self.network, self._finish())
        if found is None:
            raise NotApplicable(f"The final norm of {self.card.name} is none that is known. {READ_OTHERWISE}")
        return found

    def _finish(self) -> Finish:
        """What the network does behind its output embedding, found out once."""
        with self.lock:
            self._finished = self._finished or find_finish(self.network, min(self.end_ids, default=0))
        if self._finished is None:
            raise NotApplicable(f"How {self.card.name} makes logits of its states is not known. {READ_OTHERWISE}")
        return self._finished

    def unembedding(self, ids: Sequence[int]) -> Float[Tensor, "id hidden"]:
        weight: Tensor = self.network.get_output_embeddings().weight.detach()
        return weight[torch.tensor(ids, dtype=torch.long, device=self.device)]

    # Interventions

    def edited(self, edits: Edits) -> contextlib.AbstractContextManager[None]:
        self._check_edits([edits])
        return editing([edits])

    def logits_with(
        self, answer: Answer, edits: Sequence[Edits], tape: DecoderTape | None = None
    ) -> list[Float[Tensor, "answer vocabulary"]]:
        length, prompt = len(answer.layout), len(answer.prompt_tokens)
        self._check_edits(edits, length)
        if not edits or not answer.tokens:
            return [torch.zeros(0, self.card.vocabulary, device=self.device) for _ in edits]
        start = min(first_position(row, prompt - 1) for row in together(edits))
        if tape is None:
            tape = self.tape(answer, start)
        rows = slice(prompt - 1 - tape.start, length - 1 - tape.start)
        at_once = self.edits_at_once(answer, tape.start)
        found: list[Tensor] = []
        for first in range(0, len(edits), at_once):
            final = tape.run(edits[first : first + at_once])[:, rows]
            with torch.no_grad():
                found += self.unembed(final).float()
        return found

    def edits_at_once(self, answer: Answer, start: int = 0) -> int:
        return edits_at_once(self.card, answer, start)

    def _check_edits(self, edits: Sequence[Edits], length: int | None = None) -> None:
        layers = self.network.get_decoder().layers
        for edit in {edit for row in edits for edit in row}:
            check_edits([edit], self.card.layers, self.card.heads, length)
            if isinstance(edit, StatePatch) and edit.site in (Site.ATTENTION, Site.MLP):
                self._part(layers[edit.layer], edit.site)

    def _part(self, layer: torch.nn.Module, site: Site) -> torch.nn.Module:
        """The attention or MLP of a layer. Raises NotApplicable where it has none of a known name."""
        found = self.family.part(layer, site)
        if found is None:
            raise NotApplicable(
                f"A layer of {self.card.name} has no part that is known to be its {site.value}, so what that hands on "
                "cannot be read or replaced. Choose the states between the layers."
            )
        return found


def _batched(positions: Int[Tensor, "axes position"]) -> Tensor:
    """Positions as a network takes them: (1, position), or (axes, 1, position)."""
    return positions if positions.shape[0] == 1 else positions[:, None]
