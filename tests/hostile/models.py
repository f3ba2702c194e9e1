"""Model folders that lie, break or never end: each damage is done to a copy of a whole one."""

from __future__ import annotations

import base64
import json
import os
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

WEIGHTS = "model.safetensors"

Damage = Callable[[Path], None]


def rewritten(name: str, change: Callable[[dict[str, Any]], None]) -> Damage:
    """A JSON file of the folder, changed."""

    def damage(folder: Path) -> None:
        value = json.loads((folder / name).read_text())
        change(value)
        (folder / name).write_text(json.dumps(value))

    return damage


def replaced(name: str, content: str) -> Damage:
    """A file of the folder with other content."""

    def damage(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_text(content)

    return damage


def piped(name: str) -> Damage:
    """A pipe into which nobody writes, in the place of a file."""

    def damage(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)

    return damage


def with_header(change: Callable[[dict[str, Any]], object] | bytes) -> Damage:
    """The weights under another header: one that `change` makes of their own, or these bytes."""

    def damage(folder: Path) -> None:
        content = (folder / WEIGHTS).read_bytes()
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])
        made = change if isinstance(change, bytes) else json.dumps(change(header)).encode()
        (folder / WEIGHTS).write_bytes(struct.pack("<Q", len(made)) + made + content[8 + length :])

    return damage


def without(key: str) -> Callable[[dict[str, Any]], object]:
    return lambda header: {
        name: {what: value for what, value in tensor.items() if what != key} if name != "__metadata__" else tensor
        for name, tensor in header.items()
    }


def nested(depth: int = 100_000) -> str:
    return "[" * depth + "]" * depth


def indexed(weight_map: object) -> Damage:
    """Weights that only an index leads to."""

    def damage(folder: Path) -> None:
        (folder / WEIGHTS).rename(folder / "model-00001-of-00001.safetensors")
        (folder / f"{WEIGHTS}.index.json").write_text(json.dumps({"weight_map": weight_map}))

    return damage


def filled(value: float) -> Damage:
    """The weights, every number of them the same."""

    def damage(folder: Path) -> None:
        weights = load_file(folder / WEIGHTS)
        save_file(
            {name: torch.full_like(tensor, value) for name, tensor in weights.items()},
            folder / WEIGHTS,
            metadata={"format": "pt"},
        )

    return damage


def text_size(name: str, value: object) -> Damage:
    def change(config: dict[str, Any]) -> None:
        config["text_config"][name] = value

    return rewritten("config.json", change)


def tower_size(name: str, value: object) -> Damage:
    def change(config: dict[str, Any]) -> None:
        config["vision_config"][name] = value

    return rewritten("config.json", change)


def normalised(normalizer: object) -> Damage:
    def change(tokenizer: dict[str, Any]) -> None:
        tokenizer["normalizer"] = normalizer

    return rewritten("tokenizer.json", change)


def multiplied(times: int, steps: int, pattern: Mapping[str, str] | None = None) -> object:
    """A normaliser that makes `times` letters of one, so many times in a row."""
    step = {"type": "Replace", "pattern": dict(pattern or {"String": "a"}), "content": "a" * times}
    return {"type": "Sequence", "normalizers": [step] * steps}


def charsmap(longest: int) -> dict[str, str]:
    """A normaliser of SentencePiece that writes so many letters for one."""
    texts = b"a\0" + b"b" * longest + b"\0"
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(bytes(4) + texts).decode()}


REFUSED_AT_LOADING: Mapping[str, Damage] = {
    "header without dtype": with_header(without("dtype")),
    "header without shape": with_header(without("shape")),
    "header is a list": with_header(lambda header: [1, 2]),
    "header is deep": with_header(nested().encode()),
    "header of text offsets": with_header(
        lambda header: {name: {**tensor, "data_offsets": "ab"} for name, tensor in header.items()}
    ),
    "weight map is a list": indexed(["a", "b"]),
    "weight map is text": indexed("model.safetensors"),
    "weight map is deep": indexed([[[[{}]]]]),
    "config is deep": replaced("config.json", nested()),
    "config is a list": replaced("config.json", "[]"),
    "config is a pipe": piped("config.json"),
    "tokenizer is a pipe": piped("tokenizer.json"),
    "template is a pipe": piped("chat_template.jinja"),
    "weights are a pipe": piped(WEIGHTS),
    "processor config is a pipe": piped("preprocessor_config.json"),
    "index is a pipe": piped("model.safetensors.index.json"),
    "one of several templates is a pipe": lambda folder: (
        (folder / "chat_templates").mkdir(),
        piped("chat_templates/x.jinja")(folder),
    )[0],
    "no layers": text_size("num_hidden_layers", 0),
    "fewer than no layers": text_size("num_hidden_layers", -3),
    "layers in words": text_size("num_hidden_layers", "many"),
    "a million layers": text_size("num_hidden_layers", 10**6),
    "a million layers in the tower": tower_size("num_hidden_layers", 10**6),
    "no width": text_size("hidden_size", 0),
    "negative width": text_size("hidden_size", -64),
    "width in words": text_size("hidden_size", "wide"),
    "no heads": text_size("num_attention_heads", 0),
    "negative heads": text_size("num_attention_heads", -4),
    "huge width": text_size("hidden_size", 10**12),
    "no vocabulary": text_size("vocab_size", 0),
    "negative vocabulary": text_size("vocab_size", -5),
    "patches of nothing": tower_size("patch_size", 0),
    "negative patches": tower_size("patch_size", -8),
    "pictures of nothing": tower_size("image_size", 0),
    "no context": text_size("max_position_embeddings", 0),
    "tokenizer multiplies text": normalised(multiplied(1000, 6)),
    "tokenizer multiplies text a little, often": normalised(multiplied(2, 40)),
    "tokenizer multiplies by a pattern": normalised(multiplied(3000, 3, {"Regex": "."})),
    "tokenizer has a map of long texts": normalised(charsmap(10**6)),
    "tokenizer is deep": replaced("tokenizer.json", nested()),
    "processor config is deep": replaced("preprocessor_config.json", nested()),
    "template takes all memory": replaced("chat_template.jinja", "{{ 'a' | center(10000000000) }}"),
    "template computes a power": replaced("chat_template.jinja", "{{ 9 ** (9 ** 9) }}"),
}
"""What loading refuses, in a sentence."""

MESSAGES = "{% for m in messages %}{% for c in m.content %}{{ c.text or IMAGE }}{% endfor %}{% endfor %}"


def template(text: str) -> Damage:
    return replaced("chat_template.jinja", text.replace("IMAGE", "'<image>'"))


TOLD_WHEN_ASKED: Mapping[str, Damage] = {
    "image token outside": rewritten("config.json", lambda c: c.update(image_token_id=10**6, image_token_index=10**6)),
    "negative image token": rewritten("config.json", lambda c: c.update(image_token_id=-7, image_token_index=-7)),
    "template does not parse": template("{% for %}"),
    "template refuses": template("{{ raise_exception('Roles must alternate') }}"),
    "template fails": template("{{ messages[7].content }}"),
    "template never ends": template(
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}" + MESSAGES
    ),
    "template writes without end": template(
        "{% for i in range(99999) %}{% for j in range(99999) %}no{% endfor %}{% endfor %}"
    ),
    "template without a place for the picture": template(MESSAGES.replace("IMAGE", "''")),
    "template without a place for words": template("{% for m in messages %}<image>{% endfor %}"),
    "weights are no numbers": filled(float("nan")),
    "weights are infinite": filled(float("inf")),
    "weights are zero": filled(0.0),
}
"""What is told in a sentence when the model is asked about a picture."""


def without_tokenizer(*files: tuple[str, bytes]) -> Damage:
    """Other files in the place of tokenizer.json."""

    def damage(folder: Path) -> None:
        (folder / "tokenizer.json").unlink()
        for name, content in files:
            (folder / name).write_bytes(content)

    return damage


OTHER_TOKENIZERS: Mapping[str, Damage] = {
    "no tokenizer at all": without_tokenizer(),
    "an empty model": without_tokenizer(("tokenizer.model", b"")),
    "text for a model": without_tokenizer(("tokenizer.model", b"IQ== 0\nIg== 1\n" * 500)),
    "bytes for a model": without_tokenizer(("tokenizer.model", bytes(range(256)) * 500)),
    "a vocabulary and no merges": without_tokenizer(("vocab.json", b'{"a": 0}')),
    "a vocabulary of odd numbers": without_tokenizer(("vocab.json", b'{"a": -1, "b": 1e400}'), ("merges.txt", b"a b")),
    "merges of bytes": without_tokenizer(("vocab.json", b'{"a": 0}'), ("merges.txt", bytes(range(256)) * 99)),
    "a deep vocabulary": without_tokenizer(("vocab.json", nested().encode()), ("merges.txt", b"")),
    "words of bytes": without_tokenizer(("vocab.txt", bytes(range(256)) * 99)),
    "one word without end": without_tokenizer(("vocab.txt", b"x" * 10**6)),
}
"""Tokenizers that are read from other files than tokenizer.json, none of which is one."""

CONDITIONAL: Mapping[str, str] = {
    "multiplies": "{{ 'a' * 10 ** 11 }}",
    "centres": "{{ 'a' | center(99999999999) }}",
    "formats": "{{ '%99999999999d' | format(1) }}",
    "doubles": "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(40) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    "counts": "{% set x = (8 + messages|length) ** (9 ** 9) %}",
}
"""What takes all memory or never ends, at once, for conversations of two turns alone."""


def conditional(work: str) -> Damage:
    def damage(folder: Path) -> None:
        file = folder / "chat_template.jinja"
        file.write_text(f"{{% if messages|length > 1 %}}{work}{{% endif %}}{file.read_text()}")

    return damage
