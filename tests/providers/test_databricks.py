from portico.providers.databricks import PROVIDER


def test_usage_that_is_not_counted_yet_is_no_usage():
    chunk = {"usage": {"prompt_tokens": 14, "completion_tokens": None, "total_tokens": None}}

    PROVIDER.patch_chunk(chunk)

    assert chunk["usage"] is None


def test_counted_usage_is_kept():
    chunk = {"usage": {"prompt_tokens": 14, "completion_tokens": 4, "total_tokens": 18}}

    PROVIDER.patch_chunk(chunk)

    assert chunk["usage"]["completion_tokens"] == 4
