"""The RSA numbers of RFC 7515, A.2, and private keys in PEM made of any numbers."""

from base64 import b64encode, urlsafe_b64decode

HEADER = b'{"alg":"RS256"}'
CLAIMS = b'{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}'
SIGNATURE = (
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W"
    "2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkS"
    "jtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnv"
    "Wh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
)


def number(text: str) -> int:
    return int.from_bytes(urlsafe_b64decode(text + "=="))


P = number(
    "4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_"
    "Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc"
)
Q = number(
    "uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7Tje"
    "LQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc"
)
E = 65537
"""The public exponent."""


def numbers(p: int = P, q: int = Q) -> dict[str, int]:
    d = pow(E, -1, (p - 1) * (q - 1))
    return {
        "n": p * q, "e": E, "d": d, "p": p, "q": q,
        "dp": d % (p - 1), "dq": d % (q - 1), "qinv": pow(q, -1, p),
    }  # fmt: skip


def der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 + len(length)]) + length + content


def integer(value: int) -> bytes:
    return der(0x02, value.to_bytes(value.bit_length() // 8 + 1, signed=True))


def pkcs1(values: dict[str, int]) -> bytes:
    return der(0x30, integer(0) + b"".join(map(integer, values.values())))


def pkcs8(values: dict[str, int], algorithm: str = "2a864886f70d010101") -> bytes:
    identifier = der(0x30, der(0x06, bytes.fromhex(algorithm)) + b"\x05\x00")
    return der(0x30, integer(0) + identifier + der(0x04, pkcs1(values)))


def pem(data: bytes, kind: str = "") -> str:
    """Data between the lines of a private key; `kind` is "RSA " for PKCS #1."""
    text = b64encode(data).decode()
    lines = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    name = kind + "PRIVATE" + " KEY"
    return f"-----BEGIN {name}-----\n{lines}\n-----END {name}-----\n"
