"""Commands about many drawn scenes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ..options import Device, Methods, Model, Precision


def survey(
    out: Annotated[Path, typer.Option(help="Where finished lines are kept; the same file goes on.")],
    folder: Annotated[Path | None, typer.Argument(help="A folder of cases; drawn doors otherwise.")] = None,
    street: Annotated[int, typer.Option(min=1, help="Drawn houses, and as many trucks, to ask about.")] = 50,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Over many pictures: do wordings contradict each other where the answers rest little on the picture?"""
    from ..asking import load, spec_of
    from ..wordings import survey_many

    raise typer.Exit(survey_many(load(spec_of(model, device, precision)), folder, street, out))


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
    from ..asking import load, spec_of
    from ..league import run

    spec = spec_of(model, device, precision)
    raise typer.Exit(run(load(spec), out, cases_per_family, method, family, summary))


def flips(
    scenes: Annotated[int, typer.Option(min=1, help="Held-out scenes, whose heads' graphs are all tested.")] = 30,
    masking: Annotated[
        Literal["reader", "pixels"], typer.Option(help="Hide image tokens from the reader, or replace their pixels.")
    ] = "reader",
    out: Annotated[Path | None, typer.Option(help="Also write the table with its settings as JSON.")] = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Causal graphs put to the test: how often does masking their explanation sets change the word?"""
    from ..asking import load, spec_of
    from ..flips import run

    raise typer.Exit(run(load(spec_of(model, device, precision)), scenes, masking, out))


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
    from ..asking import load, spec_of
    from ..findings import run

    raise typer.Exit(run(load(spec_of(model, device, precision)), journal, scenes, finding, out))


def study(
    study: Annotated[str | None, typer.Argument(help="Which one; without it, what there is.")] = None,
    scenes: Annotated[int | None, typer.Option(min=1, help="Scenes to read; by default as the study says.")] = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """A published case on many held-out scenes: its figures beside their controls, and whether it is borne out."""
    from ..asking import load, spec_of
    from ..study import run, study_of, tell

    if study is None:
        raise typer.Exit(tell())
    one = study_of(study)
    raise typer.Exit(run(load(spec_of(model, device, precision)), one, scenes))
