"""VisionLanguageModel: the one interface that the rest of core sees of a model.

Read it by its sections: inputs and layout, generation, replay, attention, residual stream, unembedding, what it shows
of itself, interventions. Positions are those of the whole sequence (prompt, then answer). Every method that runs the
network takes `lock` for the time of one forward pass, so that callers in several threads take turns between passes and
nobody waits for a whole answer. What a model does not show is refused as NotShown, whoever asks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from jaxtyping import Float
from PIL.Image import Image
from torch import Tensor

from ..answer import Answer, Question, TokenLayout
from ..clips import ChosenFrames, VideoFacts
from .attention_call import AttentionCall
from .cancel import CancelToken
from .checkpoints import DecoderPass
from .edits import Edits
from .keeping import KeepRows
from .pace import Pace
from .prepared import DecodingState, PreparedPrompt
from .tokens import TokenReader
from .tower import TowerPass
from .turns import Turns
from .unembedding import Unembedding

Pictures = Callable[[], Sequence[Image]]
"""Makes one set of pictures, in whatever thread."""


@dataclass(frozen=True)
class ModelCard:
    """What is loaded. `image_grid` is text for the screen ("12 x 12", "follows the picture"); `fingerprint` is a
    hash of weights, configuration, adapter, precision and device, and so of everything that decides the numbers.

    `device` is where its inputs are given and its states come together; `placement` says on which devices its layers
    lie where these are several. `dtype` is what it computes in; `quantisation` how its weights are stored where that
    is otherwise. `adapter` is what was loaded onto it. `weight_bytes` is what its weights take.

    `without_attention` are the numbers of layers that mix positions in another way, by convolution or recurrence, or
    not at all, as those that attend to a picture that is no part of the sequence. Layers are numbered as the network
    numbers them, these included."""

    name: str
    source: str
    family: str
    parameters: int
    dtype: str
    device: str
    layers: int
    heads: int
    key_value_heads: int
    hidden: int
    vocabulary: int
    image_grid: str
    fingerprint: str
    quantisation: str = ""
    adapter: str = ""
    placement: str = ""
    weight_bytes: int = 0
    without_attention: tuple[int, ...] = ()
    commit: str = ""

    @property
    def attention_layers(self) -> tuple[int, ...]:
        """The numbers of the layers that have attention, and so heads."""
        return tuple(layer for layer in range(self.layers) if layer not in self.without_attention)

    @property
    def number_bytes(self) -> int:
        """Bytes of one number of the model's states."""
        dtype: torch.dtype = getattr(torch, self.dtype)
        return dtype.itemsize


class VisionLanguageModel(ABC):
    """A loaded model, its processor and its family.

    `context_length` is the longest sequence (prompt and answer, in tokens); `turns_at` the longest one in which keys
    are turned by the angles of short ones (LongRoPE; None: there is no other way); `end_ids` are the tokens that end
    an answer, `image_marker_ids` those that stand for images in a prompt, which no answer can hold; `reader` turns
    tokens into text; `pace` knows how long its passes take here.
    """

    card: ModelCard
    pace: Pace
    lock: Turns
    context_length: int
    turns_at: int | None = None
    end_ids: frozenset[int]
    image_marker_ids: frozenset[int]
    reader: TokenReader

    @abstractmethod
    def forget(self) -> None:
        """Drop what is kept between questions: the vision tower's output, and keys and values of prompts."""

    # Inputs and layout

    @abstractmethod
    def prepare(self, question: Question) -> PreparedPrompt:
        """The question as model inputs, with what every position is. Runs no network.

        Raises EmptyQuestion, QuestionTooLong (before the images are looked at), UnusableImage, ImageMissing.
        """

    @abstractmethod
    def choose_frames(self, video: VideoFacts, count: int | None = None, rate: float | None = None) -> ChosenFrames:
        """The frames of a video that the model's processor would take, by its own rule: `count` of them, or `rate` a
        second, or as many as its settings say. Raises UnusableVideo for a model that takes no video, and where the rule
        takes none of this one."""

    @abstractmethod
    def measure_grid(
        self,
        answer: Answer,
        *,
        cancel: CancelToken | None = None,
        progress: Callable[[float], None] = lambda done: None,
    ) -> Answer:
        """The answer with its image tokens' places in the pictures, where no family declares them or what it declares
        does not fit: measured, once for each size of picture, by about 25 passes of the vision tower, and from then on
        also in what `prepare` returns.
        The same answer where the places are declared, and without a picture. `progress` is told the share done.

        Raises OtherModel, NotApplicable where no raster fits (resamplers), Cancelled.
        """

    @abstractmethod
    def with_patches_across(self, answer: Answer) -> TokenLayout:
        """The answer's layout and, where its pictures are read by cross-attention, all keys of that after the sequence,
        with the views of the patches among them. The layout itself where no layer attends to anything else."""

    @abstractmethod
    def continuation(self, question: Question, text: str) -> tuple[int, ...]:
        """The token ids of `text` as this model would write it as the answer to `question`."""

    # Generation

    @abstractmethod
    def begin(
        self, prepared: PreparedPrompt, *, keep_attention: bool | KeepRows = False
    ) -> tuple[Float[Tensor, "vocabulary"], DecodingState]:
        """Read the prompt. Returns the raw float32 logits of the first answer token, and the state for `step`.

        With `keep_attention` the state keeps the attention row of every position that predicts a token, or of
        those that `KeepRows` says. The keys and values up to `prepared.shared` are kept and used again when the same
        images come back.
        """

    @abstractmethod
    def step(self, token: int, state: DecodingState) -> Float[Tensor, "vocabulary"]:
        """Append one token to the sequence. Returns the raw float32 logits of the next; `state` moves on."""

    @abstractmethod
    def continuation_logits(
        self, prepared: Sequence[PreparedPrompt], answers: Sequence[Sequence[int]]
    ) -> list[Float[Tensor, "answer vocabulary"]]:
        """The raw float32 logits that predicted each answer's tokens, in one batch over the shared prefix.

        All of `prepared` must agree in `visual` and in their tokens before `shared`, or ValueError is raised.
        """

    @abstractmethod
    def rows_at_once(self, prepared: PreparedPrompt, longest: int) -> int:
        """How many continuations of at most `longest` tokens fit into memory in one batch; at least one."""

    # Replay

    @abstractmethod
    def replay_logits(self, answer: Answer) -> Float[Tensor, "answer vocabulary"]:
        """The raw float32 logits of the answer's tokens from one teacher-forced pass over the whole sequence, with no
        cache. What the vision tower made of its images is used where it is kept (`forget`)."""

    @abstractmethod
    def tower_pass_bytes(self, answer: Answer, checkpoints: bool = False) -> int:
        """About the most bytes that one pass of the vision tower over an answer's pictures takes; 0 without. With
        `checkpoints` what went into each of its layers is kept."""

    @abstractmethod
    def logits_of_images(
        self, answer: Answer, pictures: Iterable[Pictures]
    ) -> Iterator[Float[Tensor, "set answer vocabulary"]]:
        """The raw float32 logits of the answer's tokens over other images than the question's, in the order of the sets
        of images: batch by batch, each of as many sets as are worth it, within a quarter of the free memory.

        Every set has as many images as the question, of the same sizes (ValueError otherwise). The model sees them as
        they are: the question's own mask is not applied. Sets are drawn in this thread, and in front of a card made
        ahead in others, a few at a time; the work may be abandoned between two batches.
        """

    @abstractmethod
    def shuffled(self, seed: int) -> Iterator[tuple[float, str, VisionLanguageModel]]:
        """A copy of this model whose weights are shuffled block by block, from the output down to the patch embedding
        (cascading randomisation). At each step gives the share of blocks that are shuffled (1 at the last), the name of
        the latest, and the copy, which has the same card and changes from step to step. This model stays as it is.
        Takes the weights' memory once more.
        """

    # Attention

    @abstractmethod
    def attention_rows(
        self,
        answer: Answer,
        queries: Sequence[int],
        layers: Sequence[int] | None = None,
        into: Float[Tensor, "layer heads query position"] | None = None,
    ) -> Float[Tensor, "layer heads query position"]:
        """The decoder's softmax rows, in at least float32, at any positions of an answer's sequence in some layers
        (None: all), from one replay; NaN in layers without attention.

        Rows that predicted the answer's tokens may be in `answer.attention` already and need no pass. They are written
        `into` memory that is given, of any kind and device, which is returned. Of some layers, the replay
        is shared with what else is read of the same answer. Raises NotApplicable where no attention can be seen.
        """

    @abstractmethod
    def attention_call(self, answer: Answer, layer: int) -> AttentionCall:
        """What one layer's attention was given in the replay of an answer, from which any rows can be had, head by
        head, without any others. It has every position but the last one's, from which nothing is predicted.

        Several layers of one answer share a replay. Raises NotApplicable for a layer whose attention cannot be seen.
        """

    # Residual stream

    @abstractmethod
    def checkpointed(self, answer: Answer, start: int = 0) -> DecoderPass:
        """One gradient-free replay of an answer that can be recomputed layer by layer (`checkpoints.py`).

        With `start` > 0, which must lie in the prompt, it has only the rows from there on: keys and values before come
        from the prompt's own pass and are constants. A start before the last image token, and a family that shares
        no prefix, give the whole pass (`start` 0). Raises ValueError for a start outside the prompt.
        """

    @abstractmethod
    def checkpointed_tower(self, answer: Answer) -> TowerPass | None:
        """The same of the vision tower, with the projector after it (`tower.py`); None where the family does not
        say how, and for a question without images."""

    # Unembedding

    @abstractmethod
    def unembed(self, states: Float[Tensor, "*row hidden"]) -> Float[Tensor, "*row vocabulary"]:
        """Final norm, output embedding and whatever scale or cap the family puts after it. Differentiable."""

    @abstractmethod
    def unembedding(self) -> Unembedding:
        """The same taken apart, for sums over the residual stream (`unembedding.py`). It refers to the model's weights
        and copies none.

        Raises NotApplicable where it cannot be taken apart.
        """

    @abstractmethod
    def unembedding_rows(self, ids: Sequence[int]) -> Float[Tensor, "id hidden"]:
        """Rows of the output embedding."""

    # What it shows of itself

    @abstractmethod
    def attention_seen(self) -> frozenset[int]:
        """The numbers of the layers whose attention can be seen, and so read and taken away."""

    @abstractmethod
    def reads_states(self, answer: Answer) -> bool:
        """Whether the layers can be gone through one by one for this answer, and what the last of them leaves read in
        the vocabulary."""

    # Interventions

    @abstractmethod
    def edited(self, edits: Edits) -> AbstractContextManager[None]:
        """Every pass of this block, in this thread, runs under these edits (`edits.py`): `ask` answers under them, a
        replay or a checkpointed pass is of the edited model. Blocks inside each other add up; after the block nothing
        is left, and what is kept between questions has neither been used where the edits would change it nor changed.

        Raises ValueError for a layer or head that the model does not have and for a negative position, NotApplicable
        where a layer has no part that an edit names.
        """

    @abstractmethod
    def logits_with(
        self, answer: Answer, edits: Sequence[Edits], checkpoints: DecoderPass | None = None
    ) -> list[Float[Tensor, "answer vocabulary"]]:
        """The raw float32 logits of the answer's tokens under each set of edits, teacher-forced.

        Each batch starts at the first layer that its sets touch, and where the family shares prefixes also at the first
        position, if that is not before the last image token: sets that begin alike belong together. With
        `checkpoints`, a checkpointed pass of the answer (for instance one made under edits), they are run on from that
        one and not from a clean replay.

        Raises ValueError for a layer, head or position that is not there, or before the checkpointed pass's first row;
        NotApplicable where a layer has no part that an edit names.
        """

    @abstractmethod
    def edits_at_once(self, answer: Answer, start: int = 0) -> int:
        """How many sets of edits that touch nothing before `start` run in one batch within a quarter of the free
        memory; at least one. `logits_with` takes no more at a time."""
