"""What the APIs beside conversations share: reading heads, bodies for upstreams, prices."""

from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import msgspec

from portico.dialects.base import (
    Dialect,
    Envelope,
    Quirks,
    RawFields,
    RequestHead,
    SideApi,
)
from portico.dialects.checks import asked_models
from portico.dialects.failures import decode_error
from portico.dialects.fields import raw
from portico.dialects.openai_chat.errors import encode_error
from portico.jsonio import JsonObject, dumps
from portico.money import usd_number
from portico.vocabulary import ChatResponse, Choice, Cost, Usage

_GATEWAY_FIELDS = (
    "models", "provider", "route", "plugins", "preset", "session_id", "trace", "usage", "stream",
)  # fmt: skip


class SideBody(msgspec.Struct):
    """The members that all of them have."""

    model: str | None = None
    models: list[str] | None = None
    provider: JsonObject | None = None
    user: str | None = None


def head_of(
    body: SideBody, fields: RawFields, *, output: str, prompt: bytes, **further: Any
) -> RequestHead:
    """The head of a request for models that give `output`; it is never streamed.

    Raises:
        InvalidRequest: no model is named.
    """
    names = [body.model] if body.model else []
    return RequestHead(
        models=asked_models([*names, *(body.models or [])]),
        stream=False,
        fields=fields,
        prompt_bytes=prompt,
        preferences=body.provider,
        user=body.user,
        outputs=frozenset({output}),
        **further,
    )


def own_fields(head: RequestHead, model: str) -> RawFields:
    """The client's own members for an upstream, without those of the gateway."""
    fields = {name: value for name, value in head.fields.items() if name not in _GATEWAY_FIELDS}
    fields["model"] = raw(model)
    return fields


def upstream_body(
    head: RequestHead, model: str, supported: frozenset[str], quirks: Quirks
) -> tuple[bytes, frozenset[str]]:
    """The client's own members as the upstream's body; nothing is dropped."""
    return dumps(own_fields(head, model)), frozenset()


def answered(usage: Usage | None) -> ChatResponse:
    """What the gateway has to know of an answer that it passes on."""
    return ChatResponse(choices=(Choice(),), usage=usage)


def costs(cost: Cost | None, *, detailed: bool = True) -> JsonObject:
    """The price, for a usage object; a price that could not be applied reads 0."""
    cost = cost or Cost()
    total = usd_number(cost.total_picousd)
    charge: JsonObject = {"cost": 0 if cost.is_byok else total}
    if not detailed:
        return charge
    prompt = usd_number(cost.prompt_picousd + cost.request_picousd)
    return {
        **charge,
        "is_byok": cost.is_byok,
        "cost_details": {
            "upstream_inference_cost": total,
            "upstream_inference_prompt_cost": prompt,
            "upstream_inference_completions_cost": usd_number(cost.completion_picousd),
        },
    }


def named(fields: Iterable[tuple[str, object]], envelope: Envelope, extra: JsonObject) -> bytes:
    """A body that says who answered, as what, and under which id."""
    body = {
        **dict(fields),
        "model": envelope.model,
        "provider": envelope.provider,
        "id": envelope.generation_id,
        **extra,
    }
    return dumps(body)


def side_dialect(
    name: str,
    api: SideApi,
    *,
    read_head: Callable[[bytes], RequestHead],
    decode_response: Callable[[bytes, Quirks], ChatResponse],
    rewrite_response: Callable[
        [bytes, RequestHead, Envelope, Usage | None, Cost | None, JsonObject], bytes
    ],
    upstream_body: Callable[
        [RequestHead, str, frozenset[str], Quirks], tuple[bytes, frozenset[str]]
    ] = upstream_body,
) -> Dialect:
    """A dialect that meets only itself and is never streamed."""
    return Dialect(
        name=name,
        read_head=read_head,
        upstream_body=upstream_body,
        decode_request=_never,
        encode_request=_never,
        decode_response=decode_response,
        encode_response=_never,
        response_events=_never,
        stream_decoder=_never,
        stream_encoder=_never,
        decode_error=decode_error,
        encode_error=encode_error,
        rewrite_response=rewrite_response,
        side=api,
    )


def _never(*_: object) -> NoReturn:
    raise AssertionError("this API meets only itself and is not streamed")
