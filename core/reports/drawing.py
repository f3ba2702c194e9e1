"""What a figure looks like, for files and for pages that stand alone: as SVG and as PNG."""

from __future__ import annotations

import base64
import io
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import altair as alt
from PIL import Image

from ..charts.still import png_of_svg, still_svg
from ..images import without_metadata


class Drawing(ABC):
    """A picture of numbers."""

    @abstractmethod
    def svg(self) -> str:
        """As SVG that loads nothing."""

    @abstractmethod
    def png(self) -> bytes:
        """As pixels."""


@dataclass(frozen=True, eq=False)
class Chart(Drawing):
    """One of the charts of the pages, which is made when it is drawn."""

    make: Callable[[], alt.TopLevelMixin]

    @cached_property
    def _svg(self) -> str:
        return still_svg(self.make())

    def svg(self) -> str:
        return self._svg

    def png(self) -> bytes:
        return png_of_svg(self.svg())


@dataclass(frozen=True, eq=False)
class Drawn(Drawing):
    """What draws itself."""

    as_svg: Callable[[], str]
    as_png: Callable[[], bytes]

    def svg(self) -> str:
        return self.as_svg()

    def png(self) -> bytes:
        return self.as_png()


@dataclass(frozen=True, eq=False)
class Pixels(Drawing):
    """A picture of pixels."""

    make: Callable[[], Image.Image]

    def svg(self) -> str:
        image = self.make()
        data = base64.b64encode(png_bytes(image)).decode("ascii")
        width, height = image.size
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
            f'<image width="{width}" height="{height}" href="data:image/png;base64,{data}"/></svg>'
        )

    def png(self) -> bytes:
        return png_bytes(self.make())


def png_bytes(image: Image.Image) -> bytes:
    """A picture as PNG, with nothing but its pixels."""
    out = io.BytesIO()
    without_metadata(image).save(out, "PNG")
    return out.getvalue()
