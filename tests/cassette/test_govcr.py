import pytest

from portico.cassette import CassetteError, load
from portico.cassette.govcr import go_duration, seconds
from portico.jsonio import loads

MINIMAL = b"""\
version: 2
interactions:
  - request: {method: POST, url: "https://a.example/v1", body: "{}", headers: {Accept: [a, b]}}
    response: {code: 200, body: "ok", headers: {Content-Type: [text/plain]}, duration: 1.5ms}
"""


def test_an_interaction_keeps_headers_status_body_and_duration():
    [one] = load(MINIMAL, name="tape.yaml").interactions

    assert (one.request.method, one.request.url) == ("POST", "https://a.example/v1")
    assert one.request.headers == (("Accept", "a"), ("Accept", "b"))
    assert one.request.body == b"{}"
    assert (one.response.status, one.response.body) == (200, b"ok")
    assert one.response.duration_s == 0.0015


def test_the_seed_is_read_to_the_byte(seed_text):
    [one] = load(seed_text.encode()).interactions

    events = one.response.body.split(b"\n\n")
    assert events[-2:] == [b"data: [DONE]", b""]
    assert (
        "".join(loads(event[6:])["choices"][0]["delta"]["content"] for event in events[:-2])
        == "Olá!"
    )
    assert one.request.content_type == "application/json"
    assert one.response.is_event_stream
    assert one.response.duration_s == 0.211675292


def test_a_body_that_is_no_text_comes_out_as_bytes():
    text = MINIMAL.replace(b'body: "ok"', b'body: !!binary "/wCA"')

    assert load(text).interactions[0].response.body == b"\xff\x00\x80"


@pytest.mark.parametrize("missing", ["body: null", "x: 1"])
def test_a_body_may_be_missing(missing):
    text = MINIMAL.replace(b'body: "ok"', missing.encode())

    assert load(text).interactions[0].response.body == b""


def test_a_cassette_may_be_empty():
    assert load(b"version: 2\ninteractions: []\n").interactions == ()
    assert load(b"version: 2\n").interactions == ()


@pytest.mark.parametrize(
    ("text", "duration_s"),
    [
        ("211.675292ms", 0.211675292),
        ("1h2m3.5s", 3723.5),
        ("850\u00b5s", 0.00085),
        ("850\u03bcs", 0.00085),
        ("12ns", 1.2e-8),
        ("0s", 0.0),
    ],
)
def test_go_durations_are_read_in_all_units(text, duration_s):
    assert seconds(text) == duration_s


@pytest.mark.parametrize("duration_s", [0.0, 1e-9, 0.211675292, 62.5, 3723.000000001])
def test_a_duration_is_written_exactly(duration_s):
    assert seconds(go_duration(duration_s)) == duration_s


@pytest.mark.parametrize("text", ["", "5", "ms", "1.5 s", "1s x", "-"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="is not a Go duration"):
        seconds(text)


@pytest.mark.parametrize(
    ("recorded", "duration_s"), [(b"1500000", 0.0015), (b"''", None), (b"null", None)]
)
def test_a_duration_may_be_nanoseconds_or_missing(recorded, duration_s):
    text = MINIMAL.replace(b"1.5ms", recorded)

    assert load(text).interactions[0].response.duration_s == duration_s


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"interactions: [", "not YAML"),
        (b"[]", "Expected `object`"),
        (b"interactions: []", "`version`"),
        (b"version: 1", "`interactions`"),
        (MINIMAL.replace(b"method: POST, ", b""), "`method` - at `$.interactions[0].request`"),
        (MINIMAL.replace(b"code: 200", b"code: fine"), "$.interactions[0].response.code"),
        (MINIMAL.replace(b'body: "ok"', b"body: [1]"), "interaction 0: response.body is list"),
        (MINIMAL.replace(b"1.5ms", b"soon"), "interaction 0: 'soon' is not a Go duration"),
        (b"version: !!python/object/apply:os.getcwd []", "not YAML"),
        (b"\xff\xfe\xff", "not YAML"),
    ],
)
def test_a_wrong_cassette_is_refused_with_its_name_and_the_place(text, says):
    with pytest.raises(CassetteError) as refusal:
        load(text, name="tape.yaml")

    assert str(refusal.value).startswith("tape.yaml: ")
    assert says in str(refusal.value)


def test_a_refusal_without_a_name_says_just_what_is_wrong():
    with pytest.raises(CassetteError, match=r"^go-vcr version 3"):
        load(b"version: 3")
