"""Keys by name: which of them a caller may use, and for what."""

import pytest

from portico.errors import InvalidRequest
from portico.routing.credentials import keys_of_caller, parse_request_keys, usable_keys
from portico.routing.needs import Credential


@pytest.mark.parametrize(
    ("header", "keys"),
    [
        (None, {}),
        ("", {}),
        ("{}", {}),
        ('{"openai": "k1", "Groq": " k2 "}', {"openai": "k1", "groq": "k2"}),
        ('{"openai": "", "groq": "k"}', {"groq": "k"}),
    ],
)
def test_keys_of_a_request_are_read_from_its_header(header, keys):
    assert parse_request_keys(header) == keys


@pytest.mark.parametrize("header", ["k1", "[]", '{"openai": 1}', '{"openai": null}', "{"])
def test_a_header_that_is_no_map_of_texts_is_refused_and_not_shown(header):
    with pytest.raises(InvalidRequest, match=r"^X-Provider-API-Keys: ") as caught:
        parse_request_keys(header)

    assert "k1" not in caught.value.message


def names(found, slug="openai"):
    return [key.name for key in found[slug]]


STORED = {
    "openai": (
        Credential(name=""),
        Credential(name="team", key_hashes=frozenset({"abc"})),
        Credential(name="ann", users=frozenset({"ann"})),
    )
}


@pytest.mark.parametrize(
    ("caller", "found"),
    [
        ({}, [""]),
        ({"key_hash": "abc"}, ["", "team"]),
        ({"key_hash": "other", "user": "ann"}, ["", "ann"]),
        ({"user": "bob"}, [""]),
    ],
)
def test_a_key_is_used_only_for_the_callers_it_is_for(caller, found):
    assert names(keys_of_caller(STORED, **caller)) == found


def test_a_key_that_was_brought_comes_first_and_alone_unless_the_operator_pays_after_it():
    alone = keys_of_caller(STORED, brought=["openai", "groq"])
    after = keys_of_caller(STORED, brought=["groq"], shared_after_brought=True)

    assert names(alone) == ["request", ""]
    assert [key.name for key in usable_keys(alone["openai"], "acme/orca-2")] == ["request"]
    assert [key.name for key in usable_keys(after["groq"], "acme/orca-2")] == ["request", ""]
    assert all(key.is_byok for key in alone["openai"] if key.name == "request")


@pytest.mark.parametrize(
    ("patterns", "model", "usable"),
    [
        (None, "acme/orca-2", True),
        (("acme/*",), "acme/orca-2", True),
        (("zeta/*", "*/orca-*"), "acme/orca-2", True),
        (("zeta/*",), "acme/orca-2", False),
        ((), "acme/orca-2", False),
    ],
)
def test_a_key_is_used_only_for_the_models_it_is_for(patterns, model, usable):
    keys = (Credential(name="x", models=patterns),)

    assert bool(usable_keys(keys, model)) is usable


def test_an_exclusive_key_for_other_models_leaves_the_shared_ones():
    keys = (
        Credential(name=""),
        Credential(name="x", placement="first", exclusive=True, models=("zeta/*",)),
    )

    assert [key.name for key in usable_keys(keys, "acme/orca-2")] == [""]
    assert [key.name for key in usable_keys(keys, "zeta/koi")] == ["x"]
