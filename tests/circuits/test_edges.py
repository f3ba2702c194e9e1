"""Runs, scores and path patching against a decoder written out in float64, in several families."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image

from core.answer import Answer, Target
from core.circuits.interchange import Interchange
from core.circuits.path_patching import patched_edges, path_patching
from core.circuits.scores import edge_scores
from core.errors import NotApplicable, UnknownName
from core.mechanisms.corruption import Corruption, OtherPrompt
from core.perturb.perturbation import OtherImages
from core.statistics.rank_correlation import spearman
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.hf.network import TransformersModel
from tests.circuits.literal import Key, Literal, order
from tests.eager import eager_network, sampled
from tests.hooks import hooks_of
from tests.zoo import load, save_deepstack, save_llava

FAMILIES = {
    "llama": lambda folder: save_llava(folder),
    "shared keys with biases": lambda folder: save_llava(folder, model_type="qwen2", num_key_value_heads=2),
    "fused projections": lambda folder: save_llava(folder, model_type="phi3", num_key_value_heads=2),
}
REFUSED = {
    "norms after": lambda folder: save_llava(
        folder, model_type="gemma2", num_key_value_heads=2, head_dim=16, sliding_window=12
    ),
    "features between layers": save_deepstack,
}


@pytest.fixture(scope="module", params=list(FAMILIES))
def double(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    model = load(FAMILIES[request.param](tmp_path_factory.mktemp("network")))
    model.network.double()
    return model


@dataclass
class Both:
    """The package's runs beside those that are written out."""

    between: Interchange
    literal: Literal
    sources: tuple[list[torch.Tensor], list[torch.Tensor]]
    target: Target
    answer: Answer

    def read(self, final: torch.Tensor) -> torch.Tensor:
        total = torch.zeros((), dtype=torch.float64)
        for number, index in enumerate(self.target.tokens):
            rival = self.target.rivals[number] if self.target.rivals else None
            position = self.answer.predicting_position(index)
            total = total + self.literal.logprob(final, position, self.answer.token_ids[index], rival)
        return total

    @property
    def keys(self) -> list[Key]:
        graph = self.between.graph
        return order(graph.layers, graph.heads, len(graph.groups))

    @property
    def receivers(self) -> list[Key]:
        return [*self.keys[len(self.between.graph.groups) :], ("logits", self.between.graph.layers, -1)]

    def run(self, kept: np.ndarray) -> float:
        """The target with these edges alone."""
        wrong, _ = self.literal.run(self.sources[1])
        pairs = {(self.keys[s], self.receivers[r]) for s, r in zip(*kept.nonzero(), strict=True)}
        with torch.no_grad():
            _, final = self.literal.run(self.sources[0], wrong, pairs)
            return float(self.read(final))


def both(model: TransformersModel, answer: Answer, target: Target, corruption: Corruption) -> Both:
    between = Interchange(model, answer, target, corruption)
    network = eager_network(model.card.source)
    sources = []
    for run in (between.clean, between.corrupted):
        embedded = run.inputs[0]
        assert embedded is not None
        own = []
        for group in between.graph.groups:
            part = torch.zeros_like(embedded).double()
            part[list(group.positions)] = embedded[list(group.positions)].double()
            own.append(part)
        sources.append(own)
    literal = Literal(network, len(between.clean.final))
    return Both(between, literal, (sources[0], sources[1]), target, between.answer)


def asked(model: TransformersModel, picture: Image.Image) -> tuple[Answer, Corruption]:
    """An answer with words twice, and the same prompt with another picture and other words."""
    answer = sampled(model, "the dog the dog?", picture)
    question = sampled(model, "dog the the dog?", picture.rotate(180), tokens=1).question
    return answer, OtherPrompt(question)


@pytest.mark.parametrize("target", [Target((1,)), Target((0, 2), (40, 41))])
def test_runs_with_some_edges_are_those_that_are_written_out(
    double: TransformersModel, picture: Image.Image, target: Target
) -> None:
    answer, corruption = asked(double, picture)
    pair = both(double, answer, target, corruption)
    between, chance = pair.between, np.random.default_rng(0)
    edges = between.edges
    assert between.run(edges) == pytest.approx(between.clean_logprob, abs=1e-9)
    assert between.run(edges & False) == pytest.approx(between.corrupted_logprob, abs=1e-9)
    assert abs(between.clean_logprob - between.corrupted_logprob) > 1e-3
    assert pair.run(edges) == pytest.approx(between.clean_logprob, abs=1e-5)
    for share in (0.05, 0.3, 0.6, 0.95):
        kept = edges & (chance.random(edges.shape) < share)
        expected = pair.run(kept)
        assert between.run(kept) == pytest.approx(expected, abs=2e-5)
        # Edges that no way leads over change nothing.
        assert between.run(between.graph.alive(kept)) == pytest.approx(expected, abs=2e-5)
    assert expected != pytest.approx(between.clean_logprob, abs=1e-4)


@pytest.mark.parametrize("steps", [1, 3])
def test_scores_are_those_that_are_written_out(double: TransformersModel, picture: Image.Image, steps: int) -> None:
    answer, corruption = asked(double, picture)
    pair = both(double, answer, Target((0, 2), (40, 41)), corruption)
    between = pair.between
    scores = edge_scores(between, steps)
    clean, _ = pair.literal.run(pair.sources[0])
    wrong, _ = pair.literal.run(pair.sources[1])
    expected = np.zeros(scores.edges.shape)
    for step in range(steps):
        share = (step + 0.5) / steps
        embedded = [b + share * (a - b) for a, b in zip(*pair.sources, strict=True)]
        for r, receiver in enumerate(pair.receivers):
            gradient = own_gradient(pair, embedded, receiver)
            for s, sender in enumerate(pair.keys):
                if between.edges[s, r]:
                    expected[s, r] += float(((clean[sender] - wrong[sender]) * gradient).sum()) / steps
    np.testing.assert_allclose(scores.edges, expected, atol=1e-4 * np.abs(expected).max())
    sources = len(between.graph.groups)
    by_group = [scores.by_position[:, list(group.positions)].sum(1) for group in between.graph.groups]
    np.testing.assert_allclose(np.stack(by_group) * between.edges[:sources], scores.edges[:sources], atol=1e-9)


def own_gradient(pair: Both, embedded: list[torch.Tensor], receiver: Key) -> torch.Tensor:
    """The gradient of what one part reads, through that part alone: a probe is added to its input and nothing else."""
    probe = torch.zeros_like(embedded[0]).requires_grad_()

    class Probed(Literal):
        def head(self, layer: int, head: int, state: torch.Tensor) -> torch.Tensor:
            return super().head(layer, head, state + probe if receiver == ("head", layer, head) else state)

        def mlp(self, layer: int, state: torch.Tensor) -> torch.Tensor:
            return super().mlp(layer, state + probe if receiver == ("mlp", layer, -1) else state)

    _, final = Probed(pair.literal.network, pair.literal.rows).run(embedded)
    read = pair.read(final + probe if receiver[0] == "logits" else final)
    (gradient,) = torch.autograd.grad(read, probe)
    return gradient


def test_path_patching_is_written_out_and_scores_rank_edges_as_it_does(
    double: TransformersModel, picture: Image.Image
) -> None:
    answer, corruption = asked(double, picture)
    pair = both(double, answer, Target((1,)), corruption)
    between, chance = pair.between, np.random.default_rng(1)
    every = [(int(s), int(r)) for s, r in zip(*between.edges.nonzero(), strict=True)]
    patched = patched_edges(between, every)
    for number in chance.permutation(len(every))[:12]:
        kept = between.edges.copy()
        kept[every[number]] = False
        assert patched[number] == pytest.approx(between.clean_logprob - pair.run(kept), abs=2e-5)
    scores = edge_scores(between, 5).edges
    estimated = np.array([scores[edge] for edge in every])
    assert float(spearman(estimated, patched)) > 0.9
    first = np.argsort(-np.abs(patched))[:20]
    assert float(spearman(estimated[first], patched[first])) > 0.9
    with pytest.raises(ValueError, match="no edge"):
        patched_edges(between, [(between.graph.senders - 1, 0)])
    graph = between.graph
    names = [(graph.sending[sender].name, graph.receiving[receiver].name) for sender, receiver in every[:3]]
    by_name = path_patching(double, answer, Target((1,)), corruption, names)
    assert by_name.edges == tuple(names) and by_name.carried == pytest.approx(patched[:3])
    with pytest.raises(UnknownName, match="no edge from logits"):
        path_patching(double, answer, Target((1,)), corruption, [("logits", names[0][1])])


@pytest.mark.parametrize("kind", list(REFUSED))
def test_networks_that_are_no_such_sum_are_refused(
    kind: str, picture: Image.Image, tmp_path_factory: pytest.TempPathFactory
) -> None:
    model = load(REFUSED[kind](tmp_path_factory.mktemp("refused")))
    answer = sampled(model, "the dog?", picture)
    with pytest.raises(NotApplicable, match="Patch all at once"):
        Interchange(model, answer, Target((1,)), OtherImages((picture.rotate(180),)))


def test_prompts_of_other_lengths_are_refused(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "the dog?", picture)
    longer = sampled(llava, "the dog and the dog?", picture, tokens=1).question
    with pytest.raises(NotApplicable, match="as many tokens"):
        Interchange(llava, answer, Target((1,)), OtherPrompt(longer))


def test_a_stop_leaves_nothing_behind(llava: TransformersModel, picture: Image.Image) -> None:
    answer, corruption = asked(llava, picture)
    before, hooks = llava.replay_logits(answer), hooks_of(llava)
    between = Interchange(llava, answer, Target((1,)), corruption)
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        edge_scores(between, 3, cancel=cancel, progress=lambda done: done > 0.5 and cancel.cancel())
    with pytest.raises(Cancelled):
        between.run(between.edges & (np.random.default_rng(0).random(between.edges.shape) < 0.5), cancel)
    assert hooks_of(llava) == hooks and (llava.replay_logits(answer) == before).all()
    assert all(parameter.grad is None and parameter.requires_grad for parameter in llava.network.parameters())
