"""`POST /embeddings` over real sockets."""

import base64
import json
import struct

import openai
import pytest

from tests.surfaces.conftest import Site
from tests.surfaces.upstream import whole

pytestmark = pytest.mark.io

VECTORS = [[0.5, -1.25], [0.0, 3.0]]
ANSWER = {
    "object": "list",
    "data": [
        {"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(VECTORS)
    ],
    "model": "embed-test",
    "usage": {"prompt_tokens": 8, "total_tokens": 8},
}


def ask(**fields) -> dict:
    return {"model": "test/embed", "input": ["one", "two"], **fields}


@pytest.mark.parametrize("prefix", ["/api/v1", "/v1"])
def test_vectors_pass_with_the_price(site: Site, described, prefix):
    site.upstream.play("embed-test", whole(ANSWER))

    answer = site.post(prefix + "/embeddings", ask(dimensions=2, provider={"only": ["chat"]}))

    body, row = answer.json(), site.generation(answer)
    assert answer.status_code == 200
    assert described("/embeddings", body) == []
    assert [r["embedding"] for r in body["data"]] == VECTORS
    assert body["usage"]["cost"] == row["total_cost"] == pytest.approx(8e-6)
    assert body["usage"]["cost_details"]["upstream_inference_prompt_cost"] == row["total_cost"]
    assert (body["model"], body["provider"], body["id"]) == ("test/embed", "Chat", row["id"])
    assert row["id"].startswith("gen-emb-")
    assert (row["api_type"], row["tokens_prompt"]) == ("embeddings", 8)
    sent = site.upstream.last
    assert sent.path == "/chat/v1/embeddings"
    assert sent.json == {"model": "embed-test", "input": ["one", "two"], "dimensions": 2}


@pytest.mark.parametrize("native", [True, False], ids=["host packs", "host knows only lists"])
def test_base64_is_what_the_openai_client_asks_for_unasked(site: Site, native):
    rows = [
        {**row, "embedding": base64.b64encode(struct.pack("<2f", *row["embedding"])).decode()}
        for row in ANSWER["data"]
    ]
    site.upstream.play("embed-test", whole({**ANSWER, "data": rows} if native else ANSWER))

    with openai.OpenAI(base_url=site.root + "/api/v1", api_key=site.key) as client:
        answer = client.embeddings.create(model="test/embed", input=["one", "two"])
        raw = client.embeddings.with_raw_response.create(model="test/embed", input=["one", "two"])

    assert site.upstream.last.json["encoding_format"] == "base64"
    assert [list(row.embedding) for row in answer.data] == VECTORS
    assert isinstance(
        json.loads(raw.text if isinstance(raw.text, str) else raw.text())["data"][0]["embedding"],
        str,
    )


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input"),
        ({"input": 5}, "input"),
        ({"input": None}, "input"),
        ({"model": None}, "model"),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"dimensions": 0}, "dimensions"),
    ],
)
def test_what_is_wrong_is_named(site: Site, wrong, path):
    before = site.gateway.counts()

    answer = site.post("/api/v1/embeddings", ask(**wrong))

    assert answer.status_code == 400
    assert path in answer.json()["error"]["message"]
    assert site.gateway.counts() == before


def test_a_model_of_conversations_is_refused(site: Site):
    answer = site.post("/api/v1/embeddings", ask(model="test/chat"))

    assert answer.status_code in {400, 404}
    assert "text" in answer.json()["error"]["message"]


def test_an_embedding_model_does_not_converse(site: Site):
    answer = site.post(
        "/api/v1/chat/completions",
        {"model": "test/embed", "messages": [{"role": "user", "content": "Hi"}]},
    )

    assert answer.status_code in {400, 404}


def test_a_provider_without_the_api_is_said_so(site: Site):
    answer = site.post("/api/v1/embeddings", ask(model="test/nowhere"))

    assert answer.status_code == 502
    assert "Anthropic has no embeddings" in answer.json()["error"]["message"]
    assert site.generation(answer)["total_cost"] == 0


@pytest.mark.parametrize(
    "broken",
    [{}, {"data": []}, {"data": [{"embedding": None}]}, {"data": [{"embedding": ["x"]}]}, [1]],
)
def test_an_unreadable_answer_is_the_providers_failure(site: Site, broken):
    site.upstream.play("embed-test", whole(broken))

    answer = site.post("/api/v1/embeddings", ask(encoding_format="base64"))

    assert answer.status_code == 502
    assert site.generation(answer)["total_cost"] == 0


def test_a_second_model_answers_only_if_it_was_named(site: Site):
    site.upstream.play("embed-test", whole({"error": {"message": "slow"}}, status=429))
    site.upstream.play("embed-second", whole(ANSWER))

    alone = site.post("/api/v1/embeddings", ask())
    named = site.post("/api/v1/embeddings", ask(models=["test/embed", "test/embed-second"]))

    assert alone.status_code == 429
    assert named.status_code == 200
    assert named.json()["model"] == "test/embed-second"


def test_tokens_that_nobody_counted_are_estimated(site: Site):
    site.upstream.play("embed-test", whole({"data": ANSWER["data"]}))

    answer = site.post("/api/v1/embeddings", ask(input="word " * 400))

    assert answer.json()["usage"]["prompt_tokens"] == pytest.approx(500, rel=0.3)
    assert site.generation(answer)["total_cost"] > 0
