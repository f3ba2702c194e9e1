"""Places in the pixels of a figure, counted from its top left: the channels of pictures and of all that lies over them.

A figure in pixels has no axes, and every mark of it has to say so. One that does not gets an axis with the name of its
field, and where a mark without axis follows it, Vega-Lite fails to join that name with none ("Cannot read properties of
undefined"): nothing is drawn. So these channels are made here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

import altair as alt

BoxChannels = dict[str, alt.X | alt.X2 | alt.Y | alt.Y2]


@dataclass(frozen=True)
class Pixels:
    """A figure's width and height."""

    width: float
    height: float

    # Channels in full: a string would be parsed, and checked against the whole schema, each time it is used.

    def x(self, field: str) -> alt.X:
        """Pixels from the left edge."""
        return alt.X(f"{field}:Q", scale=alt.Scale(domain=[0, self.width], nice=False, zero=False), axis=None)

    def y(self, field: str) -> alt.Y:
        """Pixels from the upper edge."""
        scale = alt.Scale(domain=[0, self.height], nice=False, zero=False, reverse=True)
        return alt.Y(f"{field}:Q", scale=scale, axis=None)

    @property
    def box(self) -> BoxChannels:
        """From ("x", "y") to ("x2", "y2"): boxes given by both ends stay where they are when the browser resizes the
        chart, widths in pixels do not."""
        return {"x": self.x("x"), "x2": alt.X2("x2:Q"), "y": self.y("y"), "y2": alt.Y2("y2:Q")}
