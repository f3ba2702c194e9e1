"""Does what a probe reads turn the answer? A direction in doses, what it does on average, and a slider to try it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import streamlit as st
from jaxtyping import Bool

from ...answer import Decoding, Question
from ...cases.steering.figures import Dose, Steering
from ...cases.steering.summary import SteeringFile
from ...cases.steering.verdict import RULE, sentence, verdict
from ...cases.steering.words import target_of
from ...charts.curves import Measured, series_curves
from ...charts.overlays import fit
from ...comparison.words import words
from ...errors import NotApplicable
from ...probes.states import PLACE_NAMES, places_of
from ...probes.steering import shift
from ...statistics.estimate import computed
from ...street.draw import draw
from ...street.recipe import SceneRecipe
from ...street.scene import DOOR_KINDS, sample
from ...vlm.cancel import CancelToken
from ...vlm.generation import ask
from ...vlm.model import VisionLanguageModel
from ...vlm.targets import target_logprobs
from ..jobs.page import Report
from ..state.scenes import image_of
from ..widgets import spoken
from ..widgets.chips import escaped
from ..widgets.folded import folded
from ..widgets.scripts import show_command
from ..widgets.tables import Row
from ..widgets.taken_charts import save_chart
from .view import STEERED, CasesView, Tried

TRIED = 24
MOST = 8.0
"""The largest dose of the slider."""
ASKED = ("no", "yes")
"""What "Is the door open?" asks for where it is closed, and where it is open."""


def steering_figures(kept: SteeringFile, key: str) -> None:
    """The verdict, the dose-response curve of the layer that was chosen, and side effects."""
    found = kept.steering
    st.text(f"{verdict(found).capitalize()}. {sentence(found)}")
    layer = found.best.layers[0]
    doses = [one for one in found.doses if one.layer == layer]
    series = {
        "the label's direction": [Measured(one.dose, one.change) for one in doses],
        "random directions, least": [Measured(one.dose, computed(one.random[0], "nats")) for one in doses],
        "random directions, most": [Measured(one.dose, computed(one.random[1], "nats")) for one in doses],
    }
    controls = [name for name in series if name.startswith("random")]
    chart = series_curves(series, title="change in log-odds (nats)", axis="dose", controls=controls)
    st.altair_chart(chart, width="content", alt=f"change in log-odds by dose into layer {layer}")
    save_chart(chart, f"steering-{key}", f"save_steering_{key}", dose_rows(found.doses))
    sides = ""
    if found.sides:
        told = "; ".join(
            f"{escaped(side.family)} {spoken.share(side.changed)} (random {spoken.share(side.random_changed)})"
            for side in found.sides
        )
        sides = f" Side effects, answers to other questions that a whole dose changes: {told}."
    folded(
        f"Added to what goes into layer {layer}, {PLACE_NAMES[found.at]}; {found.used:,} cases. A dose of 1 is the "
        f"whole difference between the mean states of “{escaped(found.values[0])}” and “{escaped(found.values[1])}”.",
        f"{escaped(RULE)} The direction was found at {PLACE_NAMES[found.found_at]} over other pictures"
        f"{f' ({escaped(found.direction_of)})' if found.direction_of else ''}.{sides}",
    )
    show_command(kept.command)


def dose_rows(doses: tuple[Dose, ...]) -> list[Row]:
    """The figures of every layer and dose."""
    return [
        {
            "into layer": one.layer,
            "dose": one.dose,
            "change (nats)": one.change.value,
            "from": one.change.low,
            "to": one.change.high,
            "random, least": one.random[0],
            "random, most": one.random[1],
            "follows": one.follows.value,
            "random follows, most": one.random_follows,
            "cases": one.change.count,
        }
        for one in doses
    ]


def slider(view: CasesView, model: VisionLanguageModel, found: Steering, thing: str, key: str) -> None:
    """A drawn scene, a dose, and what the model then says."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        seed = int(
            st.number_input(
                "Scene", 0, 99_999, first_scene(), key=f"cases_{key}_scene", persist_state="session", width=130
            )
        )
        layers = range(len(found.vectors[0].by_layer))
        layer = int(
            st.selectbox(
                "Into layer",
                layers,
                index=layers[found.best.layers[0]],
                key=f"cases_{key}_layer",
                persist_state="session",
                width=120,
            )
        )
        dose = float(
            st.slider("Dose", -MOST, MOST, 0.0, 0.5, key=f"cases_{key}_dose", persist_state="session", width=320)
        )
    recipe = SceneRecipe(seed)
    item = recipe.scene().the(thing)  # type: ignore[arg-type]
    if item is None or item.door is None:
        st.caption(f"Scene {seed} has no {thing}. Choose another scene.")
        return
    image = image_of(recipe)
    marked = draw(recipe.scene()).mask(thing, "door")  # type: ignore[arg-type]
    question = Question(f"Is the {thing}'s door open?", (image.image,), decoding=Decoding(max_new_tokens=TRIED))
    what = ("steered", model.card.fingerprint, found.of, *_ways(found), seed, layer, dose)

    def work(cancel: CancelToken, report: Report) -> None:
        view.results.keep(STEERED, what, tried(model, question, marked, found, layer, dose, cancel))

    if view.results.get(STEERED, what) is None:
        view.jobs.ensure(model, what, "asking with the direction added", f"{key}_steer", work)
    one = view.results.get(STEERED, what)
    if one is None:
        return
    with st.container(horizontal=True, gap="medium"):
        st.image(image.image.resize(fit(image.image.size, 200)), alt=f"scene {seed}")
        with st.container(width="stretch"):
            st.text(f"{question.text}\n→ {one.answer.text}")
            st.caption(f"The door is {item.door}. Log-odds of yes against no: {one.log_odds:+.2f} nats.")
            if not {word.plain for word in words(one.answer.text)[:1]} & set(ASKED):
                st.caption(
                    ":material/warning: This is neither yes nor no: so large a push makes states that the model has "
                    "never met. Take a smaller dose."
                )


def _ways(found: Steering) -> tuple[str, str, str]:
    """Where the direction is found, where it is added, and over which cases."""
    return found.found_at, found.at, found.direction_of


def tried(
    model: VisionLanguageModel,
    question: Question,
    marked: Bool[np.ndarray, "height width"],
    found: Steering,
    layer: int,
    dose: float,
    cancel: CancelToken,
) -> Tried:
    """Ask with a dose of the direction where it was measured; `marked` are the thing's pixels. Raises Cancelled,
    NotApplicable."""
    plain = ask(model, question, cancel=cancel, keep_attention=False)
    cancel.check()
    target = target_of(model, plain, ASKED) if plain.tokens else None
    if target is None:
        raise NotApplicable("The model does not answer this by yes or no. Choose another scene.")
    direction = found.vector(ASKED, layer)
    if direction is None:
        raise NotApplicable("No direction was found for questions of yes or no. Choose another label.")
    vector = dose * direction
    positions = places_of(plain, (target,), marked)[found.at]
    with model.edited(shift(layer, positions, vector)):
        answer = ask(model, question, cancel=cancel, keep_attention=False)
        cancel.check()
        logits = model.replay_logits(answer)
    return Tried(answer, float(target_logprobs(logits, (replace(target, index=0),))[0]))


def of_label(kept: list[SteeringFile], label: str) -> list[SteeringFile]:
    """Those of a label."""
    return [one for one in kept if one.steering.label == label]


def steered_title(found: Steering) -> str:
    """Which direction is added, and where."""
    whose = found.direction_of.removeprefix("drawn streets: ") or found.label
    return f"The {escaped(whose)}'s direction ({PLACE_NAMES[found.found_at]}), added at: {PLACE_NAMES[found.at]}"


@st.cache_data(show_spinner=False)
def first_scene() -> int:
    """The first scene with a truck and a house whose doors can be seen."""
    for seed in range(10_000):
        scene = sample(seed)
        if all(scene.the(kind) is not None for kind in DOOR_KINDS):
            drawing = draw(scene)
            if all(drawing.mask(kind, "door").sum() > 60 for kind in DOOR_KINDS):
                return seed
    return 0
