from portico.providers.writer import PROVIDER


def test_usage_details_are_spelled_as_everybody_does():
    answer = {
        "created": "1715361795",
        "usage": {"prompt_token_details": {"cached_tokens": 2}, "completion_tokens_details": None},
    }

    PROVIDER.patch_chunk(answer)

    assert answer["usage"]["prompt_tokens_details"] == {"cached_tokens": 2}
    assert answer["created"] == 1715361795


def test_a_chunk_keeps_its_delta_only():
    chunk = {"choices": [{"delta": {"content": "b"}, "message": None}]}

    PROVIDER.patch_chunk(chunk)

    assert chunk["choices"] == [{"delta": {"content": "b"}}]
