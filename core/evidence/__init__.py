"""Is a map true? Its patches are taken away and brought back, it is held against where the thing is, and against
chance.

`evaluate.py` tests explanations of one answer: pictures with patches hidden are read once (`core.perturb`), however
many maps and metrics ask for them. `metric.py` says what a metric is and `registry.py` finds every one in this folder;
a new one is one new file. `randomisation.py` asks whether a map changes when the model forgets, `dependence.py` which
words of an answer depend on the picture at all, and `bootstrap.py` how sure a mean over cases is.

Every figure stands beside those of the controls, random orders and the middle of the picture: alone it says little.
"""
