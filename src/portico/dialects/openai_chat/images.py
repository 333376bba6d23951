"""Generated images as chat clients read them: each has its number."""

from collections.abc import Iterable
from typing import Any

from portico.jsonio import JsonObject


def numbered_images(images: Iterable[Any], first: int = 0) -> list[JsonObject]:
    """The images with an `index` each; what a host numbered itself keeps its number."""
    return [
        image if isinstance(image.get("index"), int) else {**image, "index": number}
        for number, image in enumerate(images, first)
        if isinstance(image, dict)
    ]
