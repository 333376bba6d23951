"""Reading records, and what a client asks for each."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

from tests.conformance.corpus import (
    Record,
    Unreadable,
    client_request,
    mark_reasoning,
    read_records,
    to_record,
)


def _row(**fields: Any) -> dict[str, Any]:
    row = {"id": "a#0", "provider": "acme", "api": "openai-chat", "response": {"status": 200}}
    return row | fields


def test_records_are_read_from_any_file_and_bad_lines_are_reported(tmp_path: Path) -> None:
    lines = [json.dumps(_row()), "{", json.dumps({"id": "x"}), json.dumps(_row(api="other"))]
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "x.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    (tmp_path / "records" / "broken.jsonl.gz").write_bytes(b"not gzip")

    rows = list(read_records(tmp_path, api="openai-chat", provider=None))

    assert [row.id for row in rows if isinstance(row, Record)] == ["a#0"]
    assert [row.place for row in rows if isinstance(row, Unreadable)] == [
        "broken.jsonl.gz",
        "x.jsonl.gz:2",
        "x.jsonl.gz:3",
    ]


def test_bodies_are_bytes_however_they_were_kept() -> None:
    encoded = base64.b64encode(b"\x00\x01").decode()

    plain = to_record(_row(response={"status": 200, "body": "é"}))
    binary = to_record(_row(response={"status": 200, "body": encoded, "body_encoding": "base64"}))
    missing = to_record(_row(response={"status": None, "body": None}))

    assert (plain.body, binary.body, missing.body) == ("é".encode(), b"\x00\x01", b"")
    assert missing.status == 0


def test_a_request_may_be_kept_as_text_or_compressed() -> None:
    body = {"messages": [{"role": "user", "content": "Hi"}]}
    packed = base64.b64encode(gzip.compress(json.dumps(body).encode())).decode()

    as_text = to_record(_row(request={"body_text": json.dumps(body)}))
    compressed = to_record(_row(request={"body_base64": packed}))
    broken = to_record(_row(request={"body_text": "{"}))

    assert as_text.request == compressed.request == body
    assert broken.request is None


def test_the_record_decides_whether_its_request_streams() -> None:
    request = {"messages": [{"role": "user"}], "stream": True, "stream_options": {}, "seed": 1}

    asked = client_request(to_record(_row(stream=False, request={"body": request})), "m")
    streamed = client_request(to_record(_row(stream=True, request=None)), "m")

    assert asked == {"messages": [{"role": "user"}], "model": "m", "seed": 1}
    assert streamed["stream"] is True
    assert len(streamed["messages"]) == 1


def test_signed_reasoning_is_of_its_providers_family() -> None:
    details = [{"data": "x", "format": "a"}, {"text": "hm"}]
    body = {"messages": [{"role": "user"}, {"role": "assistant", "reasoning_details": details}]}

    mark_reasoning(body, None)
    assert details[0]["format"] == "a"
    mark_reasoning(body, "b")

    assert details == [{"data": "x", "format": "b"}, {"text": "hm"}]
