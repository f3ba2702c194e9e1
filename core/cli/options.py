"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

MOST = 10**9
"""Of whatever is counted: more is no number that anybody means."""
Model = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER_OR_ID",
        help="A model folder, or a hub id (with @REVISION for another than the newest), which is fetched where it "
        "is not here; the embedded model by default, and honest-twin for its twin.",
    ),
]
Adapter = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER_OR_ID",
        help="A LoRA adapter to put onto the model; none leaves out one that lies beside it.",
    ),
]
Quantisation = Annotated[str, typer.Option(help="none, 8bit or 4bit: how weights are stored while they are in use.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, mps, all (every GPU), or names as in cuda:0,cuda:1.")]
Precision = Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")]
Engine = Annotated[Literal["local", "ray"], typer.Option(help="local, or ray for workers with a model each.")]
WorkerCount = Annotated[int, typer.Option("--workers", min=1, max=1024, help="Workers of the engine ray.")]
Question = Annotated[str, typer.Option(help="What is asked.")]
Images = Annotated[list[Path] | None, typer.Option(help="A picture; give it again for several.")]
At = Annotated[
    list[int] | None,
    typer.Option(
        "--at",
        min=0,
        max=MOST,
        help="Before which character of the question a picture stands, from 0; once for each picture, in their order. "
        "Without it all stand before the question.",
    ),
]
Videos = Annotated[
    list[Path] | None,
    typer.Option(
        "--video",
        help="A video (MP4, WebM or GIF) for models that take them, after the pictures; its frames count as pictures.",
    ),
]
Frames = Annotated[
    int | None,
    typer.Option(
        min=1, max=4096, help="How many frames of a video are taken; as the model's processor says otherwise."
    ),
]
Fps = Annotated[float | None, typer.Option(min=0.001, max=MOST, help="How many frames a second are taken instead.")]
MaxNewTokens = Annotated[int, typer.Option(min=1, max=4096, help="The longest answer.")]
Seed = Annotated[int, typer.Option(min=-(2**63), max=2**63 - 1, help="Of an answer that is drawn.")]
RowsOfLast = Annotated[
    int | None,
    typer.Option(
        "--rows-of-last",
        min=1,
        max=MOST,
        help="Keep attention rows of so many of the answer's last tokens only; others are computed again when needed.",
    ),
]
RowsOfLayers = Annotated[
    list[int] | None,
    typer.Option(
        "--rows-of-layer", min=0, max=MOST, help="Keep attention rows of this layer only; give it again for several."
    ),
]
Html = Annotated[Path | None, typer.Option(help="Also write a page with figures, which needs nothing else.")]
Word = Annotated[
    str | None, typer.Option(help="The word of the answer to explain; by default the one that decides it.")
]
Token = Annotated[list[int] | None, typer.Option(min=1, max=MOST, help="Tokens to explain, by number from 1.")]
Whole = Annotated[bool, typer.Option("--whole", help="Explain the whole answer.")]
Rival = Annotated[str | None, typer.Option(help="Explain why not this word rather than the one said.")]
Methods = Annotated[
    list[str] | None,
    typer.Option(
        "--method",
        metavar="KEY",
        help="A method, such as raw_attention; give it again for several. A wrong key lists all there are.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--setting", metavar="NAME=VALUE", help="A setting of the methods; layers and heads as 0,1,5."),
]
