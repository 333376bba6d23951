"""Gateway keys: how a secret looks, what is kept of it, and how a typo is told offline.

A secret is `sk-or-v1-` and 64 lower-case hex digits: 56 random ones (224 bits)
and the CRC-32 of those 56 as 8 more. A wrong checksum is refused without
asking the database. Only the SHA-256 of the whole secret is ever stored.
"""

from binascii import crc32
from hashlib import sha256

from portico.vocabulary import ApiKey, LimitReset, StreamTail

PREFIX = "sk-or-v1-"
ENTROPY_BYTES = 28

_LENGTH = len(PREFIX) + 64
_RANDOM = slice(len(PREFIX), -8)


def make_key(entropy: bytes) -> str:
    """Return the secret made of `ENTROPY_BYTES` bytes from a cryptographic source.

    Raises:
        ValueError: `entropy` has another length.
    """
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"a key needs {ENTROPY_BYTES} random bytes, got {len(entropy)}")
    random = entropy.hex()
    return f"{PREFIX}{random}{_checksum(random)}"


def is_well_formed(secret: str) -> bool:
    """Whether prefix, length and checksum are right; says nothing of existence."""
    if len(secret) != _LENGTH or not secret.startswith(PREFIX):
        return False
    return _checksum(secret[_RANDOM]) == secret[-8:]


def hash_key(secret: str) -> str:
    """Return the lower-case hex SHA-256 of the whole secret: its public identifier."""
    return sha256(secret.encode()).hexdigest()


def label(secret: str) -> str:
    """Return the masked secret that may be shown: `sk-or-v1-abc...xyz`."""
    start = len(PREFIX) + 3
    return f"{secret[:start]}...{secret[-3:]}"


def issue(
    *,
    name: str,
    entropy: bytes,
    created_ms: int,
    limit_picousd: int | None = None,
    limit_reset: LimitReset | None = None,
    stream_tail: StreamTail | None = None,
) -> tuple[ApiKey, str]:
    """Return a new key and its secret; the secret exists nowhere else."""
    secret = make_key(entropy)
    key = ApiKey(
        hash=hash_key(secret),
        name=name,
        label=label(secret),
        created_ms=created_ms,
        limit_picousd=limit_picousd,
        limit_reset=limit_reset,
        stream_tail=stream_tail,
    )
    return key, secret


def _checksum(random: str) -> str:
    return f"{crc32(random.encode()):08x}"
