"""From a drawing on the canvas to pixels of the picture.

streamlit-drawable-canvas hands a drawing over as Fabric.js objects (version 7): brush strokes ("Path"),
rectangles ("Rect") and polygons ("Polygon"), each with its own origin, scale, skew, flip and angle, because
the canvas lets people move and bend what they drew. What the canvas paints is what is hidden: a pixel belongs to
a shape when its centre lies in the filled outline, or within half a stroke's width of a line.

A shape's own space has its origin at the middle of its bounding box. `Placement` takes it from there to the
picture. Strokes are measured in the space they were drawn in, so that a stretched stroke stays elliptic.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

Points = Float[np.ndarray, "points 2"]

_ORIGIN = {"left": 0.0, "top": 0.0, "center": 0.5, "right": 1.0, "bottom": 1.0}
_CURVE_STEPS = 8
_MOST_POINTS = 50_000
_FARTHEST = 1e6


def rasterize(
    drawing: Mapping[str, Any], size: tuple[int, int], canvas_size: tuple[int, int]
) -> Bool[np.ndarray, "height width"]:
    """The pixels of a picture that a drawing hides.

    `drawing` is the canvas' JSON; `size` and `canvas_size` are (width, height) of the picture and of the canvas
    it was stretched over, in pixels. Kinds of object other than strokes, rectangles and polygons, and objects
    whose numbers make no sense, hide nothing. Raises ValueError when a size is not positive.
    """
    if min(*size, *canvas_size) <= 0:
        raise ValueError(f"sizes are positive, not {size} and {canvas_size}")
    hidden = np.zeros((size[1], size[0]), dtype=bool)
    to_image = np.diag([size[0] / canvas_size[0], size[1] / canvas_size[1]])
    objects = drawing.get("objects")
    for item in objects if isinstance(objects, list) else []:
        try:
            shape = _shape(item)
            placement = _placement(item, shape) if shape else None
        except (AttributeError, KeyError, TypeError, ValueError, IndexError, OverflowError):
            continue  # not a drawing of ours: it comes from the browser, and hides nothing
        if shape and placement:
            _paint(hidden, shape, placement, to_image)
    return hidden


@dataclass(frozen=True)
class _Shape:
    """Lines in the shape's own space. `filled`: the outline's inside belongs to it. `stroke` is the width of the
    line to draw; `extent` and `border` are the width and height, and the line's, that Fabric places it by."""

    lines: tuple[Points, ...]
    filled: bool
    stroke: float
    extent: tuple[float, float]
    border: float


@dataclass(frozen=True)
class _Placement:
    """From a shape's own space to the canvas: p -> `linear` p + `centre`. With `uniform` strokes keep their
    width on the canvas however the shape is stretched."""

    linear: Float[np.ndarray, "2 2"]
    centre: Float[np.ndarray, "2"]
    uniform: bool


def _shape(item: Mapping[str, Any]) -> _Shape | None:
    """The object's shape, or None for kinds that hide nothing. Raises ValueError and kin on nonsense."""
    width = _number(item, "strokeWidth", 0.0) if item.get("stroke") else 0.0
    match str(item.get("type", "")).lower():
        case "rect" | "labeledrect":
            extent = _number(item, "width"), _number(item, "height")
            scale = _number(item, "scaleX", 1.0), _number(item, "scaleY", 1.0)
            # Grown by its border, and not stroked: the corners of a rectangle are square.
            border = width / np.abs(scale) if item.get("strokeUniform") and all(scale) else np.full(2, width)
            corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (np.array(extent) + border) / 2
            return _Shape((corners,), True, 0.0, extent, width)
        case "polygon":
            points = np.array([[_number(point, "x"), _number(point, "y")] for point in item["points"][:_MOST_POINTS]])
            lines, filled = [np.vstack([points, points[:1]])], True
        case "path":
            lines = [np.array(line) for line in _flatten(item["path"][:_MOST_POINTS])]
            closed = any(str(command[0]).lower() == "z" for command in item["path"])
            filled = closed or bool(item.get("fill"))
        case _:
            return None
    everything = np.vstack(lines)
    if not np.isfinite(everything).all() or np.abs(everything).max() > _FARTHEST:
        raise ValueError("points beyond any canvas")
    low, high = everything.min(axis=0), everything.max(axis=0)
    extent = float(high[0] - low[0]), float(high[1] - low[1])
    return _Shape(tuple(line - (low + high) / 2 for line in lines), filled, width, extent, width)


def _flatten(path: Sequence[Sequence[Any]]) -> Iterator[list[tuple[float, float]]]:
    """The lines of a path of absolute M, L, Q, C and Z commands, curves cut into short pieces."""
    line: list[tuple[float, float]] = []
    for command in path:
        kind, numbers = str(command[0]).upper(), [float(number) for number in command[1:]]
        points = list(zip(numbers[::2], numbers[1::2], strict=True))
        match kind:
            case "M":
                if line:
                    yield line
                line = points
            case "L":
                line += points
            case "Q" | "C":
                line += _curve([line[-1], *points])
            case "Z":
                line.append(line[0])
            case _:
                raise ValueError(f"a path command {kind!r}")
    if line:
        yield line


def _curve(control: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points along a Bézier curve, without its first, by de Casteljau's rule."""
    curve = []
    for step in range(1, _CURVE_STEPS + 1):
        share, points = step / _CURVE_STEPS, np.array(control)
        while len(points) > 1:
            points = points[:-1] * (1 - share) + points[1:] * share
        curve.append((float(points[0, 0]), float(points[0, 1])))
    return curve


def _number(item: Mapping[str, Any], key: str, default: float | None = None) -> float:
    value = float(item[key] if default is None else item.get(key, default))
    if not math.isfinite(value) or abs(value) > _FARTHEST:
        raise ValueError(f"{key} is {value}")
    return value


def _placement(item: Mapping[str, Any], shape: _Shape) -> _Placement:
    """Where Fabric puts a shape: flipped and scaled, skewed in y, then in x, turned about its origin, moved."""
    scale = np.diag(
        [
            _number(item, "scaleX", 1.0) * (-1 if item.get("flipX") else 1),
            _number(item, "scaleY", 1.0) * (-1 if item.get("flipY") else 1),
        ]
    )
    skew_x = np.array([[1, math.tan(math.radians(_number(item, "skewX", 0.0)))], [0, 1]])
    skew_y = np.array([[1, 0], [math.tan(math.radians(_number(item, "skewY", 0.0))), 1]])
    angle = math.radians(_number(item, "angle", 0.0))
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    stretched = scale @ skew_x @ skew_y

    uniform = bool(item.get("strokeUniform"))
    inner, outer = (0.0, shape.border) if uniform else (shape.border, 0.0)
    box = np.abs(stretched) @ (np.array(shape.extent) + inner) + outer
    origin = np.array([_ORIGIN[item.get("originX", "left")], _ORIGIN[item.get("originY", "top")]])
    anchor = np.array([_number(item, "left", 0.0), _number(item, "top", 0.0)])
    return _Placement(turn @ stretched, anchor + turn @ ((0.5 - origin) * box), uniform)


def _paint(
    hidden: Bool[np.ndarray, "height width"],
    shape: _Shape,
    placement: _Placement,
    to_image: Float[np.ndarray, "2 2"],
) -> None:
    """Hide the pixels of one shape, in place."""
    on_canvas = [line @ placement.linear.T + placement.centre for line in shape.lines]
    if shape.filled:
        hidden |= _inside([line @ to_image.T for line in on_canvas], hidden.shape)
    if shape.stroke <= 0:
        return
    if placement.uniform:
        drawn, linear, shift = on_canvas, to_image, np.zeros(2)
    else:
        drawn, linear, shift = list(shape.lines), to_image @ placement.linear, to_image @ placement.centre
    if abs(np.linalg.det(linear)) < 1e-12:
        return
    for line in drawn:
        for start, end in pairwise(line) if len(line) > 1 else [(line[0], line[0])]:
            _stroke(hidden, start, end, shape.stroke / 2, linear, shift)


def _inside(lines: Sequence[Points], shape: tuple[int, ...]) -> Bool[np.ndarray, "height width"]:
    """The pixels whose centres a set of outlines winds around (the non-zero rule), each closed if it is not."""
    height, width = shape
    winding = np.zeros((height, width + 1), dtype=np.int32)
    for line in lines:
        for (x0, y0), (x1, y1) in zip(line, np.roll(line, -1, axis=0), strict=True):
            if y0 == y1:
                continue
            top, bottom = sorted((y0, y1))
            rows = np.arange(max(math.ceil(top - 0.5), 0), min(math.ceil(bottom - 0.5), height))
            crossings = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
            columns = np.clip(np.ceil(crossings - 0.5), 0, width).astype(np.intp)
            winding[rows, columns] += 1 if y1 > y0 else -1
    inside: Bool[np.ndarray, "height width"] = np.cumsum(winding[:, :width], axis=1) != 0
    return inside


def _stroke(
    hidden: Bool[np.ndarray, "height width"],
    start: Float[np.ndarray, "2"],
    end: Float[np.ndarray, "2"],
    radius: float,
    linear: Float[np.ndarray, "2 2"],
    shift: Float[np.ndarray, "2"],
) -> None:
    """Hide, in place, the pixels within `radius` of a segment: round caps, and so round joints.

    Segment and radius are in the stroke's own space, which p -> `linear` p + `shift` takes to the picture.
    """
    ends = np.array([start, end]) @ linear.T + shift
    reach = radius * np.sqrt((linear**2).sum(axis=1))
    left, top = np.maximum(np.floor(ends.min(axis=0) - reach), 0).astype(int)
    right, bottom = np.minimum(np.ceil(ends.max(axis=0) + reach), hidden.shape[::-1]).astype(int)
    if left >= right or top >= bottom:
        return
    xs, ys = np.meshgrid(np.arange(left, right) + 0.5, np.arange(top, bottom) + 0.5)
    inverse = np.linalg.inv(linear)
    points = (np.stack([xs, ys], axis=-1) - shift) @ inverse.T
    along = end - start
    length = float(along @ along)
    share = np.clip((points - start) @ along / length, 0, 1) if length > 0 else np.zeros(xs.shape)
    nearest = points - start - share[..., None] * along
    hidden[top:bottom, left:right] |= (nearest**2).sum(axis=-1) <= radius**2
