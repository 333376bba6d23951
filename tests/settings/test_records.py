import json
import pickle

import pytest

from portico import jsonio
from portico.settings import Secret


def test_a_secret_shows_itself_only_when_asked():
    secret = Secret("canary")

    shown = [str(secret), repr(secret), f"{secret}", "%s" % secret, json.dumps([secret])]  # noqa: UP031

    assert all("canary" not in text for text in shown)
    assert secret.reveal() == "canary"


def test_a_secret_is_not_serialised():
    with pytest.raises(TypeError):
        jsonio.dumps({"key": Secret("canary")})
    with pytest.raises(TypeError):
        pickle.dumps(Secret("canary"))


def test_secrets_are_equal_when_their_values_are():
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "[redacted]"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
