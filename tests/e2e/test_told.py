"""What a running gateway says of its routing: wrong wishes, refusals, and what was done."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from portico.simulator import Script, Step
from tests.e2e.process import Gateway, SimulatorProcess

pytestmark = pytest.mark.io

REFUSED = Step(status=400, error={"code": "content_filter", "message": "no"}, times=0)
SCRIPT = Script(
    ttft_s=0.0,
    chunk_interval_s=0.0,
    steps=(
        msgspec.structs.replace(REFUSED, model="judged-1"),
        msgspec.structs.replace(REFUSED, model="judged-2"),
        Step(model="gone", status=404, times=0),
        Step(model="limited", status=429, retry_after_s=9999, times=0),
        Step(model="full", status=503, retry_after_s=7, times=0),
    ),
)
CONFIG = """
[providers.one]
base_url = "{url}"
name = "One Cloud"
region = "eu"
is_moderated = true

[providers.two]
base_url = "{url}"

[providers.three]
base_url = "{url}"

[[models]]
id = "test/orca"
provider = "one"
context_tokens = 8000
max_completion_tokens = 4000
quantization = "fp8"
input_modalities = ["text"]
supported_parameters = ["max_tokens"]
price = {{ prompt = "1", completion = "2" }}

[[models]]
id = "test/orca"
provider = "one"
tag = "one/priority"
service_tier = "priority"
price = {{ prompt = "3", completion = "6" }}

[[models]]
id = "test/unpriced"
provider = "two"

[[models]]
id = "test/vectors"
provider = "two"
output_modalities = ["embeddings"]
price = {{ prompt = "1", completion = "0" }}

[[models]]
id = "test/judged"
provider = "one"
upstream_model = "judged-1"
price = {{ prompt = "1", completion = "2" }}

[[models]]
id = "test/judged"
provider = "two"
upstream_model = "judged-2"
is_moderated = true
price = {{ prompt = "1", completion = "2" }}

[[models]]
id = "test/judged"
provider = "three"
upstream_model = "unjudged"
is_moderated = false
price = {{ prompt = "1", completion = "2" }}

[[models]]
id = "test/gone"
provider = "two"
upstream_model = "gone"
price = {{ prompt = "1", completion = "2" }}

[[models]]
id = "test/limited"
provider = "two"
upstream_model = "limited"
price = {{ prompt = "1", completion = "2" }}

[[models]]
id = "test/full"
provider = "two"
upstream_model = "full"
price = {{ prompt = "1", completion = "2" }}
"""
MESSAGES = [{"role": "user", "content": "Hi"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
PICTURE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
ASKED = {"X-OpenRouter-Metadata": "enabled"}


class Told(msgspec.Struct, kw_only=True):
    """A gateway and its upstream; `post` is a request with the key."""

    gateway: Gateway
    simulator: SimulatorProcess

    def post(self, path: str, *, headers: dict | None = None, **fields: object) -> httpx.Response:
        body = {"model": "test/orca", "messages": MESSAGES, **fields}
        auth = {"authorization": f"Bearer {self.gateway.key}", **(headers or {})}
        return httpx.post(self.gateway.url + path, json=body, headers=auth, timeout=20)

    def chat(self, *, headers: dict | None = None, **fields: object) -> httpx.Response:
        return self.post("/chat/completions", headers=headers, **fields)

    def get(self, path: str) -> dict:
        return self.gateway.get("/api/v1" + path, key=self.gateway.key)[1]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("told")
    simulator = SimulatorProcess(folder, msgspec.to_builtins(SCRIPT))
    gateway = Gateway(folder, CONFIG.format(url=simulator.url))
    try:
        gateway.start()
        yield Told(gateway=gateway, simulator=simulator)
    finally:
        gateway.kill()
        simulator.stop()


# --- what is wished for wrongly -----------------------------------------------------


WRONG = [
    ([], "provider: "),
    ("one", "provider: "),
    ({"order": "one"}, "provider.order: "),
    ({"order": [1]}, "provider.order.0: "),
    ({"only": {}}, "provider.only: "),
    ({"only": ["one", None]}, "provider.only.1: "),
    ({"ignore": 7}, "provider.ignore: "),
    ({"allow_fallbacks": "no"}, "provider.allow_fallbacks: "),
    ({"require_parameters": 1}, "provider.require_parameters: "),
    ({"data_collection": "never"}, "provider.data_collection: "),
    ({"zdr": "yes"}, "provider.zdr: "),
    ({"enforce_distillable_text": []}, "provider.enforce_distillable_text: "),
    ({"quantizations": ["huge"]}, "provider.quantizations.0: "),
    ({"max_price": 5}, "provider.max_price: "),
    ({"max_price": {"prompt": "cheap"}}, "provider.max_price.prompt: "),
    ({"max_price": {"audio": True}}, "provider.max_price.audio: "),
    ({"sort": "cheap"}, "provider.sort: "),
    ({"sort": {"by": "cheap"}}, "provider.sort.by: "),
    ({"sort": {"partition": "all"}}, "provider.sort.partition: "),
    ({"preferred_min_throughput": "fast"}, "provider.preferred_min_throughput: "),
    ({"preferred_max_latency": {"p90": "1"}}, "provider.preferred_max_latency.p90: "),
    ({"options": []}, "provider.options: "),
]


@pytest.mark.parametrize(("wish", "path"), WRONG, ids=[json.dumps(wish) for wish, _ in WRONG])
def test_a_wrong_wish_is_refused_by_its_path_wherever_it_is_asked(told, wish, path):
    for answer in (told.chat(provider=wish), told.post("/route/explain", provider=wish)):
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, 400)
        assert error["message"].startswith(path)
        assert error["metadata"]["error_type"] == "invalid_request"


def test_the_command_line_refuses_in_the_same_words(told):
    wish = {"order": [1]}
    file = Path(told.gateway.folder) / "request.json"
    file.write_text(json.dumps({"model": "test/orca", "messages": MESSAGES, "provider": wish}))

    code, text = told.gateway.run("route", "explain", str(file))

    assert code == 1
    assert "provider.order.0: " in text


@pytest.mark.parametrize(
    "wish",
    [
        None,
        dict.fromkeys(("order", "only", "max_price", "sort", "zdr", "preferred_max_latency")),
        {"route": "x", "data_policy": 1, "a key of tomorrow": [{}]},
        {"order": ["nobody"] * 50_000},
        {"only": [" oNE cLOUD "]},
        {"only": []},
        {"max_price": {}, "sort": {}},
    ],
    ids=["null", "nulls", "unknown keys", "a huge list", "a display name", "nothing", "no bounds"],
)
def test_what_is_odd_and_not_wrong_is_routed(told, wish):
    answer = told.post("/route/explain", provider=wish)

    assert answer.status_code == 200
    assert [one["tag"] for one in answer.json()["data"]["candidates"]] == ["one"]


# --- refusals -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "status", "code", "field", "message"),
    [
        ({"model": "test/orka"}, 400, "model_not_found", None, "test/orka is not a valid model ID"),
        ({"model": "test/vectors"}, 400, "wrong_endpoint", None, "test/vectors cannot be called"),
        ({"model": "test/unpriced"}, 404, "no_endpoints", None, "No endpoints found for test/unpriced"),
        ({"model": "test/orca:free"}, 404, "free_variant_ended", None, "The free variant of test/orca"),
        ({"tools": [TOOL]}, 404, "constraint_filtered", "tools", "No endpoints found that support tool use"),
        ({"messages": [{"role": "user", "content": [PICTURE]}]}, 404, "constraint_filtered", "messages", "No endpoints found that support image input"),
        ({"provider": {"only": ["two"]}}, 404, "constraint_filtered", "provider.only", "No allowed providers are available for the selected model"),
        ({"provider": {"ignore": ["one"]}}, 404, "constraint_filtered", "provider.ignore", "No allowed providers are available for the selected model"),
        ({"provider": {"max_price": {"prompt": "0.5"}}}, 404, "constraint_filtered", "provider.max_price.prompt", "No endpoints found for test/orca within max_price"),
        ({"provider": {"quantizations": ["int4"]}}, 404, "constraint_filtered", "provider.quantizations", "No endpoints found for test/orca"),
        ({"provider": {"require_parameters": True}, "seed": 1}, 404, "constraint_filtered", "provider.require_parameters", "No endpoints found for test/orca that support all parameters"),
        ({"provider": {"zdr": True}}, 404, "privacy_restricted", "provider.zdr", "No endpoints available matching your guardrail restrictions and data policy"),
        ({"provider": {"data_collection": "deny"}}, 404, "privacy_restricted", "provider.data_collection", "No endpoints available matching your guardrail restrictions and data policy"),
        ({"provider": {"enforce_distillable_text": True}}, 404, "constraint_filtered", "provider.enforce_distillable_text", "No endpoints found for test/orca"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_was_in_the_way(told, fields, status, code, field, message):
    answer = told.chat(headers=ASKED, **fields)

    error = answer.json()["error"]
    availability = error["metadata"]["availability"]
    assert (answer.status_code, error["code"]) == (status, status)
    assert error["message"].startswith(message)
    assert (availability["code"], availability["retryable"]) == (code, False)
    assert availability.get("constraint", {}).get("field") == field
    done = answer.json()["openrouter_metadata"]
    assert (done["attempt"], done["endpoints"]["available"]) == (0, [])
    assert done["requested"] == fields.get("model", "test/orca")


@pytest.mark.parametrize(
    ("model", "status", "availability", "headers"),
    [
        ("test/gone", 404, ("model_unavailable_upstream", False, None), {"x-should-retry": "false"}),
        ("test/limited", 429, ("capacity_exhausted", True, 3600), {"retry-after": "3600"}),
        ("test/full", 503, ("temporarily_unavailable", True, 7), {"retry-after": "7"}),
    ],
)  # fmt: skip
def test_when_nobody_can_answer_it_is_told_whether_to_come_back(
    told, model, status, availability, headers
):
    answer = told.chat(model=model)

    said = answer.json()["error"]["metadata"]["availability"]
    assert answer.status_code == status
    assert (said["code"], said["retryable"], said.get("retry_after")) == availability
    assert said["affected_providers"] == ["two"]
    expected = {name: headers.get(name) for name in ("retry-after", "x-should-retry")}
    assert {name: answer.headers.get(name) for name in expected} == expected


# --- what was done ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/chat/completions", {}),
        ("/responses", {"input": "Hi"}),
        ("/messages", {"max_tokens": 9}),
    ],
)
def test_metadata_stands_beside_a_refusal_only_if_it_is_asked_for(told, path, fields):
    wish = {"only": ["nobody"]}

    asked = told.post(path, headers=ASKED, provider=wish, **fields)
    silent = told.post(path, provider=wish, **fields)

    assert asked.status_code == silent.status_code == 404
    assert asked.json()["openrouter_metadata"]["endpoints"] == {"total": 2, "available": []}
    assert "openrouter_metadata" not in silent.json()


def test_a_refused_key_is_told_nothing_of_routing(told):
    answer = told.chat(headers={**ASKED, "authorization": "Bearer nobody"})

    assert answer.status_code == 401
    assert "openrouter_metadata" not in answer.json()


def test_a_key_without_money_is_told_where_its_request_would_have_gone(told):
    poor = told.gateway.create_key("poor", limit_usd="0.000001")

    answer = told.chat(headers={**ASKED, "authorization": f"Bearer {poor}"})

    done = answer.json()["openrouter_metadata"]
    assert answer.status_code == 403
    assert (done["attempt"], done["summary"]) == (0, "available=1, selected=none")


def test_what_is_refused_for_its_content_goes_to_who_does_not_judge_it(told):
    answer = told.chat(
        headers=ASKED, model="test/judged", provider={"order": ["one", "two", "three"]}
    )

    done = answer.json()["openrouter_metadata"]
    assert answer.status_code == 200
    assert [(a["provider"], a["status"]) for a in done["attempts"]] == [
        ("One Cloud", 400),
        ("three", 200),
    ]


def test_the_catalogue_says_who_judges_content(told):
    rows = {row["id"]: row["top_provider"]["is_moderated"] for row in told.get("/models")["data"]}

    assert (rows["test/orca"], rows["test/gone"]) == (True, False)


@pytest.mark.parametrize(("provider", "region"), [("one", "eu"), ("three", "global")])
def test_a_generation_says_where_its_data_was_processed(told, provider, region):
    model = {"one": "test/orca", "three": "test/judged"}[provider]

    answer = told.chat(model=model, provider={"only": [provider]})

    row = told.get(f"/generation?id={answer.headers['x-generation-id']}")["data"]
    assert (row["data_region"], row["provider_responses"][-1]["status"]) == (region, 200)
