"""`POST /rerank` over real sockets, for providers that bill units and for those that bill tokens."""

import pytest

from tests.surfaces.conftest import Site
from tests.surfaces.upstream import whole

pytestmark = pytest.mark.io

DOCUMENTS = ["Athens is in Greece.", {"text": "Paris is in France."}, "Lima is in Peru."]
COHERE = {
    "id": "x",
    "results": [{"index": 0, "relevance_score": 0.1}, {"index": 1, "relevance_score": 0.9}],
    "meta": {"billed_units": {"search_units": 3}},
}
JINA = {"results": [{"index": 1, "relevance_score": 0.9}], "usage": {"total_tokens": 40}}
VOYAGE = {"data": [{"index": 1, "relevance_score": 0.9}], "usage": {"total_tokens": 40}}
TEI_LIKE = {"results": [{"index": 1, "score": 0.9}]}


def ask(**fields) -> dict:
    return {"model": "test/rerank", "query": "France?", "documents": DOCUMENTS, **fields}


def test_units_are_charged_as_billed(site: Site, described):
    site.upstream.play("rerank-test", whole(COHERE))

    answer = site.post("/api/v1/rerank", ask(top_n=2))

    body, row = answer.json(), site.generation(answer)
    assert described("/rerank", body) == []
    assert body["results"] == [
        {"index": 1, "relevance_score": 0.9, "document": {"text": "Paris is in France."}},
        {"index": 0, "relevance_score": 0.1, "document": {"text": "Athens is in Greece."}},
    ]
    assert body["usage"] == {"search_units": 3, "cost": 0.006}
    assert (row["total_cost"], row["api_type"]) == (0.006, "rerank")
    assert body["id"] == row["id"]
    assert row["id"].startswith("gen-rerank-")
    assert site.upstream.last.path == "/chat/v1/rerank"
    assert site.upstream.last.json["documents"][1] == "Paris is in France."


@pytest.mark.parametrize("native", [JINA, VOYAGE])
def test_tokens_are_charged_as_counted(site: Site, native):
    site.upstream.play("rerank-tokens", whole(native))

    answer = site.post("/v1/rerank", ask(model="test/rerank-tokens"))

    assert answer.json()["usage"] == {"total_tokens": 40, "cost": 0.00004}
    assert answer.json()["results"][0]["index"] == 1


def test_what_nobody_counted_is_estimated(site: Site):
    site.upstream.play("rerank-test", whole(TEI_LIKE))
    site.upstream.play("rerank-tokens", whole(TEI_LIKE))

    units = site.post("/api/v1/rerank", ask(documents=["a"] * 250))
    tokens = site.post("/api/v1/rerank", ask(model="test/rerank-tokens"))

    assert units.json()["usage"]["cost"] == pytest.approx(0.006)  # 250 documents are three units
    assert tokens.json()["usage"]["cost"] > 0


def test_what_was_counted_in_another_unit_than_the_prices_is_not_free(site: Site):
    site.upstream.play("rerank-test", whole(JINA))
    site.upstream.play("rerank-tokens", whole(COHERE))

    units = site.post("/api/v1/rerank", ask(documents=["a"] * 250))
    tokens = site.post("/api/v1/rerank", ask(model="test/rerank-tokens"))

    assert units.json()["usage"]["cost"] == pytest.approx(0.006)  # 250 documents are three units
    assert tokens.json()["usage"]["cost"] > 0


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"query": ""}, "query"),
        ({"documents": []}, "documents"),
        ({"documents": [5]}, "documents"),
        ({"top_n": 0}, "top_n"),
        ({"model": None}, "model"),
    ],
)
def test_what_is_wrong_is_named(site: Site, wrong, path):
    answer = site.post("/api/v1/rerank", ask(**wrong))

    assert answer.status_code == 400
    assert path in answer.json()["error"]["message"]


@pytest.mark.parametrize("broken", [{}, {"results": 5}, {"results": [{"index": 1}]}, b"no"])
def test_an_unreadable_answer_is_the_providers_failure(site: Site, broken):
    site.upstream.play("rerank-test", whole(broken))

    answer = site.post("/api/v1/rerank", ask())

    assert answer.status_code == 502
    assert site.generation(answer)["total_cost"] == 0


def test_a_key_with_too_little_left_is_refused_before_anybody_is_asked(site: Site):
    poor = site.gateway.create_key("poor reranker", limit_usd="0.003")
    site.upstream.play("rerank-test", whole(COHERE))

    answer = site.post("/api/v1/rerank", ask(documents=["a"] * 250), x_api_key=poor)

    assert answer.status_code == 403
    assert site.upstream.arrived == []


def test_no_more_results_come_than_were_wished_whatever_a_host_calls_that(site: Site, described):
    rows = [{"index": 1, "relevance_score": 0.2}, {"index": 0, "relevance_score": 0.9},
            {"index": 7, "relevance_score": 1.0}]  # fmt: skip
    site.upstream.play("rerank-voyage", whole({"data": rows, "usage": {"total_tokens": 40}}))

    answer = site.post("/api/v1/rerank", ask(model="test/voyage-rerank", top_n=1))

    assert described("/rerank", answer.json()) == []
    assert [row["index"] for row in answer.json()["results"]] == [0]
    assert site.upstream.last.json["top_k"] == 1
    assert "top_n" not in site.upstream.last.json


@pytest.mark.parametrize("units", [-3, 1e300, True, "2", None])
def test_units_that_cannot_be_are_counted_here(site: Site, units):
    broken = {**COHERE, "meta": {"billed_units": {"search_units": units}}}
    site.upstream.play("rerank-test", whole(broken))

    answer = site.post("/api/v1/rerank", ask())

    assert answer.json()["usage"]["cost"] == pytest.approx(0.002)
