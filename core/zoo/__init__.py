"""Tiny random models of the architectures that `transformers` maps, and what of Sightline holds for each of them.

`types` builds a model and its processor for a model type, saved to a folder as on the hub (`recipe.py`). `checks` asks
each of them and holds what comes out against oracles that know nothing of Sightline; `matrix.py` writes the support
matrix of docs/ from that. The tests use the same models.
"""
