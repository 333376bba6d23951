"""How many tokens a prompt can have, from its bytes: for holds, never for charges.

No tokeniser runs here. English, code and JSON come to about four ASCII bytes
a token, scripts outside ASCII to about one token per three-byte character;
the sum is raised by 15 %. It errs high on ordinary text and may err low on text
made to (digits, emoji): the charge is always the upstream's own count, and
what it exceeds the hold by is recorded as an overrun.
"""

from collections.abc import Collection, Iterable

IMAGE_TOKENS = 5_000
"""One image, as large as providers accept it; the dearest common tiling stays below."""

_COUNT_UP_TO_BYTES = 4_096
_BLOCK_BYTES = 256
_MEDIA_BYTES_PER_TOKEN = 16  # base64 of documents and sound: far above what providers count
_MEDIA_MINIMUM_TOKENS = 2_000  # a file by reference has no bytes to count here


def estimate_tokens(text: bytes) -> int:
    """Return the estimate for UTF-8 `text`, without the margin of a bound, at least 1.

    >>> estimate_tokens(b"Say hi in Portuguese")
    5
    """
    return max(1, _quarters(text) // 4)


def estimate_prompt_tokens(body: bytes, media: Iterable[tuple[str, int]] = ()) -> int:
    """Return the estimate for a prompt with media; arguments as of `prompt_tokens_bound`."""
    media_bytes, media_tokens = _media(media)
    return max(1, max(1, _quarters(body) - media_bytes) // 4) + media_tokens


def text_tokens_bound(text: bytes) -> int:
    """Return the bound for UTF-8 `text`: the estimate and 15 %, at least 1.

    >>> text_tokens_bound(b"Say hi in Portuguese"), text_tokens_bound("你好世界".encode())
    (6, 5)
    """
    return _raised(_quarters(text))


def prompt_tokens_bound(body: bytes, media: Collection[tuple[str, int]] = ()) -> int:
    """Return an upper bound on the prompt tokens of one request.

    Args:
        body: the JSON of the prompt as the client sent it; its syntax is counted
            as text, which only raises the bound.
        media: modality and size in `body` of each image, file, sound and video.
            They are charged by kind, not as the text that their base64 looks like.
    """
    if not media:
        return _raised(max(1, _quarters(body)))
    media_bytes, media_tokens = _media(media)
    # Base64 is ASCII: a quarter of a token per byte has been counted for it.
    return _raised(max(1, _quarters(body) - media_bytes)) + media_tokens


def _media(media: Iterable[tuple[str, int]]) -> tuple[int, int]:
    """Bytes in the body, and tokens by kind."""
    media_bytes = media_tokens = 0
    for modality, size_bytes in media:
        media_bytes += size_bytes
        media_tokens += IMAGE_TOKENS if modality == "image" else _by_size(size_bytes)
    return media_bytes, media_tokens


def _quarters(text: bytes) -> int:
    """Quarter tokens: one per ASCII byte, four thirds per other byte."""
    if text.isascii():
        return len(text)
    other = _other_bytes(text)
    return len(text) - other + other * 4 // 3


def _other_bytes(text: bytes) -> int:
    """At least as many as there are bytes outside ASCII; of long text one block in eight is read.

    A character has at most two bytes for each one that continues it, and bytes less
    characters are the continuing ones: decoding counts them far faster than a look at each.
    Blocks, not single bytes: text repeats itself in every short period.
    """
    length = len(text)
    if length > _COUNT_UP_TO_BYTES:
        starts = range(0, length, _BLOCK_BYTES * 8)
        text = b"".join([text[start : start + _BLOCK_BYTES] for start in starts])
    read = len(text)
    continuing = read - len(text.decode("utf-8", "replace"))
    return min(2 * continuing, read) * length // read


def _raised(quarters: int) -> int:
    return -(-quarters * 115 // 400)


def _by_size(size_bytes: int) -> int:
    return max(_MEDIA_MINIMUM_TOKENS, size_bytes // _MEDIA_BYTES_PER_TOKEN)
