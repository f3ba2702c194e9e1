"""The embedded model as it was before it saw a picture: the same network with its language weights of then.

Training begins with text alone, and what the language model was at the end of that is kept beside the model. Put back
into it, the two can be asked the same textual questions, and what pictures changed can be measured. Asked about a
picture it can only guess: its tower and projector are of later.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from transformers import LlamaForCausalLM

from ..errors import ModelUnavailable
from ..typed_paths import is_folder, typed_path
from ..vlm.hf.files import fingerprint, weight_files
from ..vlm.hf.network import TransformersModel
from ..vlm.loading import EMBEDDED, ModelSpec, load_model
from ..vlm.model import VisionLanguageModel
from .train import LANGUAGE_BEFORE


def load_before(spec: ModelSpec = EMBEDDED) -> VisionLanguageModel:
    """The model of a folder with the language weights from before its visual training, under a fingerprint of its own.

    Raises ModelUnavailable where they are not there, are damaged or belong to another model.
    """
    folder = typed_path(spec.source) / LANGUAGE_BEFORE
    if not is_folder(folder):
        raise ModelUnavailable(
            f"What {Path(spec.source).name} was before it saw pictures is not known: its folder has no "
            f"{LANGUAGE_BEFORE}. Choose the embedded model."
        )
    weights = weight_files(folder)
    model = load_model(spec)
    assert isinstance(model, TransformersModel)
    try:
        language, report = LlamaForCausalLM.from_pretrained(
            folder, dtype=model.network.dtype, local_files_only=True, output_loading_info=True
        )
        if report["missing_keys"]:  # transformers would fill them with random numbers and go on
            raise ValueError("tensors are missing")
        model.network.get_decoder().load_state_dict(language.model.state_dict())
        model.network.get_output_embeddings().load_state_dict(language.lm_head.state_dict())
    except Exception as error:  # a damaged file can fail anywhere in the constructors
        raise ModelUnavailable(
            f"The weights in {LANGUAGE_BEFORE} of {model.card.name} cannot be put into it ({type(error).__name__}). "
            "Download the model again."
        ) from error
    own = f"{fingerprint(folder, weights)}-{model.card.fingerprint}"
    model.card = replace(model.card, name=f"{model.card.name} before pictures", fingerprint=own)
    return model
