"""Pictures, which lie beside as PNG files under the names of their content."""

from __future__ import annotations

from typing import Any

from PIL import Image

from ...images import shrunk_as, shrunk_from
from .form import Broken, Form, Given, Out, Plain


class Picture(Form):
    """A picture, and what size it had before it was shrunk as it was opened."""

    name = "Image"

    def fits(self, value: object) -> bool:
        return isinstance(value, Image.Image)

    def encode(self, value: Any, out: Out) -> Plain:
        self.check(value)
        before = shrunk_from(value)
        return {"picture": out.picture(value), "shrunk_from": None if before is None else list(before)}

    def decode(self, plain: Plain, given: Given) -> Any:
        if not isinstance(plain, dict) or set(plain) != {"picture", "shrunk_from"}:
            raise Broken("a picture was expected")
        if not isinstance(plain["picture"], str):
            raise Broken("a picture's name was expected")
        image = given.picture(plain["picture"])
        match plain["shrunk_from"]:
            case None:
                return image
            case [int() as width, int() as height] if width > 0 and height > 0:
                return shrunk_as(image, (width, height))
        raise Broken("a picture's former size was expected")
