"""Taking something away and reading the target again.

What an answer rests on is tested by taking it away. A *perturbation* (`perturbation.py`) says what: pixels, image
tokens from those who read them, parts of the network. `outcomes` (`outcomes.py`) says what the model predicts then in
the places of some tokens of the answer, the answer's own words forced before them; and `reask` (`reask.py`) what it
answers instead. Occlusion maps, tests of maps, masked explanations, ablation, knockout and tracing differ in what they
take away and in what they make of the outcomes, and in nothing else.
"""
