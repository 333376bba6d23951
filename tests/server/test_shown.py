import json

import pytest

from portico.server.shown import shown_secrets


@pytest.mark.parametrize(
    ("name", "value", "secrets"),
    [
        ("authorization", "Bearer abc", ("abc",)),
        ("authorization", "abc", ("abc",)),
        ("proxy-authorization", "Basic dTpw", ("dTpw",)),
        ("x-api-key", " abc ", ("abc",)),
        ("x-goog-api-key", "abc", ("abc",)),
        ("cookie", "a=b1; c=d2", ("b1", "d2")),
        ("x-provider-api-keys", json.dumps({"acme": "k1", "b": ""}), ("k1",)),
        ("x-provider-api-keys", "not json", ("not json",)),
        ("content-type", "application/json", ()),
    ],
)
def test_what_a_client_shows_of_itself(name, value, secrets):
    assert shown_secrets([(name.encode(), value.encode())]) == secrets
