"""The contract with a vision-language model: load one, ask it, score, replay, look into it layer by layer, edit it.

Read `model.py` first. Nothing here knows what carries the contract out: that is `core.vlm.hf`, which `loading.py` alone
imports, when a model is first loaded.
"""
