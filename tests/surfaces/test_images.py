"""`POST /images` over real sockets."""

import openai
import pytest

from tests.surfaces.conftest import Site
from tests.surfaces.upstream import whole

pytestmark = pytest.mark.io

BY_TOKENS = {
    "created": 0,
    "data": [{"b64_json": "AAAA"}],
    "output_format": "png",
    "usage": {"input_tokens": 10, "output_tokens": 1000, "total_tokens": 1010},
}
BY_IMAGE = {"created": 1, "data": [{"b64_json": "AAAA"}, {"b64_json": "BBBB"}]}


def ask(**fields) -> dict:
    return {"model": "test/brush", "prompt": "An orca", **fields}


def test_tokens_are_charged_as_counted(site: Site, described):
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
    assert sent.json == {"model": "gpt-image-test", "prompt": "An orca", "quality": "low"}


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
