"""What the APIs beside conversations share: reading heads, bodies for upstreams, prices."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, Protocol

import msgspec

from portico.dialects.base import (
    Dialect,
    Envelope,
    Events,
    Quirks,
    RawFields,
    RequestHead,
    Rewriter,
    SideApi,
    StreamDecoder,
    StreamEncoder,
)
from portico.dialects.checks import asked_models
from portico.dialects.failures import decode_error
from portico.dialects.fields import finished_body, object_of, raw
from portico.dialects.openai_chat.errors import encode_error
from portico.jsonio import JsonObject, dumps
from portico.money import usd_number
from portico.vocabulary import ChatResponse, Choice, Cost, Pricing, Usage

_GATEWAY_FIELDS = (
    "models", "provider", "route", "plugins", "preset", "session_id", "trace", "usage", "stream",
)  # fmt: skip


_CHARGED_FOR = frozenset(
    {
        "model",
        "input",
        "prompt",
        "n",
        "documents",
        "query",
        "input_audio",
        "input_references",
        "file",
    }
)
"""Members that decide on the price: they stand in the body, where the hold is worked out."""
_NO_OPTIONS = _CHARGED_FOR.union(_GATEWAY_FIELDS)
_MOST_COUNTED = 1_000_000_000
CHARS_PER_TOKEN = 4


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


def own_fields(head: RequestHead, model: str, quirks: Quirks) -> RawFields:
    """The client's own members for an upstream, without those of the gateway; with what
    `provider.options` has for this one."""
    fields = {
        name: value
        for name, value in head.fields.items()
        if name not in _GATEWAY_FIELDS and bytes(value) != b"null"  # which hosts may refuse
    }
    if head.preferences is not None:
        for name, value in options_of(head, quirks).items():
            fields.setdefault(name, raw(value))
    fields["model"] = raw(model)
    return fields


def options_of(head: RequestHead, quirks: Quirks) -> Mapping[str, object]:
    """What a request has to say to the provider that it goes to, and to no other; nothing of
    it changes what is charged for."""
    options = object_of(object_of(object_of(head.preferences).get("options")).get(quirks.provider))
    return {name: value for name, value in options.items() if name not in _NO_OPTIONS}


def upstream_body(
    head: RequestHead, model: str, supported: frozenset[str], quirks: Quirks
) -> tuple[bytes, frozenset[str]]:
    """The client's own members as the upstream's body; nothing is dropped."""
    return finished_body(own_fields(head, model, quirks), quirks), frozenset()


def answered(usage: Usage | None, text: str | None = None) -> ChatResponse:
    """What the gateway has to know of an answer that it passes on."""
    return ChatResponse(choices=(Choice(content=text),), usage=usage)


def count(body: object, *names: str) -> int | None:
    """The first of these members that is a count; what cannot be one is none.

    >>> count({"a": -1, "b": 3.0}, "a", "b"), count({"a": True}, "a"), count(None, "a")
    (3, None, None)
    """
    for name in names:
        value = object_of(body).get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if 0 <= value <= _MOST_COUNTED and value == int(value):
            return int(value)
    return None


def charged_as_priced(
    counted: Usage | None, written_chars: int, billed: Usage, price: Pricing
) -> Usage:
    """What was counted, with what the request tells where the price asks for the other unit:
    a host that says search units of a model that is priced by the token, or the reverse."""
    if counted is None:
        return billed
    missing: dict[str, int] = {}
    if price.prompt_picousd and not counted.prompt_tokens and billed.input_tokens:
        missing["input_tokens"] = billed.input_tokens
    if price.request_picousd and not counted.flat_charges:
        missing["flat_charges"] = billed.flat_charges
    return msgspec.structs.replace(counted, **missing, estimated=True) if missing else counted


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


def _never(*_: object) -> NoReturn:
    raise AssertionError("this API meets only itself and is not streamed")


class Encoder(StreamEncoder, Rewriter, Protocol):
    """Writes a stream from the upstream's own events, and from what came in one piece."""

    def feed(self, event: Any) -> bytes:
        """Bytes for an event of either kind."""
        ...


class Streaming(msgspec.Struct, frozen=True, kw_only=True):
    """How an API is streamed; the members are those of `Dialect`."""

    events: Callable[[ChatResponse], Events]
    decoder: Callable[[Quirks, str], StreamDecoder]
    encoder: Callable[[Envelope], Encoder]


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
    stream: Streaming | None = None,
) -> Dialect:
    """A dialect that meets only itself; with `stream`, one that may be streamed."""
    return Dialect(
        name=name,
        read_head=read_head,
        upstream_body=upstream_body,
        decode_request=_never,
        encode_request=_never,
        decode_response=decode_response,
        encode_response=_never,
        response_events=stream.events if stream else _never,
        stream_decoder=stream.decoder if stream else _never,
        stream_encoder=stream.encoder if stream else _never,
        rewriter=stream.encoder if stream else None,
        decode_error=decode_error,
        encode_error=encode_error,
        rewrite_response=rewrite_response,
        side=api,
    )
