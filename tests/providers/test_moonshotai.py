from portico.providers.moonshotai import PROVIDER


def test_usage_inside_the_last_choice_is_lifted():
    usage = {"prompt_tokens": 9, "completion_tokens": 5, "cached_tokens": 3}
    chunk = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": usage}]}

    PROVIDER.patch_chunk(chunk)

    assert chunk["usage"]["prompt_tokens"] == 9
    assert chunk["usage"]["prompt_tokens_details"] == {"cached_tokens": 3}
    assert "usage" not in chunk["choices"][0]
