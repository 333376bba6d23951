from portico.providers.cerebras import PROVIDER


def test_a_creation_time_with_a_fraction_becomes_whole_seconds():
    chunk = {"created": 1754949000.73}

    PROVIDER.patch_chunk(chunk)

    assert chunk["created"] == 1754949000
    assert isinstance(chunk["created"], int)
