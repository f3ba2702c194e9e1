"""Every kind of result comes back from disk as it was, and whatever happens to its files is told in a sentence."""

from __future__ import annotations

import inspect
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from core.answer import AttentionRows
from core.errors import NotWritten, RunDamaged
from core.evidence.settings import EvidenceSettings
from core.explainers.registry import explainers
from core.mechanisms.registry import mechanisms
from core.perturb.perturbation import Perturbation
from core.runs.codec import answers
from core.runs.codec.anything import Anything
from core.runs.codec.form import Given, Out
from core.runs.codec.hints import CONCRETE, form_of
from core.runs.kinds import KINDS, RunKind
from core.runs.pieces import decoded, encoded, read_piece, write_piece
from tests.runs.examples import Drawn, same


def round_trip(kind: RunKind[Any], value: Any, folder: Path) -> Any:
    pictures: dict[str, Image.Image] = {}

    def keep(image: Image.Image) -> str:
        return next((name for name, one in pictures.items() if one is image), None) or _named(image)

    def _named(image: Image.Image) -> str:
        pictures[f"p{len(pictures)}"] = image
        return f"p{len(pictures) - 1}"

    write_piece(folder, "one", "result", *encoded(kind.form, value, Out(keep)))
    piece = read_piece(folder, "one", "result")
    return decoded(kind.form, piece, Given(piece.tensors, pictures.__getitem__), "one.json")


@pytest.mark.parametrize("name", KINDS)
def test_a_result_of_every_kind_comes_back_as_it_was(name: str, tmp_path: Path) -> None:
    for seed in range(4):
        value = Drawn(seed).value(KINDS[name].hint)
        assert same(value, round_trip(KINDS[name], value, tmp_path)), f"drawn with seed {seed}"


@pytest.mark.parametrize("registry", [explainers, mechanisms])
def test_settings_of_every_method_can_be_kept(registry: Any) -> None:
    form = Anything()
    for method in registry().values():
        chosen = asdict(method.Settings())
        assert form.decode(json.loads(json.dumps(form.encode(chosen, Out()))), Given()) == chosen
    assert form.decode(form.encode(asdict(EvidenceSettings()), Out()), Given()) == asdict(EvidenceSettings())


def test_every_perturbation_can_be_kept() -> None:
    def below(kind: type) -> set[type]:
        return {kind}.union(*map(below, kind.__subclasses__()))

    own = {kind for kind in below(Perturbation) if kind.__module__.startswith("core.")}
    assert {kind for kind in own if not inspect.isabstract(kind)} == set(CONCRETE[Perturbation])


@dataclass(frozen=True)
class Later:
    """What a later version made of a dataclass."""

    name: str
    added: int = 3


def test_a_field_that_came_later_has_its_default_and_a_foreign_one_is_refused(tmp_path: Path) -> None:
    form = form_of(Later)
    write_piece(tmp_path, "old", "result", {"name": "a"}, {})
    assert decoded(form, read_piece(tmp_path, "old", "result"), Given(), "old.json") == Later("a")
    write_piece(tmp_path, "new", "result", {"name": "a", "color": 1}, {})
    with pytest.raises(RunDamaged, match=r"^new\.json is damaged: a Later has no 'color'\.$"):
        decoded(form, read_piece(tmp_path, "new", "result"), Given(), "new.json")


def test_what_has_no_form_is_refused_before_anything_is_written() -> None:
    with pytest.raises(TypeError, match="cannot be kept"):
        RunKind[object]("odd", inspect.Signature)


def test_nothing_but_declared_types_is_made_of_a_file(tmp_path: Path) -> None:
    form = form_of(Perturbation)
    for name in ("Popen", "NetworkPerturbation", "Answer", "__class__"):
        write_piece(tmp_path, "evil", "result", {"is": name, "value": {"args": ["touch", "x"]}}, {})
        with pytest.raises(RunDamaged, match="is none of HiddenPixels or"):
            decoded(form, read_piece(tmp_path, "evil", "result"), Given(), "evil.json")


KIND = KINDS["evidence"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """A piece with tensors, and its files as they were written."""
    folder = tmp_path_factory.mktemp("piece")
    write_piece(folder, "one", "result", *encoded(KIND.form, Drawn(1).value(KIND.hint), Out()))
    return folder, {file.name: file.read_bytes() for file in folder.iterdir()}


def read(folder: Path) -> Any:
    piece = read_piece(folder, "one", "result")
    return decoded(KIND.form, piece, Given(piece.tensors), "one.json")


def said(content: bytes) -> Any:
    """What a file of JSON says; its bytes where it is none."""
    try:
        return json.loads(content)
    except ValueError:
        return content


@given(data=st.data())
def test_damage_is_told_in_a_sentence(whole: tuple[Path, dict[str, bytes]], data: st.DataObject) -> None:
    folder, files = whole
    name = data.draw(st.sampled_from(sorted(files)))
    content = bytearray(files[name])
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    # An escaped letter may be written in two ways ("\\ud83d", "\\uD83d"): what says the same is no damage.
    assume(not name.endswith(".json") or said(bytes(content)) != said(files[name]))
    try:
        (folder / name).write_bytes(content)
        with pytest.raises(RunDamaged, match=r"\.$"):
            read(folder)
    finally:
        (folder / name).write_bytes(files[name])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=30)
@given(data=st.data())
def test_hostile_content_is_told_in_a_sentence(
    whole: tuple[Path, dict[str, bytes]], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Any place of a piece may hold anything, with a checksum that fits."""
    piece = read_piece(whole[0], "one", "result")
    content = json.loads(json.dumps(piece.content))
    at: Any = content
    while isinstance(at, dict | list) and len(at):
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        inner = at[key]
        if not isinstance(inner, dict | list) or not len(inner) or data.draw(st.integers(0, 2)) == 0:
            at[key] = data.draw(JSON)
            break
        at = inner
    folder = tmp_path_factory.getbasetemp() / "hostile"
    write_piece(folder, "one", "result", content, piece.tensors)
    try:
        read(folder)
    except RunDamaged as error:
        assert str(error).startswith("one.json is damaged: ") and str(error).endswith(".")


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 200_000,
        b'{"sightline": "result", "sightline": "result"}',
        b'{"sightline": "result", "form": 1, "content": NaN}',
        b'{"sightline": "result", "form": 99}',
        b'{"sightline": "turn", "form": 1}',
        b"[]",
        b"",
        b"\xff\xfe",
        b'{"sightline": "result", "form": 1, "content": ' + b"9" * 5000 + b"}",
    ],
)
def test_json_that_means_nothing_is_told_in_a_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "one.json").write_bytes(content)
    with pytest.raises(RunDamaged, match=r"^one\.json (is damaged: .*|was written by a version .*)\.$"):
        read_piece(tmp_path, "one", "result")


@pytest.mark.parametrize(
    "header",
    [
        {"t0": {"dtype": "F32", "shape": [1 << 62, 1 << 62], "data_offsets": [0, 4]}},
        {"t0": {"dtype": "F32", "shape": [0] * 9, "data_offsets": [0, 0]}},
        {"t0": {"shape": [1], "data_offsets": [0, 4]}},
        {"t0": {"dtype": "F32", "shape": [1], "data_offsets": [0, 400]}},
        {"t0": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}},
        {"t0": []},
        [],
    ],
)
def test_tensors_that_are_none_are_told_in_a_sentence(header: Any, tmp_path: Path) -> None:
    from hashlib import sha256

    from core.runs.files import as_json

    text = json.dumps(header).encode()
    data = len(text).to_bytes(8, "little") + text + bytes(4)
    name = f"one.{sha256(data).hexdigest()[:16]}.safetensors"
    (tmp_path / name).write_bytes(data)
    body = {"content": None, "tensors": name, "tensors_sha256": sha256(data).hexdigest()}
    piece = {"sightline": "result", "form": 1, "sha256": sha256(as_json(body)).hexdigest(), **body}
    (tmp_path / "one.json").write_bytes(as_json(piece))
    with pytest.raises(RunDamaged, match=r"one\..*safetensors is damaged"):
        read_piece(tmp_path, "one", "result")


def test_only_plain_files_of_the_folder_are_read(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("{}")
    (tmp_path / "one.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(RunDamaged, match="it is a link"):
        read_piece(tmp_path, "one", "result")
    os.mkfifo(tmp_path / "two.json")
    with pytest.raises(RunDamaged, match="not a regular file"):
        read_piece(tmp_path, "two", "result")
    with pytest.raises(RunDamaged, match="no name of a piece"):
        read_piece(tmp_path, "../one", "result")


def test_a_result_that_cannot_be_written_leaves_the_former_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_piece(tmp_path, "one", "result", {"tensor": "t0"}, {"t0": torch.zeros(2)})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(NotWritten, match="No space left"):
            write_piece(tmp_path, "one", "result", {"tensor": "t0"}, {"t0": torch.ones(2)})
    assert same(read_piece(tmp_path, "one", "result").tensors["t0"], torch.zeros(2))
    write_piece(tmp_path, "one", "result", {"tensor": "t0"}, {"t0": torch.ones(2)})
    assert len(list(tmp_path.iterdir())) == 2


def test_arrays_keep_their_precision_whatever_it_is() -> None:
    form = form_of(torch.Tensor)
    for dtype in (torch.bfloat16, torch.float16, torch.float64, torch.int8, torch.bool):
        out = Out()
        plain = form.encode(torch.ones(2, dtype=dtype), out)
        assert form.decode(plain, Given(out.tensors)).dtype == dtype
    strided = np.arange(12.0).reshape(3, 4)[:, ::2]
    out = Out()
    plain = form_of(np.ndarray).encode(strided, out)
    assert np.array_equal(form_of(np.ndarray).decode(plain, Given(out.tensors)), strided)


def test_of_rows_that_are_too_many_those_of_the_last_tokens_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = AttentionRows(torch.rand(2, 3, 4, 10))
    monkeypatch.setattr(answers, "MOST_ROW_BYTES", 2 * 3 * 10 * 2 * 2)
    held = answers.half(rows)
    assert held is not None and held.tokens == (2, 3) and torch.equal(held.weights, rows.weights[:, :, 2:].half())
