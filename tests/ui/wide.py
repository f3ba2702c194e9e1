"""An answer of a model of 32 layers of 32 heads about 2,784 patches, with everything that pages found out about it, all
of it made up: so that pages of that size are drawn in a test without the passes of such a model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from core.answer import (
    Answer,
    AttentionRows,
    Decoding,
    Explanation,
    PatchView,
    Question,
    Target,
    TokenKind,
    TokenLayout,
)
from core.causal.discovery import CausalGraph
from core.causal.nodes import Node
from core.causal.pag import Pag
from core.causal.search import Learned
from core.causal.settings import GraphSettings
from core.explainers.registry import explainers
from core.mechanisms.lens import Reading
from core.mechanisms.logit_lens import some_layers, words_read
from core.mechanisms.vocabulary import HeadReading
from core.ui.mechanisms.positions import COLUMNS as TABLE
from core.ui.mechanisms.view import HEAD_READINGS, TAKEN, Taken
from core.ui.state.graphs import GRAPHS, graph_key
from core.ui.state.heads import INCREASES, READ, Increases, Read, increases_key, reading_key
from core.ui.state.maps import MAPS, TRACES, Key, Order, first_method
from core.ui.state.results import ResultCache, answer_key
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.model import ModelCard
from core.vlm.targets import token_targets_of

LAYERS = HEADS = 32
ROWS, COLUMNS = 48, 58
TARGET = Target((2,))
NOISE = np.random.default_rng(0)


def noisy(width: int, height: int, noise: np.random.Generator = NOISE) -> Image.Image:
    """A picture as busy as photographs are."""
    grains = noise.integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), dtype=np.uint8)
    return Image.fromarray(grains).resize((width, height), Image.Resampling.BICUBIC)


def wide_card(model: TransformersModel) -> ModelCard:
    return replace(model.card, name="wide", fingerprint="wide", layers=LAYERS, heads=HEADS, without_attention=())


def wide_answer(model: TransformersModel) -> Answer:
    """Six tokens that `model` says, as if the wide one had said them."""
    picture = noisy(464, 384, np.random.default_rng(0))
    said = ask(model, Question("What is the door?", (picture,), decoding=Decoding(max_new_tokens=6)))
    prompt = (TokenKind.SPECIAL,) * 10 + (TokenKind.IMAGE,) * (ROWS * COLUMNS) + (TokenKind.TEXT,) * 20
    kinds = (*prompt, *(TokenKind.ANSWER for _ in said.tokens))
    view = PatchView(0, "picture", ROWS, COLUMNS, (0, 0, *picture.size), tuple(range(10, 10 + ROWS * COLUMNS)))
    weights = torch.rand(LAYERS, HEADS, len(said.tokens), len(kinds), generator=torch.Generator().manual_seed(0))
    weights /= weights.sum(-1, keepdim=True)
    return replace(
        said,
        model="wide",
        prompt_tokens=tuple(f" w{number}" for number in range(len(prompt))),
        layout=TokenLayout(kinds, (view,), (picture.size,)),
        attention=AttentionRows(weights.half()),
    )


def found_out(results: ResultCache, answer: Answer) -> None:
    """Everything that the pages show of an answer at first, for `TARGET`."""
    _maps(results, answer)
    _graph(results, answer)
    _mechanisms(results, answer)


def _maps(results: ResultCache, answer: Answer) -> None:
    explainer = explainers()[first_method()]
    order = Order(first_method(), explainer.Settings())
    number = len(answer.tokens)
    for target in (Target(tuple(range(a, b))) for b in range(1, number + 1) for a in range(b)):
        scores = torch.from_numpy(NOISE.random(len(answer.layout)))
        made = Explanation(scores, target, order.method, vars(order.settings), 1.0)
        results.keep(MAPS, Key(answer_key(answer), target, order), made)
    results.keep(TRACES, ("layers", answer_key(answer), TARGET), NOISE.random((LAYERS, len(answer.layout))))


def _graph(results: ResultCache, answer: Answer) -> None:
    token, number = TARGET.tokens[0], 51
    positions = [10 + 50 * node for node in range(number - 1)]
    nodes = [
        Node(position, position, TokenKind.IMAGE, "", 0.01, answer.layout.box(position), 0) for position in positions
    ]
    own = len(answer.prompt_tokens) + token
    nodes.append(Node(own, own - 1, TokenKind.ANSWER, answer.tokens[token].text, 0.0))
    graph = Pag.parse(number, [f"{node} --> {number - 1}" for node in range(number - 1)])
    learned = Learned(graph, {}, (number,), 1, "nothing left", 1.0)
    made = CausalGraph(token, LAYERS - 1, 0, tuple(nodes), GraphSettings(), np.eye(number), 0.0, None, learned, ())
    results.keep(GRAPHS, graph_key(answer, token, LAYERS - 1, 0, GraphSettings()), made)


def _mechanisms(results: ResultCache, answer: Answer) -> None:
    subject = (answer_key(answer), token_targets_of(answer, TARGET))
    increases = np.arange(LAYERS * HEADS, dtype=float).reshape(LAYERS, HEADS)
    results.keep(INCREASES, increases_key(answer, TARGET), Increases(increases, 1.0))
    words = answer.tokens[0].alternatives
    for head in ((LAYERS - 1, number) for number in range(HEADS)):
        taken = Taken(torch.from_numpy(NOISE.random(len(answer.layout))), 1.0)
        results.keep(TAKEN, (subject, head), taken)
        results.keep(HEAD_READINGS, ("reading", subject, head), HeadReading(head, 30, words, words, words))
    word = answer.tokens[TARGET.tokens[0]].id
    picture, text = answer.layout.views[0].positions, words_read(answer)
    for positions, layers in ((picture, [LAYERS // 2]), (text, some_layers(LAYERS)), (text, table_layers())):
        shape = (len(layers), len(positions))
        reading = Reading(
            torch.randint(0, 200, (*shape, 10)),
            torch.rand(*shape, 10).log(),
            torch.rand(*shape),
            torch.rand(*shape, 1).log(),
            torch.randint(1, 20, (*shape, 1)),
        )
        results.keep(READ, reading_key(answer, positions, layers, word), Read(reading, 1.0))


def table_layers() -> list[int]:
    """Those of the table of words at first."""
    return [round(place * LAYERS / (TABLE - 1)) for place in range(TABLE)]
