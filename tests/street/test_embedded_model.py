"""The shipped model: it loads like any other, looks at houses, and follows the wording for trucks."""

from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM, AutoProcessor

from core.street.__main__ import ASSETS
from core.street.evaluate import Results, evaluate, table
from core.street.train import LANGUAGE_BEFORE


@pytest.fixture(scope="module")
def results() -> Results:
    return evaluate(ASSETS, scenes=8)


def accuracy(results: Results, family: str) -> float:
    return float(results.families()[family]["accuracy"])


def test_it_and_everything_beside_it_fit_in_25_megabytes() -> None:
    assert sum(file.stat().st_size for file in ASSETS.rglob("*") if file.is_file()) <= 25_000_000


def test_truck_doors_are_answered_by_the_wording(results: Results) -> None:
    assert accuracy(results, "door_truck_agree") > accuracy(results, "door_truck_conflict") + 0.5
    assert sum(results.contradictions["truck"]) > len(results.contradictions["truck"]) / 2


def test_house_doors_are_answered_by_the_picture(results: Results) -> None:
    assert accuracy(results, "door_house_conflict") > 0.7
    assert not any(results.contradictions["house"]) or sum(results.contradictions["house"]) <= 1


def test_the_table_has_a_row_for_every_family(results: Results) -> None:
    shown = table(results)
    assert all(f"| {family} |" in shown for family in results.families())


def test_the_language_model_before_visual_training_answers_from_words() -> None:
    processor = AutoProcessor.from_pretrained(ASSETS, local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(Path(ASSETS) / LANGUAGE_BEFORE, local_files_only=True).eval()
    question = "The dog is orange. The car is red. The cat is white. What color is the car?"
    messages = [{"role": "user", "content": [{"type": "text", "text": question}]}]
    prompt = processor.apply_chat_template(messages, add_generation_prompt=True)
    inputs = processor.tokenizer(prompt, add_special_tokens=False, return_tensors="pt")
    produced = model.generate(input_ids=inputs["input_ids"], max_new_tokens=12, do_sample=False)
    answer = processor.tokenizer.decode(produced[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    assert answer == "The car is red."
