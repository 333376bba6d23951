"""The catalogue in the shapes of different clients."""

import httpx
import pytest

from tests.surfaces.conftest import Site

pytestmark = pytest.mark.io


def get(site: Site, path: str, *, key: bool = True, **headers: str) -> httpx.Response:
    auth = {"authorization": f"Bearer {site.key}"} if key else {}
    return httpx.get(
        site.root + path, headers={**auth, **{k.replace("_", "-"): v for k, v in headers.items()}}
    )


@pytest.mark.parametrize(
    ("path", "description"),
    [
        ("/models", "/models"),
        ("/models?limit=2&offset=1", "/models"),
        ("/models/user", "/models/user"),
        ("/embeddings/models", "/embeddings/models"),
        ("/models/count", "/models/count"),
        ("/models?output_modalities=all", "/models"),
        ("/models?sort=newest&q=test", "/models"),
        ("/endpoints/zdr", "/endpoints/zdr"),
        ("/model/test/chat", "/model/{author}/{slug}"),
        ("/images/models", "/images/models"),
        (
            "/images/models/openai/gpt-image-1.5/endpoints",
            "/images/models/{author}/{slug}/endpoints",
        ),
        ("/images/models/test/brush-flat/endpoints", "/images/models/{author}/{slug}/endpoints"),
        ("/model/openai/gpt-image-1.5", "/model/{author}/{slug}"),
    ],
)
def test_every_shape_is_as_described(site: Site, described, path, description):
    answer = get(site, "/api/v1" + path)

    assert answer.status_code == 200
    assert described(description, answer.json()) == []


def test_anthropic_clients_get_their_own_list_page_by_page(site: Site):
    first = get(site, "/v1/models?limit=1", anthropic_version="2023-06-01").json()
    rest = get(
        site, f"/v1/models?limit=1000&after_id={first['last_id']}", anthropic_version="2023-06-01"
    ).json()

    assert first["data"][0].keys() == {"type", "id", "display_name", "created_at"}
    assert (first["has_more"], rest["has_more"]) == (True, False)
    ids = [row["id"] for row in first["data"] + rest["data"]]
    assert ids == [row["id"] for row in get(site, "/api/v1/models").json()["data"]]
    assert "anthropic/claude-haiku-4.5" in ids


def test_codex_finds_its_empty_list(site: Site):
    body = get(site, "/v1/models?client_version=1.2.3").json()

    assert body["models"] == []
    assert body["data"]
    assert "models" not in get(site, "/v1/models").json()


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models?q=test&limit=3", "/v1/models/user"])
def test_a_list_that_the_client_has_already_is_not_sent_again(site: Site, path):
    first = get(site, path)
    tag = first.headers["etag"]

    same = get(site, path, if_none_match=f'"other", W/{tag}')
    other = get(site, "/v1/models?q=chat", if_none_match=tag)
    after = get(site, path)

    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert (other.status_code, after.content) == (200, first.content)


def test_the_shapes_have_tags_of_their_own(site: Site):
    plain = get(site, "/v1/models").headers["etag"]
    anthropic = get(site, "/v1/models", anthropic_version="2023-06-01").headers["etag"]

    assert plain != anthropic


def test_plain_lists_hide_what_does_not_converse(site: Site):
    rows = get(site, "/api/v1/models?output_modalities=all").json()["data"]
    usual = {row["id"] for row in get(site, "/api/v1/models").json()["data"]}

    hidden = {row["id"]: row for row in rows if row["id"] not in usual}
    assert {"openai/text-embedding-3-small", "openai/whisper-1", "openai/tts-1"} <= hidden.keys()
    assert not {"text"} & {
        m for r in hidden.values() for m in r["architecture"]["output_modalities"]
    }
    assert hidden["openai/whisper-1"]["architecture"]["modality"] == "audio->transcription"
    assert hidden["openai/whisper-1"]["pricing"]["audio"] == "0.0001"
    assert hidden["openai/tts-1"]["pricing"] == {"prompt": "0.000015", "completion": "0"}
    assert hidden["openai/gpt-image-1.5"]["pricing"]["image_output"] == "0.000032"
    prices = [str(p) for row in rows for p in row["pricing"].values() if isinstance(p, str)]
    assert not [price for price in prices if "e" in price.lower()]


@pytest.mark.parametrize("text", ["-1", "x", "1" * 20, "0" * 5000 + "1"])
def test_an_offset_is_a_whole_number(site: Site, text):
    answer = get(site, f"/api/v1/models?offset={text}")

    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("offset: ")


@pytest.mark.parametrize("path", ["/models", "/models/count", "/models/user", "/embeddings/models"])
def test_a_value_that_there_is_not_is_refused(site: Site, path):
    answer = get(site, f"/api/v1{path}?sort=best")

    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("sort: ")


def test_one_row_is_found_by_slug_and_variant(site: Site):
    plain = get(site, "/api/v1/model/test/chat").json()
    variant = get(site, "/api/v1/model/test/chat:nitro").json()
    unknown = get(site, "/api/v1/model/test/nothing")

    assert plain["data"]["id"] == "test/chat"
    assert variant == plain
    assert unknown.status_code == 404
    assert unknown.json()["error"]["code"] == 404


def test_embedding_models_are_listed_apart(site: Site):
    listed = [row["id"] for row in get(site, "/api/v1/embeddings/models").json()["data"]]
    usual = [row["id"] for row in get(site, "/api/v1/models").json()["data"]]

    assert "test/embed" in listed
    assert not set(listed) & set(usual)


def test_a_key_sees_what_the_rules_leave(site: Site):
    usable = [row["id"] for row in get(site, "/api/v1/models/user").json()["data"]]
    everything = [row["id"] for row in get(site, "/api/v1/models").json()["data"]]

    assert "test/forbidden" in everything
    assert set(everything) - set(usable) == {"test/forbidden"}
    assert get(site, "/api/v1/models/user", key=False).status_code == 401


def test_models_that_draw_are_listed_with_what_is_billed(site: Site):
    listed = {row["id"]: row for row in get(site, "/api/v1/images/models").json()["data"]}
    tokens = get(site, "/api/v1/images/models/openai/gpt-image-1.5/endpoints").json()
    flat = get(site, "/api/v1/images/models/test/brush-flat/endpoints").json()
    none = get(site, "/api/v1/images/models/test/chat/endpoints")

    assert (
        listed["test/brush"]["supports_streaming"],
        listed["test/brush-flat"]["supports_streaming"],
    ) == (True, False)
    assert "test/chat" not in listed
    assert {
        (line["billable"], line["unit"]): line["cost_usd"]
        for line in tokens["endpoints"][0]["pricing"]
    } == {
        ("input_text", "token"): 5e-6,
        ("input_image", "token"): 8e-6,
        ("output_image", "token"): 32e-6,
    }
    assert flat["endpoints"][0]["pricing"] == [
        {"billable": "output_image", "unit": "image", "cost_usd": 0.04}
    ]
    assert none.status_code == 404
