"""What is handed over names no folder, account or place of whoever hands it over, and nothing that was not asked."""

from __future__ import annotations

import base64
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from core.answer import Answer, Question
from core.reports.bundle import write_bundle
from core.runs.bundle import import_bundle
from core.runs.draft import Draft
from core.runs.kinds import EXPLANATION, GRAPH
from core.runs.manifest import KeptModel
from core.runs.pictures import picture_name
from core.runs.public import here_again, public_source
from core.runs.store import RunStore
from core.runs.turns import Exchange, Source
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import EMBEDDED, TWIN, ModelSpec
from tests.reports.made import Kept

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def everything(content: bytes) -> Iterator[bytes]:
    """All that is in a file: archives, addresses that hold data, and chunks of pictures unpacked."""
    yield content
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist():
                yield member.filename.encode() + member.comment + member.extra
                yield from everything(archive.read(member))
        return
    for data in re.findall(rb"base64,([A-Za-z0-9+/=]{20,})", content):
        yield from everything(base64.b64decode(data))
    if content.startswith(b"\x89PNG"):
        with Image.open(io.BytesIO(content)) as image:
            yield repr((image.info, dict(image.getexif()))).encode()


@pytest.mark.parametrize(
    ("source", "public"),
    [
        ("llava-hf/llava-1.5-7b-hf", "llava-hf/llava-1.5-7b-hf"),
        ("llava-hf/llava-1.5-7b-hf@main", "llava-hf/llava-1.5-7b-hf@main"),
        ("/home/mallory/models/my llava", "my llava"),
        ("~/models/llava", "llava"),
        ("~nobody-of-this-name/llava/", "llava"),
        ("C:\\Users\\mallory\\llava", "llava"),
        ("../mallory/llava", "llava"),
        (f"/home/mallory/.cache/huggingface/hub/models--org--a-model/snapshots/{COMMIT}", f"org/a-model@{COMMIT}"),
        (EMBEDDED.source, "assets/street-llava"),
        (TWIN.source, "assets/street-llava-honest"),
        ("/", "a folder"),
        ("none", "none"),
        ("", ""),
    ],
)
def test_a_model_is_named_by_where_others_have_it(source: str, public: str) -> None:
    assert public_source(source) == public


def test_a_bundle_tells_nothing_of_this_machine(
    street: TransformersModel,
    answer: Answer,
    results: list[Kept],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home" / "mallory"))
    monkeypatch.setenv("USER", "mallory")
    for name in ("platform.node", "socket.gethostname", "getpass.getuser"):
        monkeypatch.setattr(name, lambda: "mallory's machine")
    folder = tmp_path / "home" / "mallory" / "llava"
    folder.mkdir(parents=True)
    card = replace(street.card, source=str(folder), name=folder.name)
    spec = ModelSpec(str(folder), adapter=str(folder / "mine"))
    photo = answer.question.images[0].copy()
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "mallory"
    photo.info |= {"exif": exif.tobytes(), "comment": b"mallory", "icc_profile": b"mallory"}
    unasked = Image.new("RGB", (8, 8), "red")
    store = RunStore(tmp_path / "home" / "mallory" / "data")
    with store.create() as run:
        # Attention rows would only be drawn; test_report does that.
        asked = replace(answer, question=replace(answer.question, images=(photo,)), attention=None)
        run.add(Exchange(asked.question, asked, (Source(f"{folder}/a.png"),)), card, spec)
        for kind, about, result in results:
            if kind is EXPLANATION:
                run.keep(kind, asked, {**about, "spec": spec}, result)
        run.add(Exchange(Question("Which?"), trouble=f"{folder}/mine cannot be read ({folder.parent}/x is not there)."))
        run.keep_draft(Draft("mallory's draft", (unasked,), sources=(Source("mallory.png"),)))
        (run.folder / "results" / f"{GRAPH.name}-{'0' * 32}.json").write_text(f'{{"at": "{folder}"}}')
        file = tmp_path / "b.zip"
        write_bundle(run, file)
    for content in everything(file.read_bytes()):
        assert b"mallory" not in content and str(tmp_path).encode() not in content
        assert picture_name(unasked).encode() not in content
    # Whoever gets it reads all the rest, and which model it was.
    other = RunStore(tmp_path / "elsewhere")
    id_, damage = import_bundle(other, file)
    assert len(damage) == 1 and "damaged" in damage[0]
    taken = other.open(id_, only_look=True)
    [kept] = taken.manifest.models
    assert (kept.card.fingerprint, kept.card.source, kept.card.name) == (street.card.fingerprint, "llava", "llava")
    assert kept.spec == ModelSpec("llava", adapter="mine") and taken.draft().text == ""
    assert [turn.question for turn in taken.conversation] == [answer.question.text, "Which?"]
    assert taken.turn(taken.conversation[1].id).trouble == "mine cannot be read (~/x is not there)."
    # Here it can be loaded as before: from the run itself, and from the bundle.
    [own] = store.open(run.id, only_look=True).manifest.models
    assert own.spec == spec
    [again] = store.open(import_bundle(store, file)[0], only_look=True).manifest.models
    assert again.spec == spec and again.card.name == card.name


@pytest.mark.parametrize(
    ("folder", "spec"), [("assets/street-llava", EMBEDDED), ("C:\\sightline\\assets\\street-llava-honest", TWIN)]
)
def test_a_model_that_comes_with_sightline_is_found_on_every_machine(
    street: TransformersModel, folder: str, spec: ModelSpec
) -> None:
    elsewhere = KeptModel(street.card, replace(EMBEDDED, source=folder))
    assert here_again(elsewhere, None).spec == spec
