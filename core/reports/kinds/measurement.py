"""What mechanisms measured, in the shapes that they gave."""

from __future__ import annotations

from collections.abc import Sequence

from ...charts.tokens import visible
from ...mechanisms.registry import mechanisms
from ...mechanisms.run import Measurement, measure
from ..base import Renderer
from ..case import Case
from ..code import CannotBeWritten, Code, Writer
from ..figure import Figure
from ..shapes import shape_figure
from ._shared import docs, plain_settings, sentences, setting_arguments, took


class Measured(Renderer):
    """The figures of a mechanism for a target."""

    key = "measurement"
    name = "Mechanism"

    def figures(self, case: Case) -> Sequence[Figure]:
        measurement: Measurement = case.result
        mechanism = mechanisms().get(measurement.mechanism)
        partly = measurement.result.complete
        caption = sentences(
            f"Of {case.target_words}.",
            measurement.result.remark,
            mechanism.caveat if mechanism else None,
            f"It was stopped when {partly:.0%} were done." if partly < 1 else "",
            took(measurement.seconds),
        )
        name = mechanism.name if mechanism else visible(measurement.mechanism)
        settings = {"mechanism": name, **plain_settings(measurement.settings)}
        papers = docs(type(mechanism)) if mechanism else ()
        return [
            shape_figure(case.answer, shape, caption, settings=settings, methods=papers)
            for shape in measurement.result.shapes
        ]

    def code(self, case: Case, write: Writer) -> Code:
        measurement: Measurement = case.result
        if measurement.mechanism not in mechanisms():
            raise CannotBeWritten("Its mechanism is not one of this version.")
        if measurement.result.complete < 1:
            raise CannotBeWritten("It was stopped before it was whole.")
        given = setting_arguments(write, measurement.settings)
        arguments = ", ".join(f"{name}={value}" for name, value in given.items())
        target = write.literal(measurement.target)
        again = write.call(measure, "mechanism", "model", "answer", target, f"mechanism.Settings({arguments})")
        return Code((f"mechanism = sightline.lenses()[{write.literal(measurement.mechanism)}]", f"result = {again}"))
