"""Loading a processor that reads an image in the same way with and without torchvision.

Where torchvision is installed, `transformers` resizes images with it instead of with Pillow, and rounds otherwise:
values of single pixels differ by one or two in 255, and with them an answer's probabilities and every map. Figures
would depend on what else is installed, so images are always read with Pillow, which is always there.

Without torchvision, the processors of families that also take videos cannot be made, for their video processor needs
it. Images do not, so such a processor is loaded from the same folder without its video part.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import transformers
from transformers import AutoConfig, AutoImageProcessor, AutoProcessor
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

from .files import read_json

LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


def load_processor(folder: Path) -> Any:
    """The processor of a local model folder, which takes images and text. Raises what `transformers` raises,
    ImportError where it needs a package that is not installed."""
    processor = _as_installed(folder)
    if getattr(getattr(processor, "image_processor", None), "backend", None) == "torchvision":
        processor.image_processor = AutoImageProcessor.from_pretrained(folder, backend="pil", **LOCAL)
    return processor


def _as_installed(folder: Path) -> Any:
    try:
        return AutoProcessor.from_pretrained(folder, **LOCAL)
    except (ImportError, ValueError) as error:
        if "torchvision" not in str(error).lower():
            raise
        processor_class = _class_of(folder)
        if processor_class is None or "video_processor" not in processor_class.get_attributes():
            raise
        return _without_video(processor_class).from_pretrained(folder, **LOCAL)


def _class_of(folder: Path) -> Any:
    """The processor class that the folder's files name, or else that of its model type; None where neither is
    known."""
    for file in ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json"):
        path = folder / file
        name = read_json(path).get("processor_class") if path.is_file() else None
        if isinstance(name, str) and isinstance(named := getattr(transformers, name, None), type):
            return named
    config = type(AutoConfig.from_pretrained(folder, **LOCAL))
    return PROCESSOR_MAPPING.get(config, None)


class _NoVideo(dict[str, Any]):
    """Stands in the place of a video processor: it has none of its settings, and is written down as nothing."""

    model_input_names: ClassVar[list[str]] = []

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


def _without_video(processor_class: Any) -> Any:
    """The same processor class, whose video processor is not loaded."""
    attributes = processor_class.get_attributes()

    class Parts(processor_class):
        @classmethod
        def get_attributes(cls) -> list[str]:
            return [name for name in attributes if name != "video_processor"]

    class ImageOnly(processor_class):
        @classmethod
        def _get_arguments_from_pretrained(cls, *args: Any, **kwargs: Any) -> list[Any]:
            # The constructor takes the parts by position, in an order that differs from family to family.
            parts = list(Parts._get_arguments_from_pretrained(*args, **kwargs))
            parts.insert(attributes.index("video_processor"), _NoVideo())
            return parts

        def check_argument_for_proper_class(self, name: str, part: Any) -> Any:
            return _NoVideo if isinstance(part, _NoVideo) else super().check_argument_for_proper_class(name, part)

    # transformers looks classes up by their names.
    Parts.__name__ = ImageOnly.__name__ = processor_class.__name__
    return ImageOnly
