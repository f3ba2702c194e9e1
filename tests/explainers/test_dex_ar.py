"""DEX-AR against autograd through a whole network whose attention is written out, in float64."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from core.answer import Answer, Decoding, Question, Target, TokenKind
from core.api.showing import street_scene
from core.errors import NotApplicable
from core.explainers.dex_ar import DexAr, DexArSettings
from core.explainers.run import explain
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import EMBEDDED, load_model
from core.vlm.targets import TokenTarget, whole_answer
from tests import literal
from tests.eager import sampled
from tests.zoo import load, save_llava, save_qwen

RIVAL = 40
SAVED: dict[str, Callable[[Path], Path]] = {
    "llava": save_llava,
    "qwen": save_qwen,
    "shared keys, sliding window": lambda folder: save_llava(
        folder, model_type="mistral", num_key_value_heads=2, sliding_window=8
    ),
}


@pytest.fixture(params=SAVED)
def tiny(request: pytest.FixtureRequest, tmp_path: Path) -> TransformersModel:
    return load(SAVED[request.param](tmp_path))


def literal_gradients(network: Any, answer: Answer, target: TokenTarget) -> list[torch.Tensor]:
    """For each layer relu of d logit / d attention [heads key] of the row that predicts a token, the logit that of what
    the layer leaves, through the final norm and the output embedding."""
    decoder, left = network.get_decoder(), list[torch.Tensor]()
    hooks = [
        layer.register_forward_hook(lambda _, __, out: left.append((out[0] if isinstance(out, tuple) else out)[0]))
        for layer in decoder.layers
    ]
    looked = literal.whole_pass(network, answer)
    for hook in hooks:
        hook.remove()
    row = len(answer.prompt_tokens) + target.index - 1
    gradients = []
    for attention, states in zip(looked.decoder, left, strict=True):
        said = network.lm_head(decoder.norm(states[row]))
        logit = said[target.token] - (0 if target.rival is None else said[target.rival])
        (gradient,) = torch.autograd.grad(logit, attention, retain_graph=True)
        # What the row does not see has no weight, and no gradient that would count.
        gradients.append((gradient[0] * (attention[0] > 0))[:, row].clamp(min=0).detach())
    return gradients


def literal_map(answer: Answer, gradients: list[torch.Tensor], filtered: bool = True) -> tuple[torch.Tensor, float]:
    """The map of one token over the sequence (equation 5), from 0 to 1, and its weight (equation 6)."""
    places = list(answer.layout.positions(TokenKind.IMAGE))
    image_most, text_most = 0.0, 0.0
    total = torch.zeros(len(places), dtype=torch.float64)
    for layer in gradients:
        for head in layer:
            words = [key for key in range(len(head)) if key not in places]
            image, text = float(head[places].max()), float(head[words].max())
            total += (max(image - text, 0.0) if filtered else 1.0) * head[places]
            image_most, text_most = max(image_most, image), max(text_most, text)
    scores = torch.zeros(len(answer.layout), dtype=torch.float64)
    if total.max() > total.min():
        scores[places] = (total - total.min()) / (total.max() - total.min())
    return scores, max(image_most - text_most, 0.0)


def check(model: TransformersModel, answer: Answer) -> None:
    """Every token alone, the last one against a rival, and all of them together."""
    network = literal.network_of(Path(model.card.source))
    last = len(answer.tokens) - 1
    rivals = [Target((last,), (RIVAL,))] if last else []
    explanations = explain(DexAr(), model, answer, [*(Target((i,)) for i in range(last + 1)), *rivals])
    maps: list[torch.Tensor] = []
    weights: list[float] = []
    for index in range(last + 1):
        expected, own = literal_map(
            answer, literal_gradients(network, answer, TokenTarget(index, answer.token_ids[index]))
        )
        torch.testing.assert_close(explanations[index].scores, expected.float(), atol=1e-3, rtol=1e-3)
        maps.append(expected)
        weights.append(own)
    if rivals:
        target = TokenTarget(last, answer.token_ids[last], RIVAL)
        expected, _ = literal_map(answer, literal_gradients(network, answer, target))
        torch.testing.assert_close(explanations[-1].scores, expected.float(), atol=1e-3, rtol=1e-3)
    (together,) = explain(DexAr(), model, answer, [whole_answer(answer)])
    counting = any(weights)
    shares = torch.tensor(weights if counting else [1.0] * len(maps), dtype=torch.float64)
    whole = (shares[:, None] * torch.stack(maps)).sum(0) / shares.sum()
    torch.testing.assert_close(together.scores, whole.float(), atol=1e-3, rtol=1e-3)
    said = "Tokens count by" if counting else "None of these" if whole.any() else "In every chosen layer"
    assert (together.remark or "").startswith(said)


def test_it_is_its_three_equations(tiny: TransformersModel, picture: Image.Image) -> None:
    check(tiny, sampled(tiny, "the dog the dog?", picture, tokens=4))


def test_it_is_its_three_equations_on_the_embedded_model() -> None:
    model = load_model(EMBEDDED)
    assert isinstance(model, TransformersModel)
    check(model, ask(model, Question("Can you see a truck?", street_scene(27), decoding=Decoding(max_new_tokens=3))))


def test_layers_and_heads_are_as_they_are_chosen(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "the dog?", picture, tokens=2)
    gradients = literal_gradients(
        literal.network_of(Path(llava.card.source)), answer, TokenTarget(1, answer.token_ids[1])
    )
    settings = DexArSettings(layers=(1,), heads=False)
    (map_,) = explain(DexAr(), llava, answer, [Target((1,))], settings)
    expected, _ = literal_map(answer, gradients[1:2], filtered=False)
    torch.testing.assert_close(map_.scores, expected.float(), atol=1e-3, rtol=1e-3)
    (even,) = explain(DexAr(), llava, answer, [Target((0, 1))], DexArSettings(tokens=False))
    each = explain(DexAr(), llava, answer, [Target((0,)), Target((1,))])
    torch.testing.assert_close(even.scores, (each[0].scores + each[1].scores) / 2)


def test_states_that_say_nothing_are_refused(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = sampled(llava, "the dog?", picture, tokens=1)
    monkeypatch.setattr(llava, "reads_states", lambda _: False)
    with pytest.raises(NotApplicable, match=r"cannot be read in its vocabulary\. .*[Cc]hoose"):
        explain(DexAr(), llava, answer, [Target((0,))])
