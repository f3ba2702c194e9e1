"""A script: from pictures and question to a figure, in a few lines of the library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PureWindowsPath
from typing import Any, get_args

from PIL import Image

from ..answer import Answer, Decoding, Question
from ..errors import UnreadableRecipe
from ..runs.manifest import KeptModel
from ..runs.turns import Source
from ..street.draw import draw
from ..street.recipe import from_params
from ..street.scene import sample
from ..vlm.spec import EMBEDDED, EMBEDDED_MODELS, DType, ModelSpec, embedded_name
from .base import Renderer
from .case import Case
from .code import CannotBeWritten, Code, Writer
from .registry import renderer

NOT_SAID = {"history": (), "decoding": Decoding(), "masks": (), "images_at": (), "clips": ()}
"""What a question has of which nothing need be written."""
FOR_CAPTIONS = (
    *("target", "token_targets", "head", "heads", "positions", "layers", "image", "video", "radius"),
    *("graph", "token", "layer", "left_out", "cut", "clip", "patches", "received"),
    *("view", "measure", "common", "opacity", "of_question"),
)
"""What of `about` figures are drawn with, where the result does not say it itself."""


@dataclass(frozen=True, eq=False)
class Setting:
    """What a script begins with: the model that answered, where it is known, and by which code each picture of the
    question is had."""

    model: KeptModel | None = None
    pictures: Sequence[str] = ()
    other_pictures: Mapping[int, str] = field(default_factory=dict)
    """Code of further pictures, by their ids."""


def script(kind: str, case: Case, setting: Setting) -> str:
    """The script of all figures of a result. Raises CannotBeWritten, with a sentence."""
    own, write = renderer(kind), Writer(setting.other_pictures)
    code = own.code(case, write)
    begun = _beginning(case.answer, setting, write)
    ended = _ending(own, case, write)
    parts = [["import sightline", *write.imports], begun, [*code.lines], ended]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def steps(kind: str, case: Case, setting: Setting) -> tuple[Code, tuple[str, ...]]:
    """The lines that compute a result from `model` and `answer` alone, and the imports that they need. Raises
    CannotBeWritten."""
    write = Writer(setting.other_pictures)
    code = renderer(kind).code(case, write)
    return code, write.imports


def model_code(model: KeptModel | ModelSpec | None, write: Writer) -> str:
    """The call that loads a model: one that answered, or whichever a specification names."""
    if model is None:
        return "sightline.load_model()"
    if isinstance(model, ModelSpec):
        return _loading(model, model.source, "" if model.dtype == "auto" else model.dtype, write)
    spec, card = model.spec, model.card
    source = spec.source if spec is not None else card.source or card.name
    return _loading(spec, source, card.dtype if spec is None or spec.dtype == "auto" else spec.dtype, write)


def _loading(spec: ModelSpec | None, source: str, precision: str, write: Writer) -> str:
    given = {}
    if precision in get_args(DType):
        given["precision"] = write.literal(precision)
    if spec is not None and spec.device != "auto":
        given["device"] = write.literal(spec.device)
    if spec is not None and spec.quantisation != "none":
        given["quantisation"] = write.literal(spec.quantisation)
    if spec is not None and spec.adapter is not None:
        given["adapter"] = write.literal(spec.adapter)
    named = embedded_name(source)
    unnamed = named is not None and EMBEDDED_MODELS[named] == EMBEDDED
    arguments = [] if unnamed else [write.literal(named or source)]
    arguments += [f"{name}={value}" for name, value in given.items()]
    return f"sightline.load_model({', '.join(arguments)})"


def question_code(question: Question, pictures: Sequence[str], write: Writer) -> str:
    """The call that makes a question about these pictures, which are code. Raises CannotBeWritten."""
    given = {}
    if question.images:
        given["images"] = f"[{', '.join(pictures)}]"
    for name, empty in NOT_SAID.items():
        value = getattr(question, name)
        if value != empty:
            given[name] = write.literal(value)
    return write.call(Question, write.literal(question.text), **given)


def picture_codes(question: Question, sources: Sequence[Source], write: Writer) -> tuple[str, ...]:
    """Code for each picture of a question: the drawing of a scene, where that is what it is, or the name of its file,
    which must lie where the script is run."""
    names = _file_names(question, sources)
    codes = []
    for number, image in enumerate(question.images):
        drawn = _scene_code(image, sources[number], write) if len(sources) == len(question.images) else None
        codes.append(drawn or write.literal(names[number]))
    return tuple(codes)


def _file_names(question: Question, sources: Sequence[Source]) -> list[str]:
    """A name for each picture, no two alike."""
    known = len(sources) == len(question.images)
    names: list[str] = []
    for number in range(len(question.images)):
        name = PureWindowsPath(sources[number].name).name if known else ""
        plain = "".join(letter for letter in name if letter.isprintable())[:80]
        names.append(plain if "." in plain and plain not in names else f"picture-{number + 1}.png")
    return names


def _scene_code(image: Image.Image, source: Source, write: Writer) -> str | None:
    """The code that draws a picture; None where it is no drawn scene, or is drawn otherwise by this version."""
    if not source.scene:
        return None
    seed, changes = (source.scene.get(name, "") for name in ("scene", "changes"))
    try:
        recipe = from_params(seed or source.scene.get("seed", ""), changes)
        if draw(recipe.scene()).image.tobytes() != image.tobytes():
            return None
    except (UnreadableRecipe, ValueError):
        return None
    if draw(sample(recipe.seed)).image.tobytes() == image.tobytes():
        return f"sightline.street_scene({recipe.seed})"
    made = write.call(from_params, write.literal(str(recipe.seed)), write.literal(changes))
    return f"{write.named(draw)}({made}.scene()).image"


def _beginning(answer: Answer, setting: Setting, write: Writer) -> list[str]:
    question = question_code(answer.question, setting.pictures, write)
    said = write.literal(answer.text)
    return [
        f"model = {model_code(setting.model, write)}",
        f"question = {question}",
        "answer = sightline.ask(model, question)",
        f"assert answer.text == {said}, answer.text",
    ]


def _ending(own: Renderer, case: Case, write: Writer) -> list[str]:
    given = figure_arguments(case, write)
    arguments = "".join(f", {name}={value}" for name, value in given.items())
    lines = [f"figures = sightline.figures({write.literal(own.key)}, answer, result{arguments})"]
    for number, figure in enumerate(own.figures(case)):
        more = f"-{number + 1}" if number else ""
        ending = "csv" if figure.drawing is None else "svg"
        lines.append(f'figures[{number}].save("{own.key}{more}.{ending}")')
    return lines


def figure_arguments(case: Case, write: Writer) -> dict[str, str]:
    """What figures are drawn with beside the result, as code."""
    given: dict[str, str] = {}
    for name in FOR_CAPTIONS:
        if name not in case.about or (name == "target" and getattr(case.result, "target", None) is not None):
            continue
        value: Any = case.target if name == "target" else case.about[name]
        if value is None:
            continue
        try:
            given[name] = write.literal(value)
        except CannotBeWritten:
            continue
    return given
