"""Gateway keys: form, checksum, and what is kept of them."""

from binascii import crc32
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.keys import ENTROPY_BYTES, hash_key, is_well_formed, issue, label, make_key

SECRET = make_key(bytes(range(ENTROPY_BYTES)))


def test_a_secret_is_a_prefix_random_digits_and_their_checksum():
    digits = SECRET.removeprefix("sk-or-v1-")

    assert len(digits) == 64
    assert digits[:56] == bytes(range(28)).hex()
    assert int(digits[56:], 16) == crc32(digits[:56].encode())


@given(st.binary(min_size=ENTROPY_BYTES, max_size=ENTROPY_BYTES))
def test_every_secret_made_is_well_formed(entropy):
    assert is_well_formed(make_key(entropy))


@given(st.integers(9, len(SECRET) - 1), st.sampled_from("0123456789abcdef"))
def test_one_wrong_digit_is_noticed_without_a_database(position, digit):
    typo = SECRET[:position] + digit + SECRET[position + 1 :]

    assert is_well_formed(typo) is (typo == SECRET)


@pytest.mark.parametrize(
    "text",
    ["", "sk-or-v1-", SECRET[:-1], SECRET + "0", SECRET.upper(), " " + SECRET, SECRET + "\n",
     SECRET.replace("sk-or-v1", "sk-or-v2"), SECRET.replace("0", "٠")],  # noqa: RUF001
)  # fmt: skip
def test_what_is_not_a_secret_is_refused(text):
    assert not is_well_formed(text)


def test_too_little_randomness_makes_no_key():
    with pytest.raises(ValueError, match="28 random bytes"):
        make_key(b"short")


def test_only_hash_and_mask_of_the_secret_are_kept():
    key, secret = issue(
        name="ci", entropy=bytes(28), created_ms=5, limit_picousd=7, limit_reset="daily"
    )

    assert key.hash == hash_key(secret) == sha256(secret.encode()).hexdigest()
    assert key.label == label(secret) == f"sk-or-v1-000...{secret[-3:]}"
    assert (key.name, key.created_ms, key.limit_picousd, key.limit_reset) == ("ci", 5, 7, "daily")
    assert secret not in repr(key)
