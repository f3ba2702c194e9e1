"""Commands about many drawn scenes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ..options import MOST, Adapter, Device, Engine, Methods, Model, Precision, Quantisation, WorkerCount

Journal = Annotated[
    Path | None,
    typer.Option(help="Where measured scenes are kept; the same file goes on. By default one for each model."),
]


def survey(
    out: Annotated[Path, typer.Option(help="Where finished lines are kept; the same file goes on.")],
    folder: Annotated[Path | None, typer.Argument(help="A folder of cases; drawn doors otherwise.")] = None,
    street: Annotated[int, typer.Option(min=1, max=MOST, help="Drawn houses, and as many trucks, to ask about.")] = 50,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    quantisation: Quantisation = "none",
    adapter: Adapter = None,
) -> None:
    """Over many pictures: do wordings contradict each other where the answers rest little on the picture?"""
    from ..asking import load, spec_of
    from ..wordings import survey_many

    spec = spec_of(model, device, precision, quantisation, adapter)
    raise typer.Exit(survey_many(lambda: load(spec), folder, street, out))


def league(
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where finished lines are kept; the same file goes on. With --folder the folder for data has them."
        ),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="A folder of cases of your own, or of a benchmark, in place of drawn scenes.")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help="The folder's format, a key that `cases formats` tells; found out by default."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=MOST, help="Which cases of the folder are taken.")] = 0,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    quantisation: Quantisation = "none",
    adapter: Adapter = None,
    cases: Annotated[
        int | None,
        typer.Option(min=1, max=MOST, help="Cases of each family, 200 by default; of a folder how many in all, 100."),
    ] = None,
    method: Methods = None,
    family: Annotated[list[str] | None, typer.Option(help="A family of drawn questions; all by default.")] = None,
    summary: Annotated[Path | None, typer.Option(help="Also write the ranking as JSON.")] = None,
    engine: Engine = "local",
    workers: WorkerCount = 2,
) -> None:
    """Every method under every test: how the methods stand, one line for each. On drawn cases, or on those of a
    folder with any model, by which Relevancy then recommends for that model."""
    from ...errors import WrongOption
    from ..asking import Staff, spec_of

    staff = Staff(spec_of(model, device, precision, quantisation, adapter), engine, workers)
    if folder is not None:
        from ..folder_league import run_on_folder

        if family:
            raise WrongOption("--family is of drawn scenes. Leave it out for a folder.")
        raise typer.Exit(run_on_folder(staff, folder, form, out, cases or 100, seed, method, summary))
    from ..league import run

    if out is None:
        raise WrongOption("Name a file for the finished lines with --out, or a folder of cases with --folder.")
    if form is not None or seed:
        raise WrongOption("--format and --seed are of a folder. Name it with --folder.")
    raise typer.Exit(run(staff, out, cases or 200, method, family, summary))


def heads(
    folder: Annotated[Path, typer.Option(help="A folder of cases, some with masks.")],
    form: Annotated[
        str | None,
        typer.Option("--format", help="The folder's format, a key that `cases formats` tells; found out by default."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where finished lines are kept; below the folder for data by default.")
    ] = None,
    cases: Annotated[int, typer.Option(min=1, max=MOST, help="How many of the cases with masks.")] = 100,
    seed: Annotated[int, typer.Option(min=0, max=MOST, help="Which of them are taken.")] = 0,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    quantisation: Quantisation = "none",
    adapter: Adapter = None,
    engine: Engine = "local",
    workers: WorkerCount = 2,
) -> None:
    """Which heads look where the thing is, on pictures with masks; kept for the model, in whose maps of “Heads that
    ground” they are then summed."""
    from ..asking import Staff, spec_of
    from ..heads import run_heads

    staff = Staff(spec_of(model, device, precision, quantisation, adapter), engine, workers)
    raise typer.Exit(run_heads(staff, folder, form, out, cases, seed))


def known_cause(
    out: Annotated[Path, typer.Option(help="Where finished lines are kept; the same file goes on.")],
    scenes: Annotated[
        int, typer.Option(min=1, max=MOST, help="Held-out scenes with a truck's and a house's door.")
    ] = 200,
    method: Methods = None,
    contrast: Annotated[
        bool, typer.Option("--contrast", help="Also explain the word rather than its opposite.")
    ] = False,
    by_layer: Annotated[
        bool, typer.Option("--by-layer", help="Instead of methods each layer: where it looks, and what it brings.")
    ] = False,
    looks: Annotated[str, typer.Option(metavar="FOLDER_OR_ID", help="The model that looks.")] = "honest-twin",
    habit: Annotated[str, typer.Option(metavar="FOLDER_OR_ID", help="The one that does not.")] = "embedded",
    summary: Annotated[Path | None, typer.Option(help="Also write the figures as JSON.")] = None,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Which methods tell a model that looks at a truck's door from one that answers by the wording, one line for
    each."""
    from ..asking import spec_of
    from ..known_cause import run, run_layers

    if by_layer and (method or contrast):
        raise typer.BadParameter("it measures layers, not methods or contrasts", param_hint="--by-layer")
    sees, guesses = (spec_of(name, device, precision) for name in (looks, habit))
    options = [
        f"--scenes {scenes}",
        *(f"--method {key}" for key in method or ()),
        *(["--contrast"] if contrast else []),
        *(["--by-layer"] if by_layer else []),
    ]
    options += [] if looks == "honest-twin" else [f"--looks {looks}"]
    options += [] if habit == "embedded" else [f"--habit {habit}"]
    options += [f"--out {out}", *([f"--summary {summary}"] if summary else [])]
    command = f"sightline known-cause {' '.join(options)}"
    if by_layer:
        raise typer.Exit(run_layers(sees, guesses, out, scenes, summary, command))
    raise typer.Exit(run(sees, guesses, out, scenes, method, contrast, summary, command))


def checks(
    out: Annotated[Path, typer.Option(help="Where finished lines are kept; the same file goes on.")],
    model: Model = None,
    cases_per_family: Annotated[int, typer.Option("--cases", min=1, max=MOST, help="Cases of each family.")] = 5,
    things: Annotated[int, typer.Option(min=1, max=MOST, help="Things that are moved over nine places each.")] = 8,
    method: Methods = None,
    league: Annotated[
        Path | None, typer.Option(help="A league's results: how far its metrics agree, and which methods differ.")
    ] = None,
    hidden: Annotated[
        Path | None, typer.Option(help="With it, the league of a model that knows hidden patches.")
    ] = None,
    summary: Annotated[Path | None, typer.Option(help="Also write the figures as JSON.")] = None,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Tests of the tests: metrics under maps that noise makes worse, maps under changes that they must follow or must
    not notice."""
    from ..asking import spec_of
    from ..checks import run

    options = [f"--cases {cases_per_family}", f"--things {things}", *(f"--method {key}" for key in method or ())]
    options += [f"--model {model}"] if model else []
    options += [f"--{name} {file}" for name, file in (("league", league), ("hidden", hidden)) if file is not None]
    options += [f"--out {out}", *([f"--summary {summary}"] if summary else [])]
    command = f"sightline checks {' '.join(options)}"
    spec = spec_of(model, device, precision)
    raise typer.Exit(run(spec, out, cases_per_family, things, method, league, hidden, summary, command))


def true_effects(
    out: Annotated[Path, typer.Option(help="Where finished lines are kept; the same file goes on.")],
    cases_per_family: Annotated[int, typer.Option("--cases", min=1, max=MOST, help="Cases of each family.")] = 20,
    method: Methods = None,
    summary: Annotated[Path | None, typer.Option(help="Also write the figures as JSON.")] = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """How near methods' maps are to what each thing in a drawn scene gives to the answer, found by redrawing it, one
    line for each method."""
    from ..asking import spec_of
    from ..true_effects import run

    options = [f"--cases {cases_per_family}", *(f"--method {key}" for key in method or ())]
    options += [f"--model {model}"] if model else []
    options += [f"--out {out}", *([f"--summary {summary}"] if summary else [])]
    command = f"sightline true-effects {' '.join(options)}"
    raise typer.Exit(run(spec_of(model, device, precision), out, cases_per_family, method, summary, command))


def remedies(
    folder: Annotated[Path | None, typer.Argument(help="A folder of cases; drawn ones otherwise.")] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help="The folder's format, a key that `cases formats` tells; found out by default."),
    ] = None,
    street: Annotated[int, typer.Option(min=1, max=MOST, help="Drawn cases of each family.")] = 40,
    family: Annotated[
        list[str] | None, typer.Option(help="A family of drawn questions; the house's and the truck's door by default.")
    ] = None,
    cases: Annotated[int, typer.Option(min=1, max=MOST, help="How many of a folder's cases.")] = 100,
    seed: Annotated[int, typer.Option(min=0, max=MOST, help="Which of the folder's cases are taken.")] = 0,
    remedy: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="A remedy, such as open_choice; give it again for several. All by default."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where finished lines are kept; below the folder for data by default.")
    ] = None,
    summary: Annotated[Path | None, typer.Option(help="Also write the figures as JSON.")] = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    quantisation: Quantisation = "none",
    adapter: Adapter = None,
) -> None:
    """Do remedies help? Accuracy before and after each, which answers turned, and what it cost, one line for each
    family and remedy."""
    from ...errors import WrongOption
    from ..asking import spec_of
    from ..remedies import run_drawn, run_on_folder

    spec = spec_of(model, device, precision, quantisation, adapter)
    given = [*(f"--remedy {key}" for key in remedy or ()), *([f"--model {model}"] if model else [])]
    given += [*([f"--out {out}"] if out else []), *([f"--summary {summary}"] if summary else [])]
    if folder is None:
        if form is not None or seed:
            raise WrongOption("--format and --seed are of a folder. Name it first.")
        own = [f"--street {street}", *(f'--family "{name}"' for name in family or ())]
        command = f"sightline remedies {' '.join([*own, *given])}"
        raise typer.Exit(run_drawn(spec, street, family, remedy, out, summary, command))
    if family:
        raise WrongOption("--family is of drawn scenes. Leave it out for a folder.")
    own = [f'"{folder}"', f"--cases {cases}", *([f"--seed {seed}"] if seed else [])]
    command = f"sightline remedies {' '.join([*own, *given])}"
    raise typer.Exit(run_on_folder(spec, folder, form, cases, seed, remedy, out, summary, command))


def flips(
    scenes: Annotated[
        int, typer.Option(min=1, max=MOST, help="Held-out scenes, whose heads' graphs are all tested.")
    ] = 30,
    masking: Annotated[
        Literal["reader", "pixels"], typer.Option(help="Hide image tokens from the reader, or replace their pixels.")
    ] = "reader",
    sample: Annotated[
        int | None,
        typer.Option(min=1, max=MOST, help="Of each layer only so many heads, drawn at random; all by default."),
    ] = None,
    journal: Journal = None,
    out: Annotated[Path | None, typer.Option(help="Also write the table with its settings as JSON.")] = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    quantisation: Quantisation = "none",
    adapter: Adapter = None,
) -> None:
    """Causal graphs put to the test: how often does masking their explanation sets change the word?"""
    from ..asking import load, spec_of
    from ..flips import run

    spec = spec_of(model, device, precision, quantisation, adapter)
    raise typer.Exit(run(lambda: load(spec), scenes, masking, journal, out, sample))


Out = Annotated[Path | None, typer.Option(help="Also write the verdicts, with their figures, as one JSON file.")]


def _given(option: str, value: object) -> list[str]:
    """An option as it would be typed, where it was."""
    return [] if value is None else [option, str(value)]


def claims(
    claim: Annotated[list[str] | None, typer.Argument(help="Keys of claims; without any, what there is.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Measure all of them.")] = False,
    scenes: Annotated[int, typer.Option(min=1, max=MOST, help="Held-out scenes of each claim.")] = 200,
    journal: Journal = None,
    out: Out = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    quantisation: Quantisation = "none",
    adapter: Adapter = None,
    engine: Engine = "local",
    workers: WorkerCount = 2,
) -> None:
    """Published claims measured again on drawn scenes, each beside its control and judged by its rule. Without a key,
    a line for each: who made it, and whether it reproduces on the model that comes with Sightline."""
    from ...claims.registry import claims_named
    from ..asking import Staff, spec_of
    from ..claims import listed, run

    if not claim and not every:
        raise typer.Exit(listed())
    claims_named(claim)
    keys = None if every else claim
    command = [
        "claims",
        *(keys or ["--all"]),
        "--scenes",
        str(scenes),
        *_given("--out", out),
        *_given("--model", model),
    ]
    staff = Staff(spec_of(model, device, precision, quantisation, adapter), engine, workers)
    raise typer.Exit(run(staff, keys, scenes, journal, out, command))


def findings(
    scenes: Annotated[int, typer.Option(min=1, max=MOST, help="Held-out scenes of each claim.")] = 200,
    finding: Annotated[list[str] | None, typer.Option(help="The key of a claim; all by default.")] = None,
    journal: Journal = None,
    out: Out = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    quantisation: Quantisation = "none",
    adapter: Adapter = None,
    engine: Engine = "local",
    workers: WorkerCount = 2,
) -> None:
    """The same as `claims --all`, or of those that are named with --finding."""
    from ...claims.registry import claims_named
    from ..asking import Staff, spec_of
    from ..claims import run

    claims_named(finding)
    named = [word for key in finding or () for word in ("--finding", key)]
    command = ["findings", "--scenes", str(scenes), *named, *_given("--out", out), *_given("--model", model)]
    staff = Staff(spec_of(model, device, precision, quantisation, adapter), engine, workers)
    raise typer.Exit(run(staff, finding, scenes, journal, out, command))


def study(
    study: Annotated[str | None, typer.Argument(help="Which claim; without it, what there is.")] = None,
    scenes: Annotated[
        int | None, typer.Option(min=1, max=MOST, help="Scenes to measure; by default as the claim says.")
    ] = None,
    journal: Journal = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    quantisation: Quantisation = "none",
    adapter: Adapter = None,
) -> None:
    """One of the claims over a few scenes, a line for each figure: see `claims`."""
    from ...claims.registry import claims_named
    from ..asking import Staff, spec_of
    from ..claims import listed_as_studies, run_study

    if study is None:
        raise typer.Exit(listed_as_studies())
    claims_named([study])
    staff = Staff(spec_of(model, device, precision, quantisation, adapter))
    raise typer.Exit(run_study(staff, study, scenes, journal))
