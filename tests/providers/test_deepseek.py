from portico.providers.deepseek import PROVIDER


def test_cache_hits_become_cached_tokens():
    chunk = {"usage": {"prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 10}}

    PROVIDER.patch_chunk(chunk)

    assert chunk["usage"]["prompt_tokens_details"] == {"cached_tokens": 64}
