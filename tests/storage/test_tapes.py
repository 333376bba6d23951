import asyncio
import logging

import pytest

from portico.cassette import Interaction, RecordedRequest, RecordedResponse, load
from portico.cassette.redaction import Redactor
from portico.storage.tapes import Tapes

SECRET = "canary" + "0123456789"


def exchange(text, **answer):
    return Interaction(
        request=RecordedRequest(method="POST", url="https://a.example/", body=text.encode()),
        response=RecordedResponse(**{"status": 200, "body": b"ok"} | answer),
    )


def tapes(folder, **rest):
    rest.setdefault("redactor", Redactor())
    return Tapes(folder, **{"form": "go-vcr"} | rest)


def on(folder, name="t"):
    path = folder / f"{name}.yaml"
    return [one.request.body.decode() for one in load(path.read_bytes()).interactions]


async def test_exchanges_stand_in_the_order_they_began_in(tmp_path):
    kept = tapes(tmp_path)
    first, second = kept.begin("t"), kept.begin("t")

    kept.add("t", second, exchange("second"), ())
    await asyncio.sleep(0)
    kept.add("t", first, exchange("first"), ())
    await kept.aclose()

    assert on(tmp_path) == ["first", "second"]


async def test_a_tape_goes_on_behind_what_the_file_had(tmp_path):
    for text in "ab":
        kept = tapes(tmp_path)
        kept.add("t", kept.begin("t"), exchange(text), ())
        await kept.aclose()

    assert on(tmp_path) == ["a", "b"]


async def test_a_tape_can_begin_anew(tmp_path):
    for text in "ab":
        kept = tapes(tmp_path, replacing=True)
        kept.add("t", kept.begin("t"), exchange(text), ())
        await kept.aclose()

    assert on(tmp_path) == ["b"]


async def test_secrets_of_the_gateway_and_of_the_client_are_not_written(tmp_path):
    kept = tapes(tmp_path, redactor=Redactor(secrets=[SECRET]))
    kept.add("t", kept.begin("t"), exchange(f"{SECRET} and client-secret"), ("client-secret",))
    await kept.aclose()

    assert on(tmp_path) == ["[redacted] and [redacted]"]


async def test_what_cannot_be_searched_for_secrets_is_left_out_and_told(tmp_path, caplog):
    kept = tapes(tmp_path)
    odd = exchange("odd", body=b"\xff", headers=(("Content-Encoding", "br"),))
    kept.add("t", kept.begin("t"), odd, ())
    kept.add("t", kept.begin("t"), exchange("plain"), ())
    with caplog.at_level(logging.ERROR, "portico.tapes"):
        await kept.aclose()

    assert on(tmp_path) == ["plain"]
    assert "an exchange is not written to t.yaml" in caplog.text


async def test_a_file_that_cannot_be_read_is_not_overwritten(tmp_path, caplog):
    (tmp_path / "t.yaml").write_text("hello")
    kept = tapes(tmp_path)
    kept.add("t", kept.begin("t"), exchange("a"), ())
    kept.add("u", kept.begin("u"), exchange("b"), ())
    await kept.aclose()

    assert (tmp_path / "t.yaml").read_text() == "hello"
    assert on(tmp_path, "u") == ["b"]
    assert "t.yaml is not written" in caplog.text


@pytest.mark.parametrize("name", ["../t", "", ".hidden", "a/b", "x" * 101, "a\n"])
def test_a_name_cannot_leave_the_directory(tmp_path, name):
    with pytest.raises(ValueError, match="a tape's name"):
        tapes(tmp_path).path(name)


async def test_a_long_tape_goes_on_in_another_file_that_is_read_after_it(tmp_path, monkeypatch):
    monkeypatch.setattr("portico.storage.tapes._EXCHANGES_PER_FILE", 2)
    kept = tapes(tmp_path)
    for text in "abcde":
        kept.add("t", kept.begin("t"), exchange(text), ())
    await kept.aclose()

    files = sorted(file.name for file in tmp_path.iterdir())
    assert files == ["t.yaml", "t_0002.yaml", "t_0003.yaml"]
    assert [on(tmp_path, file.removesuffix(".yaml")) for file in files] == [
        ["a", "b"],
        ["c", "d"],
        ["e"],
    ]
