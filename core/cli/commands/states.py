"""Commands about what can be read off a model's states, and what adding to them does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ..options import MOST, Adapter, Device, Model, Precision, Quantisation

Form = Annotated[
    str | None,
    typer.Option("--format", help="The folder's format, a key that `cases formats` tells; found out by default."),
]
Family = Annotated[str, typer.Option(help="Without a folder: what is asked about drawn streets, such as house door.")]
Label = Annotated[
    str | None,
    typer.Option(
        help="What is to be read: answer (the right one), a column of the folder's table, or of drawn streets "
        "such as house door, dog present, car colour, ball count. By default what is asked."
    ),
]
Cases = Annotated[
    int | None, typer.Option(min=1, max=MOST, help="How many cases: 300 drawn ones by default, of a folder all.")
]
Folder = Annotated[Path | None, typer.Argument(help="A folder of cases; drawn streets otherwise.")]
Summary = Annotated[Path | None, typer.Option(help="Also write the figures as JSON.")]
Place = Literal["thing", "image", "question", "prompt", "last"]


def _given(option: str, value: object) -> list[str]:
    """An option as it would be typed, where it was."""
    return [] if value is None else [option, str(value)]


def _of_cases(folder: Path | None, form: str | None, family: str, label: str | None, cases: int | None) -> list[str]:
    """The options that say which cases and which label."""
    options = [] if folder is None else [f'"{folder}"', *_given("--format", form)]
    options += [f'--family "{family}"'] if folder is None and family != "truck door" else []
    options += [] if label is None else [f'--label "{label}"']
    return [*options, *_given("--cases", cases)]


def probes(
    out: Annotated[Path, typer.Option(help="Where finished cases are kept, and beside it their states; it goes on.")],
    folder: Folder = None,
    form: Form = None,
    family: Family = "truck door",
    label: Label = None,
    cases: Cases = None,
    where: Annotated[
        Literal["residual", "attention", "mlp"],
        typer.Option(help="The residual stream between the layers, or what each layer's attention or MLP hands on."),
    ] = "residual",
    summary: Summary = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    quantisation: Quantisation = "none",
    adapter: Adapter = None,
) -> None:
    """Does a model know what it does not say? Linear probes of its states, layer by layer and place by place, beside
    shuffled labels, a control task, and the model's own answers."""
    from ..asking import spec_of
    from ..probes import run

    options = [*_of_cases(folder, form, family, label, cases), *([] if where == "residual" else [f"--where {where}"])]
    options += [*_given("--model", model), f"--out {out}", *_given("--summary", summary)]
    command = f"sightline probes {' '.join(options)}"
    spec = spec_of(model, device, precision, quantisation, adapter)
    raise typer.Exit(run(spec, folder, form, family, label, cases, where, out, summary, command))


def steer(
    probes: Annotated[Path, typer.Option(help="The file of `probes` for the same cases; what it lacks is measured.")],
    out: Annotated[Path, typer.Option(help="Where finished cases are kept; the same file goes on.")],
    folder: Folder = None,
    form: Form = None,
    family: Family = "truck door",
    label: Label = None,
    cases: Cases = None,
    found_at: Annotated[Place, typer.Option(help="Where the direction is found.")] = "thing",
    at: Annotated[
        Place,
        typer.Option(help="Where it is added; last is where the answer's first word is predicted."),
    ] = "last",
    direction_from: Annotated[
        Path | None,
        typer.Option(help="A file of `probes` of other cases of this model, whose direction is taken instead."),
    ] = None,
    dose: Annotated[
        list[float] | None,
        typer.Option(min=-MOST, max=MOST, help="A dose; again for several. 1 and -1 are always among them."),
    ] = None,
    summary: Summary = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    quantisation: Quantisation = "none",
    adapter: Adapter = None,
) -> None:
    """Does what a probe reads turn the answer? A label's direction added in doses, layer by layer, beside random
    directions of the same length, and what that does to other questions."""
    from ..asking import spec_of
    from ..steering import run

    options = _of_cases(folder, form, family, label, cases)
    options += [*([] if found_at == "thing" else [f"--found-at {found_at}"]), *([] if at == "last" else [f"--at {at}"])]
    options += [*_given("--direction-from", direction_from), *(f"--dose {one:g}" for one in dose or ())]
    options += [*_given("--model", model), f"--probes {probes} --out {out}", *_given("--summary", summary)]
    command = f"sightline steer {' '.join(options)}"
    spec = spec_of(model, device, precision, quantisation, adapter)
    places = found_at, at
    raise typer.Exit(
        run(spec, folder, form, family, label, cases, places, probes, direction_from, dose, out, summary, command)
    )
