"""RS256 (RSASSA-PKCS1-v1_5 with SHA-256) and the reading of private keys in PEM.

RFC 8017 8.2 and 9.2 for the signature, RFC 5208 and RFC 8017 A.1 for the key. Why it is here
and no library: docs/decisions. It is for keys of service accounts, once in an hour; nobody can
have texts of their own signed and time it. Callers may bring keys: every number is bounded, so
that no key takes longer than a usual one.
"""

import hashlib
import re
from base64 import b64decode, urlsafe_b64encode
from binascii import Error as NotBase64

import msgspec

_PEM = re.compile(
    r"-----BEGIN (RSA )?PRIVATE KEY-----(.*?)-----END (?:RSA )?PRIVATE KEY-----", re.S
)
_RSA_ENCRYPTION = bytes.fromhex("2a864886f70d010101")  # 1.2.840.113549.1.1.1
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")  # RFC 8017, 9.2, note 1
_INTEGER, _OCTETS, _OBJECT_ID, _SEQUENCE = 0x02, 0x04, 0x06, 0x30
_LEAST_BITS = 2048
_MOST_BITS = 4096
_MOST_EXPONENT_BITS = 32


class RsaKey(msgspec.Struct, frozen=True, kw_only=True):
    """A private key: the numbers of RFC 8017, 3.2, by their names there."""

    n: int
    e: int
    d: int
    p: int
    q: int
    dp: int
    dq: int
    qinv: int

    def __repr__(self) -> str:
        return "RsaKey()"


def read_key(pem: str) -> RsaKey:
    """Read a private key in PEM: PKCS #8 as Google gives it, or PKCS #1.

    Raises:
        ValueError: it is no RSA key, or one of a length that nobody should use.
    """
    found = _PEM.search(pem)
    if found is None:
        raise ValueError("not a private key in PEM")
    try:
        der = b64decode("".join(found[2].split()), validate=True)
    except NotBase64 as error:
        raise ValueError("not base64") from error
    return _rsa_key(der if found[1] else _inside_pkcs8(der))


def sign(key: RsaKey, message: bytes) -> bytes:
    """The signature of `message`, as long as the key.

    Computed by the Chinese remainder theorem and checked, so that a fault in between
    cannot give the key away.
    """
    size = (key.n.bit_length() + 7) // 8
    tail = b"\x00" + _SHA256_INFO + hashlib.sha256(message).digest()
    padded = b"\x00\x01" + b"\xff" * (size - len(tail) - 2) + tail
    number = int.from_bytes(padded)
    first, second = pow(number, key.dp, key.p), pow(number, key.dq, key.q)
    signature = second + key.q * ((first - second) * key.qinv % key.p)
    if pow(signature, key.e, key.n) != number:
        raise ValueError("the numbers of the private key do not belong together")
    return signature.to_bytes(size)


def jwt(key: RsaKey, header: bytes, claims: bytes) -> str:
    """A JSON Web Token in its compact form (RFC 7515, 7.1) of the JSON of its two halves."""
    signed = b".".join((base64url(header), base64url(claims)))
    return b".".join((signed, base64url(sign(key, signed)))).decode()


def base64url(data: bytes) -> bytes:
    """Base64 of RFC 7515, 2: for URLs, without padding."""
    return urlsafe_b64encode(data).rstrip(b"=")


def _inside_pkcs8(der: bytes) -> bytes:
    info = _Reader(_Reader(der).take(_SEQUENCE))
    info.take(_INTEGER)
    algorithm = _Reader(info.take(_SEQUENCE))
    if algorithm.take(_OBJECT_ID) != _RSA_ENCRYPTION:
        raise ValueError("not an RSA key")
    return info.take(_OCTETS)


def _rsa_key(der: bytes) -> RsaKey:
    numbers = _Reader(_Reader(der).take(_SEQUENCE))
    names = ("version", "n", "e", "d", "p", "q", "dp", "dq", "qinv")
    read = {name: int.from_bytes(numbers.take(_INTEGER), signed=True) for name in names}
    if read.pop("version") != 0 or min(read.values()) <= 0 or read["p"] * read["q"] != read["n"]:
        raise ValueError("not a usual RSA key")
    if not _LEAST_BITS <= read["n"].bit_length() <= _MOST_BITS:
        raise ValueError("an RSA key of a length that is not taken")
    if not _is_reduced(read):
        raise ValueError("not a usual RSA key")
    return RsaKey(**read)


def _is_reduced(numbers: dict[str, int]) -> bool:
    """Whether each number is as small as it can be; larger ones only cost time."""
    p, q = numbers["p"], numbers["q"]
    return (
        numbers["e"].bit_length() <= _MOST_EXPONENT_BITS
        and abs(p.bit_length() - q.bit_length()) <= 1
        and numbers["dp"] < p
        and numbers["dq"] < q
        and numbers["qinv"] < p
    )


class _Reader:
    """Reads the values of DER (ITU-T X.690) one after the other."""

    def __init__(self, der: bytes) -> None:
        self._der = der
        self._at = 0

    def take(self, tag: int) -> bytes:
        """The content of the next value, which has to have this tag."""
        head = self._bytes(2)
        if head[0] != tag:
            raise ValueError("not the ASN.1 of a private key")
        size = head[1]
        if size > 0x80:
            size = int.from_bytes(self._bytes(size - 0x80))
        elif size == 0x80:
            raise ValueError("not DER: a value without length")
        return self._bytes(size)

    def _bytes(self, count: int) -> bytes:
        taken = self._der[self._at : self._at + count]
        if len(taken) != count:
            raise ValueError("the private key ends too early")
        self._at += count
        return taken
