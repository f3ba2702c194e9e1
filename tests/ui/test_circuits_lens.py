"""Circuits and patching all at once, on the page: found on a click, kept, clicked through, and tested elsewhere."""

from __future__ import annotations

from core.circuits.told import sentence_of
from core.ui.mechanisms.view import AGREEMENTS, CIRCUITS, EFFECTS, ELSEWHERE, PATCHED
from core.vlm.hf.network import TransformersModel
from tests.ui.mechanisms import App, captions, exchange_of, opened, results, view_of


def test_nothing_is_patched_before_it_is_asked_for(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), "attribution_patching")
    assert not any(results(view_of(at)).values())
    assert any("one gradient" in info.value for info in at.info)


def test_all_is_patched_at_once_and_compared_with_restoring(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), "attribution_patching")
    at.button(key="patch_all").click().run()
    assert not at.exception
    [effects] = view_of(at).results.of(EFFECTS).values()
    assert effects.heads.shape == (llava.card.layers, llava.card.heads)
    assert "forward passes" in captions(at) + "".join(one.value for one in at.markdown)
    at.button(key="patch_compare").click().run()
    assert not at.exception
    [agreement] = view_of(at).results.of(AGREEMENTS).values()
    assert len(agreement.parts) and "They differ most of" in captions(at)


def test_a_circuit_is_found_and_its_parts_are_clicked_through(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), "circuits")
    assert any("fewest" in info.value for info in at.info)
    at.button(key="circuit").click().run()
    assert not at.exception
    [circuit] = view_of(at).results.of(CIRCUITS).values()
    assert circuit.kept.any() and sentence_of(circuit)
    reading = [node for node, used in zip(circuit.graph.receiving, circuit.kept.any(0), strict=True) if used]
    heads = [node for node in reading if node.kind == "head"]
    view_of(at).pick_part(heads[0].name)
    at.run()
    at.button(key="circuit_patch_edges").click().run()
    assert not at.exception
    [patched] = view_of(at).results.of(PATCHED).values()
    assert all(heads[0].name in edge for edge in patched.edges) and len(patched.carried) == len(patched.edges)
    assert "path patching (nats)" in at.dataframe[0].value and "measured" in captions(at)
    at.button(key="circuit_look").click().run()
    assert not at.exception
    assert view_of(at).lens == "head_contributions" and view_of(at).head == (heads[0].layer, heads[0].number)


def test_another_question_corrupts_where_it_takes_as_many_tokens(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), "attribution_patching")
    at.segmented_control(key="mechanisms_corrupt_4").set_value("another question").run()
    assert at.button(key="patch_all").disabled and any("as many tokens" in one.value for one in at.text)
    at.text_input(key="mechanisms_other_question").set_value("What is the house's door and all of its windows?").run()
    at.button(key="patch_all").click().run()
    assert not at.exception and not view_of(at).results.of(EFFECTS)
    assert any("Word it in as many tokens" in one.value for one in (*at.error, *at.warning, *at.text, *at.caption))
    at.text_input(key="mechanisms_other_question").set_value("What is the door's house?").run()
    at.button(key="patch_all").click().run()
    assert not at.exception and len(view_of(at).results.of(EFFECTS)) == 1


def test_a_circuit_of_a_changed_scene_is_tested_on_others(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), "circuits")
    at.segmented_control(key="mechanisms_corrupt_4").set_value("another picture").run()
    at.button(key="circuit").click().run()
    assert not at.exception
    found = view_of(at).results.of(CIRCUITS)
    if not found:  # a random model may not heed the change: then it has been said
        assert any("does not bear" in one.value for one in (*at.error, *at.warning, *at.info, *at.text, *at.caption))
        return
    at.button(key="circuit_scenes").click().run()
    assert not at.exception and len(view_of(at).results.of(ELSEWHERE)) == 1
