"""`POST /images` over real sockets."""

import base64
import json

import httpx
import openai
import pytest

from tests.surfaces.conftest import Site
from tests.surfaces.upstream import Played, stream, whole

pytestmark = pytest.mark.io

BY_TOKENS = {
    "created": 0,
    "data": [{"b64_json": "AAAA"}],
    "output_format": "png",
    "usage": {"input_tokens": 10, "output_tokens": 1000, "total_tokens": 1010},
}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n and the rest").decode()
PARTIAL = {"type": "image_generation.partial_image", "partial_image_index": 0, "b64_json": "AAAA"}
DONE = {
    "type": "image_generation.completed",
    "b64_json": PNG,
    "created_at": 5,
    "usage": {
        "input_tokens": 30,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": 20},
        "output_tokens": 1000,
        "total_tokens": 1030,
    },
}
BY_IMAGE = {"created": 1, "data": [{"b64_json": "AAAA"}, {"b64_json": "BBBB"}]}


def ask(**fields) -> dict:
    return {"model": "test/brush", "prompt": "An orca", **fields}


def test_a_host_that_does_not_stream_answers_in_one_piece_charged_as_counted(site: Site, described):
    site.upstream.play("gpt-image-test", whole(BY_TOKENS))

    answer = site.post("/api/v1/images", ask(stream=True, quality="low"))

    body, row = answer.json(), site.generation(answer)
    assert described("/images", body) == []
    assert body["data"] == [{"b64_json": "AAAA", "media_type": "image/png"}]
    assert body["created"] > 1_700_000_000
    assert body["usage"]["completion_tokens"] == 1000
    assert body["usage"]["completion_tokens_details"]["image_tokens"] == 1000
    assert body["usage"]["cost"] == row["total_cost"] == pytest.approx((10 + 5 * 1000) / 1e6)
    assert (row["api_type"], row["id"][:8]) == ("image", "gen-img-")
    sent = site.upstream.last
    assert sent.path == "/chat/v1/images/generations"
    wished = {"model": "gpt-image-test", "prompt": "An orca", "quality": "low"}
    assert sent.json == {**wished, "stream": True}
    assert not row["streamed"]


def test_images_are_charged_by_number(site: Site):
    site.upstream.play("flux-test", whole(BY_IMAGE))

    answer = site.post("/v1/images", ask(model="test/brush-flat", n=2))

    assert answer.json()["usage"]["cost"] == pytest.approx(0.08)
    assert site.upstream.last.json["response_format"] == "b64_json"


def test_the_hold_covers_every_image(site: Site):
    poor = site.gateway.create_key("poor painter", limit_usd="0.05")
    site.upstream.play("flux-test", whole(BY_IMAGE))

    refused = site.post("/api/v1/images", ask(model="test/brush-flat", n=2), x_api_key=poor)

    assert refused.status_code == 403
    assert "Raise the limit" in refused.json()["error"]["message"]
    assert "max_tokens" not in refused.json()["error"]["message"]
    assert site.upstream.arrived == []


def test_the_openai_client_draws(site: Site):
    site.upstream.play("gpt-image-test", whole(BY_TOKENS))

    with openai.OpenAI(base_url=site.root + "/api/v1", api_key=site.key) as client:
        drawn = client.images.generate(model="test/brush", prompt="An orca")

    assert drawn.data[0].b64_json == "AAAA"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"prompt": ""}, "prompt"),
        ({"n": 0}, "n"),
        ({"n": 11}, "n"),
        ({"output_compression": 101}, "output_compression"),
        ({"size": "2K", "resolution": "1K"}, "resolution"),
        ({"quality": "best"}, "quality"),
        ({"resolution": "3K"}, "resolution"),
        ({"aspect_ratio": "5:1"}, "aspect_ratio"),
        ({"aspect_ratio": "16:9", "size": "1024x1024"}, "aspect_ratio"),
        ({"size": "1024x1024", "resolution": "4K"}, "resolution"),
        ({"size": "huge"}, "size"),
        ({"size": "1024x00", "aspect_ratio": "1:1"}, "size"),
        ({"stream": "yes"}, "stream"),
        ({"input_references": ["x"]}, "input_references.0"),
        (
            {"input_references": [{"type": "image_url", "image_url": {}}]},
            "input_references.0.image_url",
        ),
    ],
)
def test_what_is_wrong_is_named(site: Site, wrong, named):
    answer = site.post("/api/v1/images", ask(**wrong))

    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(named)


@pytest.mark.parametrize("broken", [{"data": []}, {"data": [{"url": "https://example.org"}]}, {}])
def test_an_answer_without_images_is_the_providers_failure_and_free(site: Site, broken):
    site.upstream.play("gpt-image-test", whole(broken))

    answer = site.post("/api/v1/images", ask())

    assert answer.status_code == 502
    assert site.generation(answer)["total_cost"] == 0


def drawn(*events: dict, cut: bool = False) -> Played:
    """The events as OpenAI streams them: with names, and without a `[DONE]`."""
    blocks = (f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events)
    return stream("".join(blocks).encode(), cut=cut)


def events_of(answer: httpx.Response) -> list[dict]:
    assert answer.headers["content-type"] == "text/event-stream"
    *blocks, end, rest = answer.text.split("\n\n")
    assert (end, rest) == ("data: [DONE]", "")
    told = [block.removeprefix("data: ") for block in blocks if not block.startswith(":")]
    return [json.loads(block) for block in told]


def test_images_are_shown_while_they_are_drawn(site: Site, api):
    site.upstream.play(
        "gpt-image-test", drawn(PARTIAL, {**PARTIAL, "partial_image_index": 1}, DONE)
    )

    answer = site.post("/api/v1/images", ask(stream=True, partial_images=2))

    row = site.generation(answer)
    first, second, last = events_of(answer)
    assert (first, second["partial_image_index"]) == (PARTIAL, 1)
    assert all(api.problems("ImageStreamingResponse", {"data": e}) == [] for e in (first, last))
    assert (last["b64_json"], last["media_type"]) == (PNG, "image/png")
    assert last["usage"]["completion_tokens"] == 1000
    assert last["usage"]["cost"] == row["total_cost"] == pytest.approx((30 + 5 * 1000) / 1e6)
    assert row["streamed"]
    assert site.upstream.last.json["partial_images"] == 2


def test_a_stream_that_breaks_before_an_image_is_finished_costs_nothing(site: Site):
    site.upstream.play("gpt-image-test", drawn(PARTIAL, cut=True))

    answer = site.post("/api/v1/images", ask(stream=True))

    *_, last = events_of(answer)
    assert last["type"] == "error"
    assert last["error"]["message"]
    assert site.generation(answer)["total_cost"] == 0


def test_a_failure_that_the_host_streams_is_told_with_its_own_status(site: Site):
    refusal = {"type": "error", "error": {"code": "moderation_blocked", "message": "No."}}
    site.upstream.play("gpt-image-test", drawn(refusal))

    answer = site.post("/api/v1/images", ask(stream=True))

    assert answer.status_code >= 400
    assert answer.json()["error"]["metadata"]["provider_code"] == "moderation_blocked"


def test_the_wish_for_a_stream_is_ignored_where_the_model_has_none(site: Site):
    site.upstream.play("flux-test", whole(BY_IMAGE))

    answer = site.post("/api/v1/images", ask(model="test/brush-flat", stream=True))

    assert len(answer.json()["data"]) == 2
    assert "stream" not in site.upstream.last.json


@pytest.mark.parametrize(
    "usage",
    [None, {}, {"output_tokens": 0}, {"output_tokens": -5}, {"output_tokens": 1e300},
     {"input_tokens": None, "output_tokens": "many"}],
)  # fmt: skip
def test_tokens_that_nobody_counted_are_estimated_by_the_quality_and_never_free(site: Site, usage):
    site.upstream.play("gpt-image-test", whole({"data": [{"b64_json": PNG}], "usage": usage}))

    answer = site.post("/api/v1/images", ask(quality="medium", n=2))

    told = answer.json()["usage"]
    assert told["completion_tokens"] == 1_584
    assert site.generation(answer)["total_cost"] == told["cost"] > 1_584 * 5e-6


@pytest.mark.parametrize(
    ("wish", "sent"),
    [
        ({"aspect_ratio": "16:9", "resolution": "1K", "seed": 5}, {"size": "1536x1024"}),
        ({"aspect_ratio": "2:3", "size": "1K"}, {"size": "1024x1536"}),
        ({"aspect_ratio": "1:1"}, {"size": "1024x1024"}),
        ({"size": "1024x1024", "aspect_ratio": "1:1"}, {"size": "1024x1024"}),
        ({"size": "2k"}, {}),
        ({"size": "auto"}, {}),
        ({"provider": {"options": {"chat": {"moderation": "low"}, "acme": {"x": 1}}}},
         {"moderation": "low"}),
        ({"provider": {"options": {"chat": {"n": 10, "prompt": "Owls", "quality": "high"}}},
          "quality": "low"}, {"quality": "low"}),
    ],
)  # fmt: skip
def test_a_shape_is_told_in_the_words_of_the_host(site: Site, wish, sent):
    site.upstream.play("gpt-image-test", whole(BY_TOKENS))

    answer = site.post("/api/v1/images", ask(**wish))

    assert answer.status_code == 200, answer.text
    assert site.upstream.last.json == {"model": "gpt-image-test", "prompt": "An orca", **sent}


def test_a_data_uri_is_taken_apart(site: Site):
    image = {"b64_json": "data:image/jpeg;base64,/9j/AAAA", "mime_type": "image/jpeg"}
    site.upstream.play("flux-test", whole({"data": [image]}))

    answer = site.post("/api/v1/images", ask(model="test/brush-flat"))

    assert answer.json()["data"] == [{"b64_json": "/9j/AAAA", "media_type": "image/jpeg"}]


def test_a_client_that_leaves_before_an_image_is_finished_pays_nothing(site: Site):
    body = b"".join(b"data: %s\n\n" % json.dumps(PARTIAL).encode() for _ in range(100))
    site.upstream.play("gpt-image-test", stream(body, pause_s=0.1))

    with httpx.stream(
        "POST",
        site.root + "/api/v1/images",
        json=ask(stream=True),
        headers={"x-api-key": site.key},
    ) as answer:
        first = next(answer.iter_raw())
    assert site.upstream.gone.wait(10)

    row = site.generation(answer)
    assert b"partial_image" in first
    assert row["cancelled"]
    assert row["total_cost"] == 0


def reference(url: str) -> dict:
    return {"type": "image_url", "image_url": {"url": url}}


@pytest.mark.parametrize("streamed", [False, True])
def test_images_made_from_images_go_to_openai_as_a_form(site: Site, streamed):
    done = {**DONE, "type": "image_edit.completed"}
    partial = {**PARTIAL, "type": "image_edit.partial_image"}
    site.upstream.play("gpt-image-test", drawn(partial, done) if streamed else whole(BY_TOKENS))

    answer = site.post(
        "/api/v1/images",
        ask(input_references=[reference(f"data:image/png;base64,{PNG}")], n=2, stream=streamed),
    )

    assert answer.status_code == 200, answer.text
    if streamed:
        kinds = [event["type"] for event in events_of(answer)]
        assert kinds == ["image_generation.partial_image", "image_generation.completed"]
    sent = site.upstream.last
    assert sent.path == "/chat/v1/images/edits"
    assert sent.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'name="image[]"; filename="image0.png"' in sent.body
    assert base64.b64decode(PNG) in sent.body
    assert b'name="prompt"\r\n\r\nAn orca\r\n' in sent.body
    assert b'name="n"\r\n\r\n2\r\n' in sent.body
    assert (b'name="stream"\r\n\r\ntrue\r\n' in sent.body) == streamed


@pytest.mark.parametrize("url", ["https://example.org/a.png", "data:image/png;base64,?", "AAAA"])
def test_an_image_that_cannot_be_sent_on_is_named(site: Site, url):
    site.upstream.arrived.clear()

    answer = site.post("/api/v1/images", ask(input_references=[reference(url)]))

    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("input_references.0: ")
    assert site.upstream.arrived == []


def test_other_hosts_get_references_as_they_came(site: Site):
    site.upstream.play("flux-test", whole(BY_IMAGE))
    sent = [reference("https://example.org/a.png")]

    site.post("/api/v1/images", ask(model="test/brush-flat", input_references=sent))

    assert site.upstream.last.json["input_references"] == sent
