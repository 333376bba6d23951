"""Every format holds a recording to the byte, and every recorded file can be read."""

import base64
import contextlib
import copy
import json

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import SHARED

from portico.cassette import (
    FORMATS,
    Cassette,
    CassetteError,
    Frame,
    Interaction,
    RecordedRequest,
    RecordedResponse,
    load,
)
from portico.cassette.formats import load_with_format

CORPUS = SHARED / "corpus" / "cassettes"
FILES = sorted([*CORPUS.rglob("*.yaml"), *CORPUS.rglob("*.yml"), *SHARED.glob("seed/*.yaml")])
BINARY_FORMATS = ["go-vcr", "vcrpy", "har"]

TRICKY = [
    b"",
    b" ",
    b"\n",
    b"\n\na",
    b"a\n",
    b" a\n b",
    b"a \nb\n\n\n",
    b"a\r\nb",
    b"~",
    b"null",
    b"yes",
    b"12:30:45",
    b"0o7",
    b"2026-01-01",
    b"'\"\\: #",
    b"---\n- a",
    b"...\n",
    b"%YAML",
    b"\t\n",
    b"a\n\tb",
    "\x85a\u2028b\u2029\ufeffc\x00\x1b\x7f\ud7ff\ufffe\U0001f600".encode(),
    "data: {}\n\u2028\n".encode(),
    b"\xff\xfe\x00",
    b"=",
    b"<<",
]
HEADER = st.tuples(
    st.sampled_from(["Accept", "X-One", "Content-Type"]), st.text("a b:#", max_size=5)
)


TEXT = st.text(max_size=40).map(str.encode)
ANYTHING = st.binary(max_size=40) | TEXT
PATIENT = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)


@st.composite
def interactions(draw, body=ANYTHING):
    """Exchanges with everything a recording can tell."""
    answer = draw(body)
    cut = draw(st.integers(0, len(answer)))
    frames = draw(
        st.just(())
        | st.just((Frame(size_bytes=cut, at_s=0.5), Frame(size_bytes=len(answer) - cut, at_s=1.25)))
    )
    ended = draw(st.sampled_from(["done", "aborted", "error"]))
    return Interaction(
        request=RecordedRequest(
            method=draw(st.sampled_from(["GET", "POST"])),
            url="https://a.example/v1?x=1",
            headers=tuple(sorted(draw(st.lists(HEADER, max_size=3)))),
            body=draw(body),
        ),
        response=RecordedResponse(
            status=draw(st.integers(100, 599)),
            reason="Said so",
            headers=tuple(sorted(draw(st.lists(HEADER, max_size=3)))),
            body=answer,
            duration_s=draw(st.none() | st.integers(0, 9999).map(lambda ms: ms / 1000)),
            frames=frames,
            ended=ended,
            failure="broken" if ended == "error" else None,
        ),
        side=draw(st.sampled_from([None, "upstream", "client"])),
        recorded_ms=draw(st.none() | st.integers(1, 2**41)),
    )


@pytest.mark.parametrize("name", BINARY_FORMATS)
@PATIENT
@given(tape=st.lists(interactions(), max_size=3))
def test_what_is_written_reads_back_as_it_was(name, tape):
    cassette = Cassette(name="tape", interactions=tuple(tape))

    assert load(FORMATS[name].write(cassette), name="tape") == cassette


@PATIENT
@given(tape=st.lists(interactions(body=TEXT), max_size=3))
def test_what_is_text_reads_back_from_json_as_it_was(tape):
    cassette = Cassette(name="tape", interactions=tuple(tape))

    assert load(FORMATS["vcrpy-json"].write(cassette), name="tape") == cassette


@pytest.mark.parametrize("name", BINARY_FORMATS)
@pytest.mark.parametrize("body", TRICKY)
def test_a_body_that_yaml_could_take_for_something_else_is_kept(name, body):
    cassette = Cassette(interactions=(exchange(body),))

    assert load(FORMATS[name].write(cassette)) == cassette


@pytest.mark.parametrize("body", TRICKY)
def test_any_yaml_reader_finds_the_body_where_the_format_has_it(body):
    written = yaml.safe_load(FORMATS["vcrpy"].write(Cassette(interactions=(exchange(body),))))

    found = written["interactions"][0]["response"]["body"]["string"]
    assert (found.encode() if isinstance(found, str) else found) == body


def exchange(answer, question=b"{}", **rest):
    return Interaction(
        request=RecordedRequest(method="POST", url="https://a.example/", body=question),
        response=RecordedResponse(status=200, reason="OK", body=answer, **rest),
    )


FRAME = (Frame(size_bytes=1, at_s=0.5),)


def test_json_has_no_place_for_bytes():
    tape = Cassette(interactions=(exchange(b"fine"), exchange(b"\xff")))

    with pytest.raises(CassetteError, match="interaction 1: the body of the response is no text"):
        FORMATS["vcrpy-json"].write(tape)


def test_what_only_portico_knows_stands_under_one_key_of_the_response():
    frames = (Frame(size_bytes=1, at_s=0.25), Frame(size_bytes=2, at_s=0.5))
    one = exchange(b"abc", frames=frames, ended="aborted")
    tape = Cassette(interactions=(msgspec.structs.replace(one, side="upstream"),))

    for name in ("go-vcr", "vcrpy"):
        text = FORMATS[name].write(tape)
        [written] = yaml.safe_load(text)["interactions"]
        assert written["response"]["x_portico"] == {
            "version": 1,
            "side": "upstream",
            "ended": "aborted",
            "frames": [[1, 250.0], [2, 500.0]],
        }
        assert b"frames: [[1, 250.0], [2, 500.0]]" in text


def test_a_plain_exchange_has_nothing_that_other_tools_do_not_write():
    for name, form in FORMATS.items():
        assert b"x_portico" not in form.write(Cassette(interactions=(exchange(b"a"),))), name


def test_header_names_are_spelled_as_go_looks_them_up():
    one = exchange(b"", headers=(("content-type", "a"), ("x-a", "1"), ("X-A", "2")))

    [written] = yaml.safe_load(FORMATS["go-vcr"].write(Cassette(interactions=(one,))))[
        "interactions"
    ]

    assert written["response"]["headers"] == {"Content-Type": ["a"], "X-A": ["1", "2"]}


def test_lines_of_a_stream_can_be_read_by_people():
    text = FORMATS["go-vcr"].write(Cassette(interactions=(exchange(b"data: 1\n\ndata: 2\n\n"),)))

    assert b"body: |+\n" in text
    assert b"\n      data: 2\n" in text


OLD_TAGS = b"""\
interactions:
- request:
    body: !!python/object/new:_io.BytesIO
      state: !!python/tuple [!!binary aGVsbG8=, 0, null]
    headers: {Accept: !!python/tuple [a, b], X: [!!python/unicode 'y']}
    method: !!python/unicode 'POST'
    uri: !!python/str 'https://a.example/'
  response:
    body: {string: !!python/bytes 'aGk='}
    headers: {}
    status: {code: 200, message: OK}
- request:
    body: !!python/object/apply:builtins.iter
      args: [[!!binary YQ==, !!binary Yg==]]
    headers: null
    method: GET
    uri: https://a.example/
  response:
    body: {base64_string: aGk=}
    headers: {X: 1}
    status: {code: 204, message: null}
"""


def test_old_python_tags_stand_for_plain_values():
    first, second = load(OLD_TAGS).interactions

    assert (first.request.method, first.request.url) == ("POST", "https://a.example/")
    assert first.request.body == b"hello"
    assert first.request.headers == (("Accept", "a"), ("Accept", "b"), ("X", "y"))
    assert first.response.body == second.response.body == b"hi"
    assert second.request.body == b"ab"
    assert second.response.headers == (("X", "1"),)


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system ['true']",
        "!!python/object/new:os.system ['true']",
        "!!python/object:vcr.request.Request {}",
        "!!python/name:os.system ''",
        "!!python/module:os ''",
        "!ruby/object:Gem::Installer {}",
        "!!python/bytes '1'",
    ],
)
def test_tags_that_could_call_code_are_refused(tag):
    with pytest.raises(CassetteError, match="not YAML"):
        load(OLD_TAGS.replace(b"!!python/str 'https://a.example/'", tag.encode()))


@pytest.mark.parametrize(
    "body",
    [
        "!!python/object/new:_io.BytesIO {state: 5}",
        "!!python/object/new:_io.BytesIO {state: {a: 1}}",
        "!!python/object/apply:builtins.iter {args: {a: 1}}",
    ],
)
def test_old_tags_around_something_else_are_refused(body):
    text = f"interactions: [{{request: {{method: GET, uri: x, body: {body}}}, response: {{}}}}]"

    with pytest.raises(CassetteError, match="expected a list"):
        load(text.encode())


def _aliases(last: str) -> bytes:
    """A document of a thousand bytes that is a gigabyte with its aliases written out."""
    lines = ["version: 1", "a0: &a0 [xxxxxxxxxx]", "m0: &m0 {a: 1}"]
    for n in range(1, 10):
        lines.append(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]")
        lines.append(f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 9)}]}}")
    request = f"{{method: GET, uri: x, parsed_body: {last}}}"
    lines.append(f"interactions: [{{request: {request}, response: {{status: {{code: 200}}}}}}]")
    return "\n".join(lines).encode()


@pytest.mark.parametrize("last", ["*a9", "{q: *a9}", "*m9", "[*a9, *a9]"])
def test_aliases_that_stand_for_far_more_than_there_is_are_refused(last):
    with pytest.raises(CassetteError, match="aliases"):
        load(_aliases(last))


def test_aliases_for_a_few_values_are_read():
    text = b"version: 1\nx: &x {a: [1, 2]}\n" + (
        b"interactions: [{request: {method: GET, uri: x, parsed_body: {b: *x, c: *x}}, "
        b"response: {status: {code: 200}}}]"
    )

    assert load(text).interactions[0].request.body == b'{"b":{"a":[1,2]},"c":{"a":[1,2]}}'


@pytest.mark.parametrize(
    "text", [b"a: &a {b: *a}", b"a: &a [*a]", b"a: &a [[[{b: *a}]]]", b"? &a [*a]\n: 1"]
)
def test_what_contains_itself_is_refused(text):
    with pytest.raises(CassetteError, match="contains itself"):
        load(text)


@pytest.mark.parametrize("text", [b"[" * 100_000, b"{a: " * 100_000, b"- " * 20_000 + b"x"])
def test_bottomless_nesting_is_refused(text):
    with pytest.raises(CassetteError, match="levels deep"):
        load(text)


def test_what_older_and_changed_recorders_write_is_read():
    text = b"""\
version: 1
interactions:
- request: {method: POST, uri: "https://a/", headers: {}, parsed_body: {b: 1, a: [2]}}
  response: {content: "x", headers: {}, http_version: HTTP/1.1, status_code: 201}
- request: {method: POST, uri: "https://a/", headers: {}, body: {c: 1}}
  response: {parsed_body: {d: null}, headers: {}, status: {code: 200, message: OK}}
"""
    first, second = load(text).interactions

    assert (first.request.body, first.response.body) == (b'{"b":1,"a":[2]}', b"x")
    assert first.response.status == 201
    assert (second.request.body, second.response.body) == (b'{"c":1}', b'{"d":null}')


RUBY = b"""\
---
http_interactions:
- request:
    method: post
    uri: https://a.example/v1
    body: {encoding: UTF-8, string: '{}'}
    headers: {Accept: ["*/*"]}
  response:
    status: {code: 200, message: OK}
    headers: {Content-Type: [text/plain]}
    body: {encoding: ASCII-8BIT, string: !binary "/wCA"}
  recorded_at: Wed, 19 Aug 2026 14:34:12 GMT
- request: {method: get, uri: "https://a.example/", body: {base64_string: aGk=}}
  response: {status: {code: 204}, body: null}
recorded_with: VCR 6.4.0
"""


def test_ruby_cassettes_are_read():
    first, second = load(RUBY).interactions

    assert (first.request.method, first.response.body) == ("POST", b"\xff\x00\x80")
    assert first.recorded_ms == 1787150052000
    assert (second.request.body, second.response.body) == (b"hi", b"")


def test_an_archive_of_a_browser_is_read():
    entry = {
        "startedDateTime": "2026-01-01T00:00:00.5+01:00",
        "time": -1,
        "request": {
            "method": "POST",
            "url": "https://a.example/",
            "headers": [{"name": "A", "value": "b"}],
            "postData": {"mimeType": "x", "params": [{"name": "a", "value": "1 2"}]},
        },
        "response": {
            "status": 200,
            "headers": [],
            "content": {"text": base64.b64encode(b"\xff").decode(), "encoding": "base64"},
        },
    }

    [one] = load(json.dumps({"log": {"version": "1.2", "entries": [entry]}}).encode()).interactions

    assert one.request.body == b"a=1+2"
    assert (one.response.body, one.response.duration_s) == (b"\xff", None)
    assert one.recorded_ms == 1767222000500


def test_an_archive_has_what_the_specification_demands():
    one = msgspec.structs.replace(exchange(b"\xff", b"\xfe", duration_s=2.0), recorded_ms=1000)

    [entry] = json.loads(FORMATS["har"].write(Cassette(interactions=(one,))))["log"]["entries"]

    assert entry["startedDateTime"] == "1970-01-01T00:00:01.000Z"
    assert entry["time"] == 2000
    assert {"send", "wait", "receive"} <= entry["timings"].keys()
    assert {"cookies", "queryString", "headersSize", "bodySize"} <= entry["request"].keys()
    assert {"redirectURL", "content", "httpVersion", "statusText"} <= entry["response"].keys()
    assert entry["response"]["content"]["encoding"] == "base64"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b'{"log": {}}', "not an HTTP archive: Object missing required field `entries`"),
        (b"http_interactions: [1]", "not a Ruby VCR cassette"),
        (b"http_interactions: [{request: {method: a, uri: b}}]", "`response`"),
        (b"[{request: {}}]", "before 1.0"),
        (b"{", "not YAML"),
        (b"hello", "not a cassette"),
        (OLD_TAGS.replace(b"{code: 200, message: OK}", b"null"), "response.status is missing"),
        (OLD_TAGS.replace(b"aGk=}\n    headers: {X", b"'1'}\n    headers: {X"), "not base64"),
        (OLD_TAGS.replace(b"headers: {X: 1}", b"headers: {X: {}}"), "a header has a dict"),
        (RUBY.replace(b"Wed, 19", b"Soon, 19th of"), "interaction 0: Invalid date"),
        (
            OLD_TAGS.replace(b"{X: 1}", b"{}\n    x_portico: {version: 2}"),
            "x_portico has version 2",
        ),
        (
            OLD_TAGS.replace(b"{X: 1}", b"{}\n    x_portico: {frames: [[1, 1]]}"),
            "add up to 1 bytes; the body has 2",
        ),
        (OLD_TAGS.replace(b"{X: 1}", b"{}\n    x_portico: {ended: maybe}"), "interaction 1: "),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_the_place(text, says):
    with pytest.raises(CassetteError) as refusal:
        load(text, name="tape")

    assert str(refusal.value).startswith("tape: ")
    assert says in str(refusal.value)


@given(st.binary(max_size=200) | st.text("{}[]:-'\"!&*|>\n abc1,", max_size=60).map(str.encode))
def test_whatever_the_file_holds_it_is_read_or_refused(text):
    with contextlib.suppress(CassetteError):
        load(text)


@pytest.mark.skipif(len(FILES) < 400, reason=f"no recordings at {SHARED}")
def test_every_recorded_cassette_loads_and_converts_to_the_byte():
    assert len(FILES) >= 449
    for file in FILES:
        tape, name = load_with_format(file.read_bytes(), name=file.name)
        assert tape.interactions, file
        assert all(one.response.status for one in tape.interactions), file
        for there in ("go-vcr", "vcrpy"):
            back = load(FORMATS[there].write(tape), name=file.name)
            assert bodies(load(FORMATS.get(name, FORMATS["vcrpy"]).write(back))) == bodies(tape)


def places(value, path=()):
    """The paths to everything in a document."""
    yield path
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from places(inner, (*path, key))


SAMPLES = [
    json.loads(FORMATS["vcrpy-json"].write(Cassette(interactions=(exchange(b"a", frames=FRAME),)))),
    json.loads(FORMATS["har"].write(Cassette(interactions=(exchange(b"a", frames=FRAME),)))),
    yaml.safe_load(FORMATS["go-vcr"].write(Cassette(interactions=(exchange(b"a", frames=FRAME),)))),
    yaml.safe_load(RUBY.replace(b'!binary "/wCA"', b"x")),
]
ODD = st.sampled_from([None, True, -1, 2**70, 1e308, "", "x", [], [None], {}, {"a": 1}, [[1, -1]]])


@PATIENT
@given(st.sampled_from(SAMPLES), st.data(), ODD)
def test_a_file_with_anything_in_the_wrong_place_is_read_or_refused(sample, data, odd):
    path = data.draw(st.sampled_from(list(places(sample))))
    document = copy.deepcopy(sample)
    if path:
        holder = document
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = odd

    with contextlib.suppress(CassetteError):
        load(json.dumps(document).encode())


def bodies(tape):
    return [
        (
            (one.request.method, one.request.url, one.request.body),
            (one.response.status, one.response.body, one.response.duration_s),
        )
        for one in tape.interactions
    ]
