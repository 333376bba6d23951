"""`POST /embeddings` over real sockets."""

import base64
import json
import struct

import openai
import pytest

from tests.surfaces.conftest import Site
from tests.surfaces.upstream import Arrived, Played, whole

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


def packed(kind: str) -> dict:
    """The answer of a host that packs vectors; "f" is what it should pack them as."""
    rows = [
        {**row, "embedding": base64.b64encode(struct.pack(f"<2{kind}", *row["embedding"])).decode()}
        for row in ANSWER["data"]
    ]
    return {**ANSWER, "data": rows}


@pytest.mark.parametrize(
    ("model", "upstream", "native", "asked"),
    [
        ("test/embed", "embed-test", ANSWER, "float"),
        ("test/embed", "embed-test", packed("f"), "float"),
        ("test/embed", "embed-test", packed("d"), "float"),
        ("test/openai-embed", "embed-openai", packed("f"), "base64"),
    ],
    ids=["lists", "packed unasked", "packed as 64 bits", "a host that packs well"],
)
def test_base64_is_what_the_openai_client_asks_for_unasked(
    site: Site, model, upstream, native, asked
):
    site.upstream.play(upstream, whole(native))
    wish = {"model": model, "input": ["one", "two"], "dimensions": 2}

    with openai.OpenAI(base_url=site.root + "/api/v1", api_key=site.key) as client:
        answer = client.embeddings.create(**wish)
        raw = client.embeddings.with_raw_response.create(**wish)

    assert site.upstream.last.json["encoding_format"] == asked
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
        ({"dimensions": "many"}, "dimensions"),
        ({"input_type": 5}, "input_type"),
        ({"input": [[1], []]}, "input.1"),
        ({"input": [-5]}, "input.0"),
        ({"input": [{"content": []}]}, "input.0"),
        ({"input": [True]}, "input.0"),
        ({"models": "a/b"}, "models"),
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
    [
        {},
        {"data": []},
        {"data": [{"embedding": None}]},
        {"data": [{"embedding": ["x"]}]},
        {"data": [{"embedding": []}]},
        {"data": [{"embedding": "?"}]},
        [1],
        b'{"data": [{"embedding": [NaN]}]}',
        b"",
    ],
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


@pytest.mark.parametrize("kind", ["f", "d"])
def test_lists_are_given_whatever_a_host_packs(site: Site, described, kind):
    site.upstream.play("embed-test", whole(packed(kind)))

    answer = site.post("/api/v1/embeddings", ask(dimensions=2))

    assert described("/embeddings", answer.json()) == []
    assert [row["embedding"] for row in answer.json()["data"]] == VECTORS


@pytest.mark.parametrize(
    "usage",
    [{"prompt_tokens": None}, {"prompt_tokens": -8}, {"prompt_tokens": 1e300}, "none",
     {"prompt_tokens": "8", "total_tokens": True}],
)  # fmt: skip
def test_a_count_that_is_none_is_not_free(site: Site, described, usage):
    data = [{"embedding": vector} for vector in VECTORS]
    site.upstream.play("embed-test", whole({"data": data, "usage": usage}))

    answer = site.post("/api/v1/embeddings", ask(input=[[1, 2, 3], [4]]))

    body = answer.json()
    assert described("/embeddings", body) == []
    assert [row["index"] for row in body["data"]] == [0, 1]
    assert (body["usage"]["prompt_tokens"], body["usage"]["total_tokens"]) == (4, 4)
    assert site.generation(answer)["total_cost"] == pytest.approx(4e-6)


COHERES = {
    "id": "x",
    "embeddings": {"float": VECTORS},
    "meta": {"billed_units": {"input_tokens": 7, "image_tokens": 0}},
    "response_type": "embeddings_by_type",
}
GEMINIS = {"embeddings": [{"values": vector} for vector in VECTORS],
           "usageMetadata": {"promptTokenCount": 7}}  # fmt: skip
BYTES = [[1, -2], [3, 4]]
PERPLEXITYS = {
    "object": "list",
    "data": [
        {"object": "embedding", "index": i, "embedding": base64.b64encode(struct.pack("2b", *v)).decode()}
        for i, v in enumerate(BYTES)
    ],
    "usage": {"prompt_tokens": 7, "total_tokens": 7, "cost": {"total_cost": 0.1}},
}  # fmt: skip
OPENAIS = {**ANSWER, "usage": {"total_tokens": 7}}


@pytest.mark.parametrize(
    ("model", "upstream", "native", "vectors", "path", "sent"),
    [
        ("test/cohere-embed", "embed-cohere", COHERES, VECTORS, "/cohere/v2/embed",
         {"texts": ["one", "two"], "input_type": "search_query", "output_dimension": 2,
          "embedding_types": ["float"], "model": "embed-cohere"}),
        ("test/gemini-embed", "embed-gemini", GEMINIS, VECTORS,
         "/gemini/v1beta/models/embed-gemini:batchEmbedContents",
         {"requests": [
             {"model": "models/embed-gemini", "outputDimensionality": 2,
              "taskType": "RETRIEVAL_QUERY", "content": {"parts": [{"text": text}]}}
             for text in ("one", "two")]}),
        ("test/voyage-embed", "embed-voyage", OPENAIS, VECTORS, "/voyage/v1/embeddings",
         {"input": ["one", "two"], "input_type": "query", "output_dimension": 2,
          "model": "embed-voyage"}),
        ("test/perplexity-embed", "embed-pplx", PERPLEXITYS, BYTES, "/perplexity/v1/embeddings",
         {"input": ["one", "two"], "dimensions": 2, "model": "embed-pplx"}),
        ("test/mistral-embed", "embed-mistral", OPENAIS, VECTORS, "/mistral/v1/embeddings",
         {"input": ["one", "two"], "output_dimension": 2, "encoding_format": "float",
          "model": "embed-mistral"}),
    ],
    ids=["Cohere", "Gemini", "Voyage", "Perplexity", "Mistral"],
)  # fmt: skip
@pytest.mark.parametrize("wish", ["float", "base64"])
def test_hosts_with_a_form_of_their_own_are_spoken_to_in_it(
    site: Site, described, model, upstream, native, vectors, path, sent, wish
):
    site.upstream.play(upstream, whole(native))

    answer = site.post(
        "/api/v1/embeddings",
        ask(model=model, dimensions=2, input_type="query", encoding_format=wish, user="me"),
    )

    body = answer.json()
    assert answer.status_code == 200, body
    assert described("/embeddings", body) == []
    got = [row["embedding"] for row in body["data"]]
    if wish == "base64":
        got = [list(struct.unpack("<2f", base64.b64decode(one))) for one in got]
    assert got == vectors
    assert body["usage"]["prompt_tokens"] == 7
    assert body["usage"]["cost"] == pytest.approx(7e-6)
    assert (site.upstream.last.path, site.upstream.last.json) == (path, sent)


@pytest.mark.parametrize(
    ("model", "upstream", "broken"),
    [
        ("test/cohere-embed", "embed-cohere", {"embeddings": []}),
        ("test/cohere-embed", "embed-cohere", {"embeddings": {"float": []}}),
        ("test/cohere-embed", "embed-cohere", [1]),
        ("test/gemini-embed", "embed-gemini", {"embeddings": [{"values": "x"}]}),
        ("test/gemini-embed", "embed-gemini", {"embeddings": [5]}),
        ("test/perplexity-embed", "embed-pplx", {"data": [{"embedding": "?"}]}),
        ("test/perplexity-embed", "embed-pplx", {"data": [{"embedding": None}]}),
    ],
)
def test_an_answer_in_neither_form_is_the_providers_failure(site: Site, model, upstream, broken):
    site.upstream.play(upstream, whole(broken))

    answer = site.post("/api/v1/embeddings", ask(model=model))

    assert answer.status_code == 502
    assert site.generation(answer)["total_cost"] == 0


@pytest.mark.parametrize("model", ["test/cohere-embed", "test/gemini-embed"])
def test_tokens_do_not_go_to_hosts_that_cannot_read_them(site: Site, model):
    site.upstream.arrived.clear()

    answer = site.post("/api/v1/embeddings", ask(model=model, input=[[1, 2], [3]]))

    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("input: ")
    assert site.upstream.arrived == []


def test_what_is_null_is_not_sent(site: Site):
    site.upstream.play("embed-cohere", whole(COHERES))

    answer = site.post(
        "/api/v1/embeddings", ask(model="test/cohere-embed", input_type=None, dimensions=None)
    )

    assert answer.status_code == 200, answer.text
    assert "output_dimension" not in site.upstream.last.json
    assert site.upstream.last.json["input_type"] == "search_document"


def test_counts_in_a_hosts_own_form_that_cannot_be_are_none(site: Site):
    odd = {**COHERES, "meta": {"billed_units": {"input_tokens": None, "image_tokens": -5}}}
    site.upstream.play("embed-cohere", whole(odd))

    answer = site.post("/api/v1/embeddings", ask(model="test/cohere-embed"))

    assert answer.json()["usage"]["prompt_tokens"] > 0


def test_parts_that_are_no_text_go_to_hosts_that_take_them(site: Site):
    site.upstream.play("embed-cohere", whole(COHERES))
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}

    answer = site.post(
        "/api/v1/embeddings", ask(model="test/cohere-embed", input=[{"content": [image]}])
    )

    assert answer.status_code == 200, answer.text
    assert site.upstream.last.json["inputs"] == [{"content": [image]}]


def each(arrived: Arrived) -> Played:
    """An answer to one piece in Cohere's form: each vector is the number that its text is."""
    texts = arrived.json["texts"]
    vectors = [[float(text), 0.0] for text in texts]
    billed = {"billed_units": {"input_tokens": len(texts)}}
    return whole({"embeddings": {"float": vectors}, "meta": billed})


@pytest.mark.parametrize(("inputs", "pieces"), [(96, 1), (97, 2), (250, 3)])
def test_more_texts_than_a_host_takes_are_sent_in_pieces_and_charged_once(
    site: Site, described, inputs, pieces
):
    site.upstream.play("embed-cohere", each)

    answer = site.post(
        "/api/v1/embeddings", ask(model="test/cohere-embed", input=list(map(str, range(inputs))))
    )

    body, row = answer.json(), site.generation(answer)
    assert len(site.upstream.arrived) == pieces
    assert described("/embeddings", body) == []
    assert [r["index"] for r in body["data"]] == list(range(inputs))
    assert [r["embedding"][0] for r in body["data"]] == list(range(inputs))
    assert body["usage"]["total_tokens"] == row["tokens_prompt"] == inputs
    assert body["usage"]["cost"] == row["total_cost"] == pytest.approx(inputs * 1e-6)
    assert len(row["provider_responses"]) == 1


def test_a_piece_that_fails_fails_the_whole_and_nothing_is_charged(site: Site):
    site.upstream.play("embed-cohere", each, whole({"message": "no such thing"}, status=422))

    answer = site.post("/api/v1/embeddings", ask(model="test/cohere-embed", input=["1"] * 97))

    assert answer.status_code == 422
    assert site.generation(answer)["total_cost"] == 0


def test_a_count_that_one_piece_leaves_out_is_nobodys(site: Site):
    uncounted = whole({"embeddings": {"float": [[1.0, 2.0]]}})
    site.upstream.play("embed-cohere", each, uncounted)

    answer = site.post("/api/v1/embeddings", ask(model="test/cohere-embed", input=["1"] * 97))

    told = answer.json()["usage"]
    assert len(answer.json()["data"]) == 97
    assert told["prompt_tokens"] == pytest.approx(97, rel=0.1)  # four letters of JSON for each


def test_tokens_of_one_text_are_not_a_batch(site: Site):
    site.upstream.play("embed-openai", whole(ANSWER))

    site.post("/api/v1/embeddings", ask(model="test/openai-embed", input=[5] * 3000))

    assert [len(one.json["input"]) for one in site.upstream.arrived] == [3000]
