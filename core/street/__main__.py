"""`python -m core.street train`, `twin`, `hiding` and `evaluate`: make the embedded model, its honest twin and one that
knows hidden patches, and judge them."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from ..assets import asset

ASSETS = asset("street-llava")
TWIN = asset("street-llava-honest")


def _train(arguments: argparse.Namespace) -> None:
    from .train import Recipe, Training

    changed = {field.name: getattr(arguments, field.name) for field in fields(Recipe)}
    training = Training(Recipe(**changed), arguments.checkpoints)
    training.run()
    training.export(arguments.out)
    print(f"The model is in {arguments.out}.")


def _twin(arguments: argparse.Namespace) -> None:
    from .twin import TwinRecipe, TwinTraining

    changed = {field.name: getattr(arguments, field.name) for field in fields(TwinRecipe)}
    training = TwinTraining(TwinRecipe(**changed), arguments.start, arguments.checkpoints)
    training.run()
    training.export(arguments.out)
    print(f"The twin is in {arguments.out}.")


def _hiding(arguments: argparse.Namespace) -> None:
    from .hiding import HidingRecipe, HidingTraining

    changed = {field.name: getattr(arguments, field.name) for field in fields(HidingRecipe)}
    training = HidingTraining(HidingRecipe(**changed), arguments.start, arguments.checkpoints)
    training.run()
    training.export(arguments.out)
    print(f"The model is in {arguments.out}.")


def _evaluate(arguments: argparse.Namespace) -> None:
    from .evaluate import evaluate, table, write_json

    results = evaluate(arguments.model, arguments.scenes)
    print(table(results))
    if arguments.json:
        write_json(results, arguments.json)


def _add_recipe(parser: argparse.ArgumentParser, recipe: type[Any], checkpoints: str, out: Path) -> None:
    """The options of a training: every field of its recipe, and where things go."""
    parser.add_argument("--checkpoints", type=Path, default=Path(checkpoints), help="where to stop and resume")
    parser.add_argument("--out", type=Path, default=out, help="where the finished model goes")
    parser.add_argument("--threads", type=int, default=None, help="CPU threads (default: all cores)")
    for field in fields(recipe):
        option = "--" + field.name.replace("_", "-")
        parser.add_argument(option, type=type(field.default), default=field.default, help="default: %(default)s")


def main() -> None:
    from .hiding import HidingRecipe
    from .train import Recipe
    from .twin import TwinRecipe

    parser = argparse.ArgumentParser(prog=f"python -m {__package__}", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train everything from a seed; resumes from its checkpoints")
    _add_recipe(train, Recipe, "checkpoints/street", ASSETS)
    train.set_defaults(run=_train)
    twin = commands.add_parser("twin", help="train the honest twin from the embedded model; resumes, too")
    twin.add_argument("--start", type=Path, default=ASSETS, help="the model whose weights it begins from")
    _add_recipe(twin, TwinRecipe, "checkpoints/twin", TWIN)
    twin.set_defaults(run=_twin)
    hiding = commands.add_parser("hiding", help="train a model that knows hidden patches; resumes, too")
    hiding.add_argument("--start", type=Path, default=ASSETS, help="the model whose weights it begins from")
    _add_recipe(hiding, HidingRecipe, "checkpoints/hiding", Path("checkpoints/street-llava-hiding"))
    hiding.set_defaults(run=_hiding)
    judge = commands.add_parser("evaluate", help="exact match of greedy answers on held-out scenes")
    judge.add_argument("--scenes", type=int, default=200, help="number of held-out scenes (default: %(default)s)")
    judge.add_argument("--json", type=Path, help="also write {family: {accuracy, n}} to this file")
    judge.add_argument("--model", type=Path, default=ASSETS)
    judge.add_argument("--threads", type=int, default=None, help="CPU threads (default: all cores)")
    judge.set_defaults(run=_evaluate)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    arguments.run(arguments)


if __name__ == "__main__":
    main()
