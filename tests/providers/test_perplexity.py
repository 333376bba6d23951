from portico.providers.perplexity import PROVIDER


def test_a_chunk_keeps_its_delta_and_not_the_message_so_far():
    chunk = {
        "object": "chat.completion.chunk",
        "choices": [{"delta": {"content": "b"}, "message": {"content": "ab"}}],
    }

    PROVIDER.patch_chunk(chunk)

    assert chunk["choices"] == [{"delta": {"content": "b"}}]


def test_a_whole_answer_keeps_its_message():
    answer = {
        "object": "chat.completion",
        "choices": [{"delta": {"content": ""}, "message": {"content": "ab"}}],
    }

    PROVIDER.patch_chunk(answer)

    assert answer["choices"] == [{"message": {"content": "ab"}}]
