"""`python -m core.cases.findings`: measure the published findings again, and keep what comes of it."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from tqdm import tqdm

from core.cases.findings.report import COMMITTED, write_findings
from core.cases.findings.run import SCENES, run_findings
from core.cases.journal import JournalError
from core.vlm.errors import ModelUnavailable
from core.vlm.loading import EMBEDDED, ModelSpec, load_model
from core.vlm.units import ExplainError


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m core.cases.findings", description=__doc__)
    parser.add_argument("--scenes", type=int, default=SCENES, help="held-out scenes of each finding")
    parser.add_argument("--model", default=EMBEDDED.source)
    parser.add_argument("--only", nargs="*", help="keys of findings (default: all)")
    parser.add_argument("--journal", type=Path, default=Path("checkpoints/findings.jsonl"), help="resumed where it is")
    parser.add_argument("--out", type=Path, default=COMMITTED, help="where the findings are written as JSON")
    options = parser.parse_args()
    command = shlex.join(["python", "-m", "core.cases.findings", *sys.argv[1:]])
    try:
        model = load_model(ModelSpec(options.model))
        with tqdm(total=100, unit="%", desc="findings") as bar:
            found = run_findings(
                model,
                options.journal,
                options.scenes,
                options.only,
                command=command,
                progress=lambda done: bar.update(100 * done - bar.n),
            )
        write_findings(found, options.out)
    except (JournalError, ModelUnavailable, ExplainError, ValueError) as error:
        sys.exit(str(error))
    for report in found.findings:
        verdict = {True: "reproduces", False: "does not reproduce", None: "cannot be told"}[report.reproduces]
        print(f"{report.title}: {verdict} ({report.used} of {report.asked}).\n  {report.because}")


if __name__ == "__main__":
    main()
