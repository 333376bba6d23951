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


def test_sources_become_annotations_once_at_the_end():
    sources = [{"url": "https://a", "title": "A", "date": None}, {"url": None}, 7]
    chunk = {"search_results": sources, "citations": ["https://a"], "choices": [{"delta": {}}]}
    end = {**chunk, "choices": [{"delta": {"content": "."}, "finish_reason": "stop"}]}

    PROVIDER.patch_chunk(chunk)
    PROVIDER.patch_chunk(end)

    cited = {"url": "https://a", "title": "A", "start_index": 0, "end_index": 0}
    assert chunk["choices"] == [{"delta": {}}]
    assert end["choices"][0]["delta"]["annotations"][0] == {
        "type": "url_citation",
        "url_citation": cited,
    }
    assert end["search_results"] == sources


def test_bare_addresses_are_sources_and_annotations_that_came_are_kept():
    answer = {
        "object": "chat.completion",
        "citations": ["https://a", 7],
        "choices": [{"message": {"content": "x"}, "finish_reason": "stop"}],
    }
    told = {"citations": ["https://a"]}
    told["choices"] = [{"message": {"annotations": []}, "finish_reason": "stop"}]

    PROVIDER.patch_chunk(answer)
    PROVIDER.patch_chunk(told)

    (found,) = answer["choices"][0]["message"]["annotations"]
    assert found["url_citation"]["title"] == "https://a"
    assert told["choices"][0]["message"]["annotations"] == []
