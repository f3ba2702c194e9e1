"""Networks in which an encoder reads the question and a decoder writes the answer."""

from __future__ import annotations

import string
from typing import Any

import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from ..recipe import SIZE, Recipe, tower

CONTROL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = ("what", "which", "is", "this", "the", "a", "one", "cat", "where", "it", "and", "?")


def _word_pieces() -> Any:
    """A tokenizer as BERT's, of a few words and of letters."""
    letters = string.ascii_lowercase + string.digits
    pieces = (*CONTROL, *WORDS, *(c for c in letters if c not in WORDS), *(f"##{c}" for c in letters))
    tokenizer = Tokenizer(models.WordPiece({piece: n for n, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    ends = [(name, CONTROL.index(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    names = {f"{name.strip('[]').lower()}_token": name for name in CONTROL}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


def blip() -> Recipe:
    """BLIP for visual question answering. The token that opens an answer is none of the tokenizer's, as on the
    hub."""
    tokenizer = _word_pieces()
    config = transformers.BlipConfig(
        text_config={
            "vocab_size": len(tokenizer) + 2,
            "hidden_size": 64,
            "intermediate_size": 96,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "max_position_embeddings": 128,
            "bos_token_id": len(tokenizer),
            "sep_token_id": tokenizer.sep_token_id,
            "pad_token_id": tokenizer.pad_token_id,
            "initializer_range": 0.2,
        },
        vision_config={**tower(hidden_size=64), "initializer_range": 0.02},
    )
    images = {"image_processor_type": "BlipImageProcessor", "size": SIZE}
    return Recipe(
        config, "BlipProcessor", images, tokenizer, "", template=False, network_class="BlipForQuestionAnswering"
    )
