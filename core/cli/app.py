"""The commands. Each only says what it takes; the work is imported when it is begun, so that --help is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.cli.console import CODES, Guarded, bar, emit, stoppable
from core.cli.options import (
    Device,
    Html,
    Images,
    MaxNewTokens,
    Methods,
    Model,
    Precision,
    Question,
    Rival,
    Settings,
    Token,
    Whole,
    Word,
)

app = typer.Typer(
    name="python -m core",
    cls=Guarded,
    help="Ask a vision-language model, explain and test its answers, and run sets of cases. Prints JSON lines.",
    epilog=CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cases = typer.Typer(help="Sets of questions whose answers are known.", epilog=CODES, no_args_is_help=True)
app.add_typer(cases, name="cases")

Results = Annotated[Path, typer.Argument(metavar="RESULTS", help="A results file that `cases run` wrote.")]
Format = Annotated[str | None, typer.Option("--format", help="The folder's format; found out by default.")]


@app.command(epilog=CODES)
def ask(
    question: Question,
    image: Images = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    max_new_tokens: MaxNewTokens = 64,
    temperature: Annotated[float, typer.Option(min=0, max=5, help="0 is greedy.")] = 0.0,
    top_p: Annotated[float, typer.Option(min=0.01, max=1)] = 1.0,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Ask one question; tell the answer with the probability of each token."""
    from core.answer import Decoding
    from core.cli.asking import answer_to, load, spec_of, told

    loaded = load(spec_of(model, device, precision))
    answer = answer_to(loaded, question, image, Decoding(max_new_tokens, temperature, top_p, seed))
    emit(told(loaded, answer))


@app.command(epilog=CODES)
def explain(
    question: Question,
    image: Images = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    max_new_tokens: MaxNewTokens = 64,
    method: Methods = None,
    setting: Settings = None,
    word: Word = None,
    token: Token = None,
    whole: Whole = False,
    rival: Rival = None,
    html: Html = None,
) -> None:
    """Ask, and say what a word of the answer rests on; one line for each method."""
    from core.answer import Decoding
    from core.cli.asking import answer_to, load, spec_of
    from core.cli.explaining import explained, methods_of, target_of, told
    from core.cli.report import write_maps

    methods = methods_of(method)
    loaded = load(spec_of(model, device, precision))
    answer = answer_to(loaded, question, image, Decoding(max_new_tokens))
    target = target_of(loaded, answer, word, token, whole, rival)
    with stoppable() as cancel, bar("explaining") as progress:
        maps = explained(loaded, answer, target, methods, setting, cancel, progress)
    for found in maps:
        emit(told(answer, found))
    if html is not None:
        write_maps(html, answer, maps)


@app.command(epilog=CODES)
def evidence(
    question: Question,
    image: Images = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    max_new_tokens: MaxNewTokens = 64,
    method: Methods = None,
    setting: Settings = None,
    word: Word = None,
    token: Token = None,
    whole: Whole = False,
    rival: Rival = None,
    html: Html = None,
) -> None:
    """Explain, and test each map by taking its patches away, beside random patches and the middle of the picture."""
    from core.answer import Decoding
    from core.cli.asking import answer_to, load, spec_of
    from core.cli.explaining import explained, methods_of, target_of, tested
    from core.cli.report import write_maps
    from core.evidence.trial import check_testable, gather

    methods = methods_of(method)
    loaded = load(spec_of(model, device, precision))
    answer = answer_to(loaded, question, image, Decoding(max_new_tokens))
    check_testable(loaded, answer)
    target = target_of(loaded, answer, word, token, whole, rival)
    with stoppable() as cancel, bar("explaining and testing") as progress:
        maps = explained(loaded, answer, target, methods, setting, cancel, lambda done: progress(done / 2))
        trials = gather(loaded, answer, maps, cancel=cancel, progress=lambda done: progress((1 + done) / 2))
    for found, trial in zip(maps, trials, strict=True):
        emit(tested(answer, found, trial))
    if html is not None:
        write_maps(html, answer, maps, trials)


@app.command(epilog=CODES)
def audit(
    question: Question,
    image: Images = None,
    wording: Annotated[list[str] | None, typer.Option(help="A wording of your own; generated ones otherwise.")] = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    max_new_tokens: MaxNewTokens = 64,
) -> None:
    """Ask one question in many wordings: do the answers agree, and how probable is each under each wording?"""
    from core.cli.asking import load, spec_of
    from core.cli.wordings import audit_one

    loaded = load(spec_of(model, device, precision))
    raise typer.Exit(audit_one(loaded, question, wording, image, max_new_tokens))


@app.command(epilog=CODES)
def survey(
    out: Annotated[Path, typer.Option(help="Where finished lines are kept; the same file goes on.")],
    folder: Annotated[Path | None, typer.Argument(help="A folder of cases; drawn doors otherwise.")] = None,
    street: Annotated[int, typer.Option(min=1, help="Drawn houses, and as many trucks, to ask about.")] = 50,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Over many pictures: do wordings contradict each other where the answers rest little on the picture?"""
    from core.cli.asking import load, spec_of
    from core.cli.wordings import survey_many

    raise typer.Exit(survey_many(load(spec_of(model, device, precision)), folder, street, out))


@app.command(epilog=CODES)
def league(
    out: Annotated[Path, typer.Option(help="Where finished lines are kept; the same file goes on.")],
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    cases_per_family: Annotated[int, typer.Option("--cases", min=1, help="Cases of each family.")] = 200,
    method: Methods = None,
    family: Annotated[list[str] | None, typer.Option(help="A family of questions; all by default.")] = None,
    summary: Annotated[Path | None, typer.Option(help="Also write the standings as JSON.")] = None,
) -> None:
    """Every method under every test, on drawn cases: how the methods stand, one line for each."""
    from core.cli.asking import load, spec_of
    from core.cli.league import run

    spec = spec_of(model, device, precision)
    raise typer.Exit(run(load(spec), out, cases_per_family, method, family, summary))


@app.command(epilog=CODES)
def findings(
    scenes: Annotated[int, typer.Option(min=1, help="Held-out scenes of each finding.")] = 200,
    finding: Annotated[list[str] | None, typer.Option(help="The key of a finding; all by default.")] = None,
    journal: Annotated[Path, typer.Option(help="Where scenes read are kept; the same file goes on.")] = Path(
        "checkpoints/findings.jsonl"
    ),
    out: Annotated[Path | None, typer.Option(help="Also write them, with their figures, as one JSON file.")] = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Published findings measured again on drawn scenes, each beside its baseline and judged by its rule."""
    from core.cli.asking import load, spec_of
    from core.cli.findings import run

    raise typer.Exit(run(load(spec_of(model, device, precision)), journal, scenes, finding, out))


@cases.command("formats", epilog=CODES)
def cases_formats() -> None:
    """The formats that folders may have, where each is published, and what its folder must look like."""
    from core.cli.cases import tell_formats

    raise typer.Exit(tell_formats())


@cases.command("check", epilog=CODES)
def cases_check(folder: Annotated[Path, typer.Argument()], form: Format = None) -> None:
    """What is wrong with a folder, before it is run."""
    from core.cli.cases import check

    raise typer.Exit(check(folder, form))


@cases.command("run", epilog=CODES)
def cases_run(
    out: Annotated[Path, typer.Option(help="The results file; the same file goes on.")],
    folder: Annotated[Path | None, typer.Argument(help="A folder of cases.")] = None,
    form: Format = None,
    street: Annotated[int | None, typer.Option(min=1, help="Drawn cases of each family, instead of a folder.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first cases.")] = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    max_new_tokens: MaxNewTokens = 64,
    dependence: Annotated[bool, typer.Option(help="Also measure how far answers rest on the picture.")] = True,
    engine: Annotated[str, typer.Option(help="local, or ray for workers with a model each.")] = "local",
    workers: Annotated[int, typer.Option(min=1, max=1024, help="Workers of the engine ray.")] = 2,
) -> None:
    """Ask a model every case of a folder, or of drawn streets; one line of the results file for each."""
    from core.cases.runner import RunSettings
    from core.cli.asking import spec_of
    from core.cli.cases import run

    spec, settings = spec_of(model, device, precision), RunSettings(max_new_tokens, dependence)
    raise typer.Exit(run(spec, folder, form, street, out, limit, settings, engine, workers))


@cases.command("report", epilog=CODES)
def cases_report(
    results: Results,
    html: Html = None,
    wrong: Annotated[bool, typer.Option("--wrong", help="Also a line for each wrong answer.")] = False,
) -> None:
    """The rates of a run with their intervals, and how far right and wrong answers rest on the picture."""
    from core.cli.cases import report

    raise typer.Exit(report(results, html, wrong))


@cases.command("compare", epilog=CODES)
def cases_compare(
    first: Results,
    second: Results,
    differing: Annotated[bool, typer.Option("--differing", help="Also a line for each case they differ in.")] = False,
) -> None:
    """Two models, or two checkpoints, on the same cases."""
    from core.cli.cases import compare_runs

    raise typer.Exit(compare_runs(first, second, differing))


@cases.command("note", epilog=CODES)
def cases_note(
    results: Results,
    case: Annotated[str, typer.Argument(help="The case's id.")],
    text: Annotated[str, typer.Option(help="The note; empty takes it away.")] = "",
    tag: Annotated[list[str] | None, typer.Option(help="A tag; give it again for several.")] = None,
) -> None:
    """Note something about a case, beside the results."""
    from core.cli.cases import note

    raise typer.Exit(note(results, case, text, tag or []))
