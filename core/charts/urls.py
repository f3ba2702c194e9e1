"""Small pictures in data addresses."""

from __future__ import annotations

import base64
import io

from PIL import Image

from ..images import without_metadata


def png_url(image: Image.Image) -> str:
    """The picture in a data address, without loss."""
    return _url(image, "PNG")


def jpeg_url(image: Image.Image, quality: int = 80) -> str:
    """The picture in a data address that takes next to no time to make."""
    return _url(image, "JPEG", quality=quality)


def webp_url(image: Image.Image, quality: int = 80) -> str:
    """The picture, which may let through what is behind it, in a data address of few bytes."""
    return _url(image, "WEBP", quality=quality)


def _url(image: Image.Image, format: str, **options: int) -> str:
    data = io.BytesIO()
    without_metadata(image).save(data, format, **options)
    return f"data:image/{format.lower()};base64,{base64.b64encode(data.getvalue()).decode('ascii')}"
