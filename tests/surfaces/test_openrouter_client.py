"""OpenRouter's own client, which validates every answer, at the APIs beside conversations."""

from collections.abc import Iterator

import pytest

from tests.surfaces.conftest import Site
from tests.surfaces.test_audio import BY_SECONDS, SOUND
from tests.surfaces.test_embeddings import ANSWER, VECTORS
from tests.surfaces.test_images import BY_TOKENS, DONE, PARTIAL, PNG, drawn
from tests.surfaces.test_rerank import COHERE
from tests.surfaces.upstream import Played, whole

openrouter = pytest.importorskip("openrouter")

pytestmark = pytest.mark.io


@pytest.fixture
def client(site: Site) -> Iterator["openrouter.OpenRouter"]:
    with openrouter.OpenRouter(api_key=site.key, server_url=site.root + "/api/v1") as made:
        yield made


def test_it_reads_every_list(client):
    models = client.models.list(output_modalities="all").result.data
    vectors = client.embeddings.list_models().result.data
    drawing = client.images.list_models().data
    ears = client.endpoints.list(author="openai", slug="whisper-1").data
    brush = client.images.list_model_endpoints(author="openai", slug="gpt-image-1.5")

    assert {"test/chat", "test/embed", "test/brush"} <= {row.id for row in models}
    assert "test/embed" in {row.id for row in vectors}
    assert "test/brush" in {row.id for row in drawing}
    assert ears.endpoints[0].pricing.audio == "0.0001"
    assert {line.unit for line in brush.endpoints[0].pricing} == {"token"}
    assert client.endpoints.list_zdr_endpoints().data == []


def test_it_embeds_and_ranks(site: Site, client):
    site.upstream.play("embed-test", whole(ANSWER))
    site.upstream.play("rerank-test", whole(COHERE))

    embedded = client.embeddings.generate(model="test/embed", input=["one", "two"])
    ranked = client.rerank.rerank(model="test/rerank", query="q", documents=["a", "b", "c"])

    assert [row.embedding for row in embedded.data] == VECTORS
    assert ranked.results[0].document.text


def test_it_draws_in_one_piece_and_piece_by_piece(site: Site, client):
    site.upstream.play("gpt-image-test", whole(BY_TOKENS), drawn(PARTIAL, DONE))

    one = client.images.generate(model="test/brush", prompt="An orca")
    events = list(client.images.generate(model="test/brush", prompt="An orca", stream=True))

    assert one.data[0].b64_json == "AAAA"
    assert [event.b64_json for event in events] == [PARTIAL["b64_json"], PNG]
    assert events[-1].usage.cost > 0


def test_it_hears_and_speaks(site: Site, client):
    site.upstream.play("ears-test", whole(BY_SECONDS))
    site.upstream.play("voice-test", Played(parts=(SOUND,), kind="audio/pcm"))

    heard = client.stt.create_transcription(
        model="test/ears", input_audio={"data": "AAAA", "format": "wav"}
    )
    spoken = client.tts.create_speech(model="test/voice", input="Hello", voice="ash")

    assert heard.usage.seconds == 3
    assert spoken.read() == SOUND
