"""Failures of the OpenAI chat family as a client is told: OpenRouter's envelope.

Contract: errors-limits 1 and chat 4.4.
"""

from portico.dialects.base import Envelope
from portico.dialects.failures import INTERNAL
from portico.errors import CassetteMiss, ContextLengthExceeded, GatewayError, UpstreamError
from portico.jsonio import JsonObject, dumps


def encode_error(error: GatewayError, user_id: str | None) -> bytes:
    """Write the error body. A 500 says nothing of the inside."""
    body: JsonObject = {"error": error_object(error)}
    if user_id is not None:
        body["user_id"] = user_id
    if error.status != 500:
        body.update(error.beside)
    return dumps(body)


def error_object(error: GatewayError) -> JsonObject:
    """The `error` member: integer code, message, metadata with `error_type`."""
    if error.status == 500:
        return {
            "message": INTERNAL,
            "code": 500,
            "metadata": {"error_type": "server"},
        }
    metadata: JsonObject = {}
    if isinstance(error, UpstreamError) and not isinstance(error, CassetteMiss):
        if error.raw is not None:
            metadata["raw"] = error.raw
        metadata["provider_name"] = error.metadata.get("provider_name")
    metadata.update(error.metadata)
    metadata["error_type"] = error.error_type
    if isinstance(error, UpstreamError) and error.provider_code:
        metadata["provider_code"] = error.provider_code
    elif isinstance(error, ContextLengthExceeded):  # agents look for the words there, too
        metadata["provider_code"] = error.error_type
    return {"message": error.message, "code": error.status, "metadata": metadata}


def encode_stream_error(error: GatewayError, envelope: Envelope) -> bytes:
    """The chunk that ends a stream which failed after it began (contract/chat 4.4)."""
    body = {
        "id": envelope.generation_id,
        "object": "chat.completion.chunk",
        "created": envelope.created_s,
        "model": envelope.model,
        "provider": envelope.provider,
        "error": error_object(error),
        "choices": [
            {
                "index": 0,
                "delta": {"content": "", "role": "assistant"},
                "finish_reason": "error",
                "native_finish_reason": None,
            }
        ],
        **error.beside,
    }
    return b"data: " + dumps(body) + b"\n\n"
