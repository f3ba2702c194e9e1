"""Published claims, measured again on held-out scenes and judged by a rule that was written down before.

Each claim is one file: who made it and where, how it is measured, its control, the rule that decides whether it
reproduces, and what that cannot tell. A new one is one new file: both pages that tell claims, the commands and the list
of committed results find it (`registry.py`). `run.py` measures scene by scene, so that a run can be stopped and taken
up again; `report.py` is what comes of it; `verdict.py` is the only place that knows what "reproduces" means.
"""
