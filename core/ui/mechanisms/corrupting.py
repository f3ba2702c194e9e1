"""How the run is corrupted that tracing repairs: noise on the picture or on words, another picture, or another
question."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import streamlit as st
from PIL.Image import Image

from ...answer import Answer, Fill, RegionMask, TokenKind
from ...attention.words import question_words
from ...charts.tokens import cut, visible
from ...masking import Canvas, apply_mask, as_seen
from ...mechanisms.causal_tracing import SAMPLES_HELP, SCALE_HELP
from ...mechanisms.corruption import Corruption, Noise, OtherPrompt
from ...perturb.perturbation import OtherImages
from ...street.recipe import Change, possible_changes
from ..state.scenes import image_of
from ..state.workspace import Workspace

NOISE, OTHER, WORDS, QUESTION = "noise on the picture", "another picture", "noise on words", "another question"
FILLS: dict[Fill, str] = {"mean": "a blank one of its mean colour", "blur": "itself, blurred"}
SHOWN = 120
"""Pixels of the other picture's longer side on screen."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """A corruption, what results under it are kept under, and in words what it is. Untrusted text."""

    corruption: Corruption
    key: Hashable
    named: str


def choose(workspace: Workspace, answer: Answer) -> Chosen | None:
    """The controls of the corruption, side by side in whatever holds them; None, and a sentence, for none."""
    kinds = (NOISE, OTHER, WORDS, QUESTION) if answer.question.images else (WORDS, QUESTION)
    kind = st.segmented_control(
        "Corrupt by",
        kinds,
        default=kinds[0],
        required=True,
        key=f"mechanisms_corrupt_{len(kinds)}",
        persist_state="session",
        wrap=True,
    )
    if kind == OTHER:
        return _other(workspace, answer)
    if kind == QUESTION:
        return _question(answer)
    return _noise("the image tokens", answer.layout.positions(TokenKind.IMAGE)) if kind == NOISE else _words(answer)


def _noise(where: str, positions: tuple[int, ...]) -> Chosen:
    scale = float(
        st.number_input(
            "Noise (standard deviations)",
            0.1,
            20.0,
            3.0,
            0.5,
            key="mechanisms_noise",
            persist_state="session",
            width=190,
            help=SCALE_HELP,
        )
    )
    samples = st.number_input(
        "Samples", 1, 50, 5, key="mechanisms_samples", persist_state="session", width=120, help=SAMPLES_HELP
    )
    corruption = Noise(positions, scale, samples)
    return Chosen(corruption, corruption, f"noise of {scale:g} standard deviations on {where}, {samples} samples")


def _words(answer: Answer) -> Chosen | None:
    words = question_words(answer)
    picked = st.multiselect(
        "Words",
        range(len(words)),
        default=list(range(len(words))),
        format_func=lambda number: visible(words[number].text),
        key=f"mechanisms_words_{len(words)}",
        persist_state="session",
        width=330,
    )
    if not picked:
        st.text("Choose at least one word.")
        return None
    positions = tuple(position for number in sorted(picked) for position in words[number].positions)
    return _noise("“" + " ".join(visible(words[number].text) for number in sorted(picked)) + "”", positions)


def _other(workspace: Workspace, answer: Answer) -> Chosen:
    """Another picture in the place of the one shown: of the same scene with one change, blank, or blurred."""
    changes = _changes(workspace, answer)
    options: list[Change | Fill] = [*changes, *FILLS]
    number = st.selectbox(
        "Other picture",
        range(len(options)),
        format_func=lambda index: _name(options[index]),
        key=f"mechanisms_other_{len(options)}_{workspace.inspected.id if workspace.inspected else ''}",
        persist_state="session",
        width=330,
    )
    chosen = options[number]
    images = list(as_seen(answer.question))
    other = images[workspace.shown_image] = _image(workspace, answer, images[workspace.shown_image], chosen)
    st.image(other, width=SHOWN, alt=_name(chosen))
    corruption = OtherImages(tuple(images))
    return Chosen(corruption, ("other", str(chosen), workspace.shown_image), f"another picture: {_name(chosen)}")


def _question(answer: Answer) -> Chosen | None:
    """Another question about the same pictures."""
    text = st.text_input(
        "Other question",
        max_chars=2000,
        key="mechanisms_other_question",
        persist_state="session",
        width=330,
        help="It must take as many tokens as this one, such as the same with one word changed.",
    ).strip()
    if not text or text == answer.question.text:
        st.text(f"Type a question that takes as many tokens as “{cut(answer.question.text, 80)}”.")
        return None
    corruption = OtherPrompt(answer.question.with_text(text))
    return Chosen(corruption, ("question", text), f"another question: “{text}”")


def _changes(workspace: Workspace, answer: Answer) -> list[Change]:
    """What can be changed in a drawn scene, first what the question names: the part, or else the thing."""
    image = workspace.inspected.image if workspace.inspected else None
    if image is None or image.recipe is None or len(answer.question.images) > 1:
        return []
    asked = answer.question.text.casefold()
    every = [change for group in possible_changes(image.recipe.scene()).values() for change in group]
    return sorted(every, key=lambda change: (change.kind not in asked, change.group.split()[-1] not in asked))


def _name(option: Change | Fill) -> str:
    return FILLS[option] if isinstance(option, str) else option.sentence


def _image(workspace: Workspace, answer: Answer, image: Image, option: Change | Fill) -> Image:
    if isinstance(option, str):
        return apply_mask(image, RegionMask(np.ones((image.height, image.width), bool), option))
    assert workspace.inspected is not None and workspace.inspected.image is not None
    recipe = workspace.inspected.image.recipe
    assert recipe is not None
    (changed,) = Canvas([image_of(recipe.changed(option)).image]).painted(answer.question.masks)
    return changed
