"""Explanation methods, one file each: what did this part of the answer rest on?

`base.py` says what an explainer is, `core/settings.py` how settings describe themselves, `registry.py` finds every
explainer in this folder, and `run.py` runs one over any target. A new method is one new file here.
"""
