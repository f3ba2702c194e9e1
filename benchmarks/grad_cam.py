"""Where Grad-CAM's peak lies when a thing is moved, by layer and by what features are weighed by.

`python -m benchmarks.grad_cam`: drawn things at nine places each, the embedded model's answer about their colour, and
the share of places at which the map's highest patch lies on the thing; beside it the cells most peaks are in. In the
mean over all places most of the weight is of background, so that the peak goes to patches which share its features, in
the upper corners as a rule, and not to the thing.
"""

from __future__ import annotations

import argparse
from collections import Counter

from core.answer import Decoding, Question, Target, TokenKind
from core.cases.checks.pictures import moved_things
from core.cases.score_case import LONGEST_ANSWER
from core.comparison.keyword import key_tokens
from core.explainers.grad_cam import MEAN, OWN, GradCam, GradCamSettings
from core.explainers.run import explain
from core.masking.patches import marked_centres
from core.vlm.generation import ask
from core.vlm.loading import EMBEDDED, load_model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--things", type=int, default=8)
    things = parser.parse_args().things
    model = load_model(EMBEDDED)
    print("| layer | weights | peak on the thing | cells of most peaks (row, column) |\n|---|---|---:|---|")
    asked = [
        (ask(model, Question(thing.question, (image,), decoding=Decoding(max_new_tokens=LONGEST_ANSWER))), pixels)
        for thing in moved_things(things)
        for image, pixels in zip(thing.images, thing.pixels, strict=True)
    ]
    for layer in range(model.card.layers):
        for weights in (MEAN, OWN):
            settings = GradCamSettings(depth=layer / (model.card.layers - 1), weights=weights)
            hits, cells = 0, Counter[tuple[int, int]]()
            for answer, pixels in asked:
                (one,) = explain(GradCam(), model, answer, [Target(key_tokens(answer))], settings)
                places = answer.layout.positions(TokenKind.IMAGE)
                peak = int(one.scores[list(places)].argmax())
                hits += places[peak] in marked_centres(pixels, answer.layout)
                row, column = divmod(peak, answer.layout.views[0].columns)
                cells[row + 1, column + 1] += 1
            most = ", ".join(f"({row}, {column}): {number}" for (row, column), number in cells.most_common(3))
            print(f"| {layer} | {weights} | {hits} of {len(asked)} | {most} |", flush=True)


if __name__ == "__main__":
    main()
