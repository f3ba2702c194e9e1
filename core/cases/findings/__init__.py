"""Published findings measured again on held-out scenes: `python -m core findings`.

Each finding is one file: the claim, where it was published, what is measured beside which baseline, the rule that
decides whether it reproduces (written down before the first run) and what it cannot tell. `run.py` reads scenes one by
one, so that a run can be stopped and taken up again; `report.py` is what comes of it.
"""
