"""Scripts of what Case Studies and History show: results of many questions, and two results beside each other."""

from __future__ import annotations

import shlex
from pathlib import Path

from ..cases.remedy_figures import RemedyFigures
from ..cases.street import FAMILIES
from ..doubt.kept import STREET as DRAWN
from ..runs.manifest import KeptModel
from ..vlm.spec import ModelSpec
from .code import Writer
from .script import model_code


def benchmark_script(model: KeptModel | None, name: str, folder: str, count: int, each: int) -> str:
    """Ask `count` cases of a set (its format's name and folder; drawn scenes, `each` of a family, where there is no
    folder) and print the rates."""
    write = Writer()
    made = (
        ["from sightline.cases.street import street_cases", "", f"cases = list(street_cases({each}))[:{count}]"]
        if not folder
        else [
            "from sightline.cases.formats.registry import read_folder",
            "",
            f"_, found = read_folder(Path({write.literal(folder)}), {write.literal(name)})",
            f"cases = found.cases[:{count}]",
        ]
    )
    lines = [
        "from pathlib import Path",
        "",
        "import sightline",
        "from sightline.cases.formats.registry import rates_of",
        "from sightline.cases.runner import run_cases",
        *made,
        f"model = {model_code(model, write)}",
        f'results = run_cases(model, cases, Path("results.jsonl"), name={write.literal(name)})',
        "for rate in rates_of(results):",
        "    print(rate.group, rate.name, rate.estimate.value, rate.estimate.low, rate.estimate.high)",
    ]
    return "\n".join(lines) + "\n"


def survey_script(model: KeptModel | None, each: int) -> str:
    """Ask drawn scenes in all their wordings, and print how contradictions and figures go together."""
    lines = [
        "from pathlib import Path",
        "",
        "import sightline",
        "from sightline.cases.street import street_cases",
        "from sightline.cases.survey import correlations, survey",
        "",
        f"model = {model_code(model, Writer())}",
        f'lines = survey(model, list(street_cases({each})), Path("survey.jsonl"))',
        "for one in correlations(lines):",
        "    print(one.measure, one.family, one.estimate.value, one.estimate.low, one.estimate.high)",
    ]
    return "\n".join(lines) + "\n"


def probes_script(model: KeptModel | ModelSpec | None, family: str, cases: int) -> str:
    """Probe the states of a model for what a family of drawn questions is about, and print what the rule says."""
    write = Writer()
    lines = [
        "from pathlib import Path",
        "",
        "import sightline",
        "from sightline.cases.knowing.labels import drawn",
        "from sightline.cases.knowing.run import run_probes",
        "from sightline.cases.knowing.verdict import sentence, verdict",
        "",
        f"model = {model_code(model, write)}",
        f"what = {write.literal(family)}",
        f"cases = list(drawn(what, what, {cases}))",
        'found = run_probes(model, cases, Path("probes.jsonl"), of="drawn streets", label=what, decides=True)',
        "print(verdict(found), sentence(found))",
        "for cell in found.cells:",
        "    print(cell.layer, cell.place, cell.accuracy.value, cell.shuffled, cell.selectivity.value)",
    ]
    return "\n".join(lines) + "\n"


def claim_script(model: KeptModel | ModelSpec | None, claim: str, scenes: int) -> str:
    """Measure a claim (its key) on so many scenes, and print its verdict and figures."""
    write = Writer()
    lines = [
        "from pathlib import Path",
        "",
        "import sightline",
        "from sightline.claims.run import run_claims",
        "",
        f"model = {model_code(model, write)}",
        f'[report] = run_claims(model, Path("claims.jsonl"), {scenes}, [{write.literal(claim)}]).reports',
        "print(report.verdict, report.because)",
        "for one in report.figures:",
        "    print(one.what, one.of, one.at, one.estimate.value, one.estimate.low, one.estimate.high)",
        "for title, increases in report.heads.items():",
        "    print(title, increases)",
    ]
    return "\n".join(lines) + "\n"


def remedies_script(model: KeptModel | ModelSpec | None, found: RemedyFigures, command: str = "") -> str:
    """Try the remedies of a run on its cases again, and print the share of right answers before and after each. The
    `command` that is kept with the run has the seed of its choice among a folder's cases."""
    write = Writer()
    of = [f"name={write.literal(found.set_of_cases)}"]
    if found.folder:
        made = [
            "from sightline.cases.formats.registry import read_folder",
            f"_, of_folder = read_folder(Path({write.literal(found.folder)}), {write.literal(found.set_of_cases)})",
            "cases = of_folder.cases",
        ]
        seed = int(_option(command, "--seed") or 0)
        of += [f"folder={write.literal(found.folder)}", f"number={found.cases}", f"seed={seed}"]
    else:
        families = [family.family for family in found.families if family.family in FAMILIES]
        each = -(-found.cases // max(1, len(families)))
        made = [
            "from sightline.cases.street import street_cases",
            "",
            f"cases = list(street_cases({each}, {write.literal(tuple(families))}))[:{found.cases}]",
        ]
        of += ["number=None"]
    chosen = list(dict.fromkeys(row.remedy for family in found.families for row in family.ranking))
    lines = [
        "from pathlib import Path",
        "",
        "import sightline",
        "from sightline.cases.remedied import run_remedies",
        *made,
        f"model = {model_code(model, write)}",
        f"chosen = {write.literal(chosen)}",
        f'found = run_remedies(model, cases, Path("remedies.jsonl"), chosen=chosen, {", ".join(of)})',
        "for family in found.families:",
        "    for row in family.ranking:",
        "        share = (row.before.value, row.after.value)",
        "        print(family.family, row.name, *share, row.mended, row.broken, row.verdict)",
    ]
    return "\n".join(lines) + "\n"


def doubt_script(model: KeptModel | ModelSpec | None, cases: int, command: str) -> str:
    """Measure again which signals tell wrong answers from right ones, on the first `cases` of the cases that the
    `command` names: drawn, or of a folder."""
    write = Writer()
    each = _option(command, "--street")
    if each is not None:
        name = write.literal(DRAWN)
        made = [
            "from sightline.doubt.cases import doubt_cases",
            "",
            f"cases = list(doubt_cases({int(each)}))[:{cases}]",
        ]
    else:
        name = "form.key"
        made = [
            "from sightline.cases.formats.registry import read_folder",
            "",
            f"form, of_folder = read_folder(Path({write.literal(shlex.split(command)[2])}))",
            f"cases = list(of_folder.cases[:{cases}])",
        ]
    lines = [
        "from pathlib import Path",
        "",
        "import sightline",
        "from sightline.doubt.kept import doubt, measured_on",
        "from sightline.doubt.run import run_doubt",
        *made,
        f"model = {model_code(model, write)}",
        f'lines = run_doubt(model, cases, Path("doubt.jsonl"), name={name})',
        f"found = doubt(model.card, measured_on({name}, len(cases)), lines)",
        "for group in found.groups:",
        "    for row in group.rows:",
        "        print(group.label, group.family, row.signal, row.auroc.value, row.auroc.low, row.auroc.high)",
    ]
    return "\n".join(lines) + "\n"


def two_models_script(first: str | Path, second: str | Path) -> str:
    """Set two files of results beside each other."""
    write = Writer()
    files = (f"read_run(Path({write.literal(str(file))}))" for file in (first, second))
    lines = [
        "from pathlib import Path",
        "",
        "from sightline.cases.compare import compare",
        "from sightline.cases.results import read_run",
        "",
        f"comparison = compare({', '.join(files)})",
        "print(comparison.both, comparison.only_first, comparison.only_second, comparison.neither)",
        "print(comparison.gain.estimate, comparison.p_value)",
        "for one, other in comparison.differing:",
        "    print(one.id, one.said, other.said, one.right, other.right)",
    ]
    return "\n".join(lines) + "\n"


def league_script() -> str:
    """Read the league of methods that comes with Sightline."""
    lines = [
        "from sightline.cases.league_file import read_league_file",
        "",
        "league = read_league_file().league",
        "for standing in league.ranking:",
        "    print(standing.method, standing.processor)",
    ]
    return "\n".join(lines) + "\n"


def two_answers_script(first: tuple[str, str], second: tuple[str, str]) -> str:
    """Align two answers that are kept, each by its run and turn, and print how the log-probability of tokens that stand
    in both changes (nats)."""
    write = Writer()
    kept = [
        f"{name} = store.open({write.literal(run)}, only_look=True).turn({write.literal(turn)}, rows=False).answer"
        for name, (run, turn) in (("one", first), ("other", second))
    ]
    lines = [
        "from sightline.runs.compared import changes",
        "from sightline.runs.store import RunStore",
        "",
        "store = RunStore()",
        *kept,
        "for mine, theirs, change in changes(one, other):",
        "    before = None if mine is None else one.tokens[mine].label",
        "    after = None if theirs is None else other.tokens[theirs].label",
        "    print(before, after, change)",
    ]
    return "\n".join(lines) + "\n"


def _option(command: str, name: str) -> str | None:
    """What follows an option in a command; None where it has none."""
    words = shlex.split(command)
    return words[words.index(name) + 1] if name in words[:-1] else None
