"""A good request for every route that reaches a provider, and what its provider answers."""

import base64

from tests.surfaces.upstream import Played, whole

HI = [{"role": "user", "content": "Hi"}]
CHAT_ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1790000000,
    "model": "m",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 100, "completion_tokens": 4, "total_tokens": 104},
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5",
    "content": [{"type": "text", "text": "Hello", "unknown": [1.0]}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 10, "output_tokens": 4, "cache_read_input_tokens": 90},
}
_IMAGES = {"model": "test/brush", "prompt": "An orca"}
_SOUND = {"data": base64.b64encode(bytes(2000)).decode(), "format": "wav"}
BODIES: dict[str, dict] = {
    "/chat/completions": {"model": "test/chat", "messages": HI},
    "/completions": {"model": "test/chat", "prompt": "Hi"},
    "/messages": {"model": "anthropic/claude-haiku-4.5", "max_tokens": 100, "messages": HI},
    "/responses": {"model": "test/chat", "input": "Hi"},
    "/embeddings": {"model": "test/embed", "input": "Hi"},
    "/rerank": {"model": "test/rerank", "query": "Hi", "documents": ["Hello", "Bye"]},
    "/images": _IMAGES,
    "/images/generations": _IMAGES,
    "/audio/speech": {"model": "test/voice", "input": "Hi", "voice": "ash"},
    "/audio/transcriptions": {"model": "test/ears", "input_audio": _SOUND},
}
ANSWERS: dict[str, Played] = {
    "gpt-test": whole(CHAT_ANSWER),
    "claude-haiku-4-5": whole(MESSAGE),
    "embed-test": whole({"data": [{"embedding": [0.5]}], "usage": {"prompt_tokens": 3}}),
    "rerank-test": whole({"results": [{"index": 0, "relevance_score": 0.5}]}),
    "gpt-image-test": whole({"data": [{"b64_json": "AAAA"}], "usage": {"output_tokens": 9}}),
    "voice-test": Played(parts=(b"ID3 sound",), kind="audio/pcm"),
    "ears-test": whole({"text": "Hi", "usage": {"seconds": 1}}),
}
