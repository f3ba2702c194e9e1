"""`python -m core.street train` and `python -m core.street evaluate`: make the embedded model, and judge it."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

import torch

from ..assets import asset

ASSETS = asset("street-llava")


def _train(arguments: argparse.Namespace) -> None:
    from .train import Recipe, Training

    changed = {field.name: getattr(arguments, field.name) for field in fields(Recipe)}
    training = Training(Recipe(**changed), arguments.checkpoints)
    training.run()
    training.export(arguments.out)
    print(f"The model is in {arguments.out}.")


def _evaluate(arguments: argparse.Namespace) -> None:
    from .evaluate import evaluate, table, write_json

    results = evaluate(arguments.model, arguments.scenes)
    print(table(results))
    if arguments.json:
        write_json(results, arguments.json)


def main() -> None:
    from .train import Recipe

    parser = argparse.ArgumentParser(prog=f"python -m {__package__}", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train everything from a seed; resumes from its checkpoints")
    train.add_argument("--checkpoints", type=Path, default=Path("checkpoints/street"), help="where to stop and resume")
    train.add_argument("--out", type=Path, default=ASSETS, help="where the finished model goes")
    train.add_argument("--threads", type=int, default=None, help="CPU threads (default: all cores)")
    for field in fields(Recipe):
        option = "--" + field.name.replace("_", "-")
        train.add_argument(option, type=type(field.default), default=field.default, help="default: %(default)s")
    train.set_defaults(run=_train)
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
