"""The small tokenizer of the embedded model: BPE trained on the street corpus, with byte fallback.

Llama's scheme at a fiftieth of its size: a space is written "▁", frequent words become one token, rarer ones
several, and any character outside the alphabet falls back to its UTF-8 bytes, so nothing that can be typed is
unrepresentable. Digits, punctuation and line breaks always stand alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

PAD, BOS, EOS, UNK, IMAGE, USER, ASSISTANT = "<pad>", "<s>", "</s>", "<unk>", "<image>", "<|user|>", "<|assistant|>"
SPECIAL = (PAD, BOS, EOS, UNK, IMAGE, USER, ASSISTANT)
VOCABULARY = 560
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}<|assistant|>{% else %}<|user|>{% endif %}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
"""`<s><|user|><image>Question<|assistant|>Answer</s><|user|>Next question<|assistant|>`"""


def _pieces() -> tuple[normalizers.Normalizer, pre_tokenizers.PreTokenizer, decoders.Decoder]:
    normalizer = normalizers.Replace(" ", "▁")
    splitter = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex("▁"), "merged_with_next"),
            pre_tokenizers.Split(Regex(r"[\n\t]|\p{N}|\p{P}(?<!▁)"), "isolated"),
        ]
    )
    decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return normalizer, splitter, decoder


def train_tokenizer(corpus: Iterable[str]) -> PreTrainedTokenizerFast:
    """A tokenizer of at most `VOCABULARY` tokens: special tokens, 256 bytes, printable ASCII and BPE merges."""
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    normalizer, splitter, decoder = _pieces()
    learner = Tokenizer(models.BPE(unk_token=UNK))
    learner.normalizer, learner.pre_tokenizer = normalizer, splitter
    alphabet = [chr(code) for code in range(33, 127)] + ["▁", "\n"]
    learner.train_from_iterator(
        corpus,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY - len(byte_tokens),
            special_tokens=list(SPECIAL),
            initial_alphabet=alphabet,
            limit_alphabet=len(alphabet),
            show_progress=False,
        ),
    )
    learned = json.loads(learner.to_str())["model"]
    order = sorted(learned["vocab"], key=learned["vocab"].__getitem__)
    tokens = [*SPECIAL, *byte_tokens, *(token for token in order if token not in SPECIAL)]
    tokenizer = Tokenizer(
        models.BPE(
            vocab={token: index for index, token in enumerate(tokens)},
            merges=[tuple(merge) for merge in learned["merges"]],
            unk_token=UNK,
            byte_fallback=True,
            fuse_unk=True,
        )
    )
    tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.decoder = normalizer, splitter, decoder
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        unk_token=UNK,
        extra_special_tokens={"image_token": IMAGE},
        padding_side="left",
        model_max_length=2048,
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )
