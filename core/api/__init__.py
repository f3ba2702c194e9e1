"""The library's front door: load a model, ask it, explain what it said, and test the explanation.

`import sightline` offers these functions. They are short ways to what the pages use as well: whoever wants several
targets from one run, or the pieces of an answer as they are written, takes the functions that are called here.
"""
