"""Model folders that lie, break or never end: each is told in a sentence, and nothing else comes of it."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from core.answer import Decoding, Question, Turn
from core.errors import ModelUnavailable, NoNumbers, SightlineError, TemplateRefuses
from core.vlm.bounded import BoundedCache
from core.vlm.generation import ask
from core.vlm.hf import template, vetting
from core.vlm.hf.families.registry import family_of
from core.vlm.hf.pretrained import read_configuration, read_processor
from core.vlm.hf.template_work import computes
from core.vlm.hf.tokenizer_growth import MOST, growth
from core.vlm.loading import ModelSpec, estimate_memory, load_model, on_this_machine
from tests.hostile.long import some
from tests.hostile.models import (
    CONDITIONAL,
    OTHER_TOKENIZERS,
    REFUSED_AT_LOADING,
    TOLD_WHEN_ASKED,
    Damage,
    charsmap,
    conditional,
    multiplied,
    replaced,
    without_tokenizer,
)
from tests.zoo import LLAVA_TEMPLATE, QWEN_TEMPLATE


@pytest.fixture
def copy(llava_folder: Path, tmp_path: Path) -> Path:
    """A LLaVA folder to damage."""
    return Path(shutil.copytree(llava_folder, tmp_path / "damaged"))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SIGHTLINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(vetting, "_known", BoundedCache(lambda used: 1000))
    monkeypatch.setattr(vetting, "SECONDS", 1)
    monkeypatch.setattr(template, "SECONDS", 0.3)


@pytest.mark.parametrize("damage", [pytest.param(damage, id=name) for name, damage in REFUSED_AT_LOADING.items()])
def test_a_model_that_cannot_be_is_refused_at_loading(copy: Path, damage: Damage) -> None:
    damage(copy)
    with pytest.raises(ModelUnavailable) as refused:
        load_model(ModelSpec(str(copy)))
    assert _is_a_sentence(str(refused.value))


@pytest.mark.parametrize("damage", [pytest.param(damage, id=name) for name, damage in TOLD_WHEN_ASKED.items()])
def test_a_model_that_cannot_answer_says_so(copy: Path, damage: Damage, picture: Image.Image) -> None:
    damage(copy)
    model = load_model(ModelSpec(str(copy)))
    for _ in range(2):  # nothing of the first is left that could hold up the second
        with pytest.raises((ModelUnavailable, NoNumbers, TemplateRefuses)) as refused:
            ask(model, Question("What is there?", picture, decoding=Decoding(max_new_tokens=3)))
        assert _is_a_sentence(str(refused.value))


@pytest.mark.parametrize("damage", [pytest.param(damage, id=name) for name, damage in OTHER_TOKENIZERS.items()])
def test_what_is_no_tokenizer_of_any_form_is_refused(
    copy: Path, damage: Damage, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(copy)
    monkeypatch.setattr(vetting, "_tried", lambda wanted: "")  # which takes seconds, and finds nothing
    with pytest.raises(ModelUnavailable) as refused:
        read_processor(copy, family_of(read_configuration(copy)))
    assert _is_a_sentence(str(refused.value))


def test_a_tokenizer_without_its_description_is_tried_elsewhere(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Mapping[str, object]] = []
    monkeypatch.setattr(vetting, "_tried", lambda wanted: tried.append(wanted) or "grows 1e9")
    without_tokenizer(("vocab.json", b'{"a": 0}'), ("merges.txt", b"a b"))(copy)
    with pytest.raises(ModelUnavailable, match="a billion and more times as long"):
        vetting.check_descriptions(copy)
    monkeypatch.setattr(vetting, "_known", BoundedCache(lambda used: 1000))
    with pytest.raises(ModelUnavailable, match="times as long"):
        vetting.check_descriptions(copy)  # as it was kept
    assert [wanted["folder"] for wanted in tried] == [str(copy)]
    (copy / "vocab.json").write_bytes(b'{"a": 0, "b": 1}')
    monkeypatch.setattr(vetting, "_tried", lambda wanted: "")
    vetting.check_descriptions(copy)


@pytest.mark.parametrize("name", some(CONDITIONAL, 2))
def test_what_a_template_does_for_some_conversations_alone_ends_them_alone(
    copy: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vetting, "MEMORY", 2**27)
    conditional(CONDITIONAL[name])(copy)
    vetting.check_descriptions(copy)
    template = (copy / "chat_template.jinja").read_text()
    turns = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "0"}]}]
    vetting.check_rendering(template, {"messages": turns, "add_generation_prompt": True}, "it")
    with pytest.raises(TemplateRefuses, match="with this conversation") as refused:
        vetting.check_rendering(template, {"messages": turns * 2, "add_generation_prompt": True}, "it")
    assert _is_a_sentence(str(refused.value))


def test_a_template_that_only_writes_is_tried_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in (
        LLAVA_TEMPLATE,
        QWEN_TEMPLATE,
        "{% if x %}{{ raise_exception('no') }}{% endif %}{{ ('a' + y) | trim }}",
    ):
        assert not computes(text)
    for text in (
        "{{ x * 2 }}",
        "{% for x in y recursive %}{% endfor %}",
        "{{ x() }}",
        "{% for %}",
        "{% set x = x ~ x %}",
        "x" * 10**6,
    ):
        assert computes(text)


def test_a_template_that_refuses_is_told_in_its_own_words(copy: Path, picture: Image.Image) -> None:
    TOLD_WHEN_ASKED["template refuses"](copy)
    with pytest.raises(TemplateRefuses, match="Roles must alternate"):
        ask(load_model(ModelSpec(str(copy))), Question("What?", picture))


def test_a_template_that_refuses_some_conversations_leaves_the_others_alone(copy: Path, picture: Image.Image) -> None:
    whole = (copy / "chat_template.jinja").read_text()
    endless = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    replaced("chat_template.jinja", f"{{% if messages|length > 1 %}}{endless}{{% endif %}}{whole}")(copy)
    model = load_model(ModelSpec(str(copy)))
    question = Question("What is there?", picture, decoding=Decoding(max_new_tokens=3))
    first = ask(model, question)
    with pytest.raises(TemplateRefuses, match="without end"):
        ask(model, replace(first.question, text="And else?", history=(Turn(first.question.text, first.text),)))
    assert ask(model, question).text == first.text


@pytest.mark.parametrize(
    "source", ["~nosuchuser/x", "x" * 300, f"{'y' * 300}/z", "a\0b", "~\ud800/x", "/dev/null", "..//"]
)
def test_what_is_no_name_of_a_model_is_refused_without_asking_anybody(source: str, offline: None) -> None:
    for look in (lambda: load_model(ModelSpec(source)), lambda: estimate_memory(ModelSpec(source))):
        with pytest.raises(SightlineError):
            look()
    with contextlib.suppress(SightlineError):
        on_this_machine(source)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.vlm.hf.hub.constants.is_offline_mode", lambda: True)


def test_a_verdict_is_kept_by_what_was_tried(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    REFUSED_AT_LOADING["template takes all memory"](copy)
    with pytest.raises(ModelUnavailable, match="chat template"):
        vetting.check_descriptions(copy)
    monkeypatch.setattr(vetting, "_known", BoundedCache(lambda used: 1000))
    monkeypatch.setattr(vetting, "_tried", lambda wanted: pytest.fail("it was tried again"))
    with pytest.raises(ModelUnavailable, match="chat template"):
        vetting.check_descriptions(copy)


def test_a_verdict_is_of_the_packages_that_read_the_file(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be read without a package is tried when that is installed."""
    tried: list[Mapping[str, object]] = []
    monkeypatch.setattr(vetting, "_tried", lambda wanted: tried.append(wanted) or "")
    without_tokenizer(("tokenizer.model", b"a model"))(copy)
    for readers in ("tokenizers 1", "tokenizers 1", "tokenizers 1, sentencepiece 1"):
        monkeypatch.setattr(vetting, "_readers", lambda readers=readers: readers)
        monkeypatch.setattr(vetting, "_known", BoundedCache(lambda used: 1000))
        vetting.check_descriptions(copy)
    assert len(tried) == 2


def test_a_file_of_sentencepiece_names_the_package_that_it_needs(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.vlm.hf.pretrained.find_spec", lambda name: None)
    monkeypatch.setattr(vetting, "_tried", lambda wanted: "")
    without_tokenizer(("tokenizer.model", b"a model"))(copy)
    with pytest.raises(ModelUnavailable, match="needs the package sentencepiece, which is not installed"):
        read_processor(copy, family_of(read_configuration(copy)))


@pytest.mark.parametrize("times", [1, 400])
def test_a_tokenizer_that_sentencepiece_trained_is_tried_in_a_process_of_its_own(
    copy: Path, tmp_path: Path, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentencepiece = pytest.importorskip("sentencepiece", reason="sentencepiece is not installed")
    monkeypatch.setattr(vetting, "SECONDS", 20)
    (tmp_path / "rules.tsv").write_text("61\t" + " ".join(["62"] * times) + "\n", encoding="ascii")
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the cat sat on a mat and saw one house with blue doors"] * 9),
        model_writer=model,
        normalization_rule_tsv=str(tmp_path / "rules.tsv"),
        vocab_size=60,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    without_tokenizer(("tokenizer.model", model.getvalue()))(copy)
    if times == 1:
        vetting.check_descriptions(copy)
    else:
        with pytest.raises(ModelUnavailable, match="400 times as long"):
            vetting.check_descriptions(copy)


def test_a_space_of_three_bytes_is_no_growth_and_steps_multiply() -> None:
    ordinary = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, _replace(" ", "▁")]}
    assert growth(ordinary) == 1.0 and growth(None) == 1.0 and growth([{}, 3]) == 1.0
    assert growth(multiplied(10, 3)) == 1000.0 > MOST
    assert growth(_replace("abc", "xyzxyz")) == 2.0
    assert growth(charsmap(18)) == 18.0 and growth({"type": "Precompiled", "precompiled_charsmap": "?"}) == 1.0


def _replace(pattern: str, content: str) -> dict[str, object]:
    return {"type": "Replace", "pattern": {"String": pattern}, "content": content}


def _is_a_sentence(said: str) -> bool:
    """One that ends, is no dump, and says what to do."""
    return said.endswith(".") and "\n" not in said and ("again" in said or "Choose" in said)
