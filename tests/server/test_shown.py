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


def test_the_texts_inside_a_credential_that_was_brought_are_secrets_too():
    session = "session-token-of-the-caller"
    credential = json.dumps({"session_token": session, "region": "eu-1"})
    header = json.dumps({"amazon-bedrock": credential})

    assert shown_secrets([(b"x-provider-api-keys", header.encode())]) == (credential, session)
