"""Loading a processor that reads an image in the same way with and without torchvision.

Where torchvision is installed, `transformers` resizes images with it instead of with Pillow, and rounds otherwise:
values of single pixels differ by one or two in 255, and with them an answer's probabilities and every map. Figures
would depend on what else is installed, so images are always read with Pillow, which is always there.

Without torchvision, the processors of families that also take videos cannot be made, for their video processor needs
it. Images do not, so such a processor is loaded from the same folder without its video part.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from transformers import AutoConfig, AutoImageProcessor, AutoProcessor
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

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
        processor_class = PROCESSOR_MAPPING[type(AutoConfig.from_pretrained(folder, **LOCAL))]
        if "video_processor" not in processor_class.get_attributes():
            raise
        return _without_video(processor_class).from_pretrained(folder, **LOCAL)


def _without_video(processor_class: Any) -> Any:
    """The same processor class, whose video processor is not loaded."""
    attributes = [name for name in processor_class.get_attributes() if name != "video_processor"]
    place = processor_class.get_attributes().index("video_processor")

    class ImageOnly(processor_class):
        video_processor = SimpleNamespace(model_input_names=[], num_frames=None, fps=None)

        @classmethod
        def get_attributes(cls) -> list[str]:
            return attributes

        @classmethod
        def _get_arguments_from_pretrained(cls, *args: Any, **kwargs: Any) -> list[Any]:
            # The constructor still takes the parts by position.
            parts = list(super()._get_arguments_from_pretrained(*args, **kwargs))
            parts.insert(place, None)
            return parts

    # transformers looks the class up by its name.
    ImageOnly.__name__ = processor_class.__name__
    return ImageOnly
