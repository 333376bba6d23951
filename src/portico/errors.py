"""Every error Portico raises on purpose.

GatewayError                  status  error_type               retryable
├── ClientError
│   ├── InvalidRequest           400  invalid_request          no
│   ├── InvalidKey               401  authentication           no
│   ├── InsufficientCredits      402  payment_required         no
│   ├── KeyLimitExceeded         403  payment_required         no
│   ├── NotFound                 404  not_found                no
│   ├── MethodNotAllowed         405  invalid_request          no
│   ├── PayloadTooLarge          413  payload_too_large        no
│   └── UnsupportedEncoding      415  invalid_request          no
├── RoutingError
│   ├── ModelNotFound            400  invalid_request          no
│   ├── ContextLengthExceeded    400  context_length_exceeded  no
│   └── NoEndpointAvailable      404  not_found                no
├── StorageUnavailable           503  server                   no
└── UpstreamError
    ├── UpstreamRejected         4xx  by what it said          no
    │   └── UpstreamModelGone    404  not_found                no
    ├── UpstreamRateLimited      429  rate_limit_exceeded      yes
    ├── UpstreamUnavailable      502  provider_unavailable     yes
    │   ├── UpstreamKeyRefused   502  provider_unavailable     with another key
    │   └── UpstreamEmpty        502  provider_unavailable     once, elsewhere
    ├── UpstreamOverloaded       503  provider_overloaded      yes
    ├── UpstreamTimeout          504  timeout                  yes
    ├── StreamBroken             502  provider_unavailable     only before the first byte
    └── CassetteMiss             404  not_found                no

`status` is what the client sees. `retryable` is read by `routing.attempts`,
nowhere else. A bug is not a GatewayError: it propagates and becomes a 500
whose body says nothing of the inside.
"""

from typing import Any, ClassVar


class GatewayError(Exception):
    """Base class. `metadata` is JSON-safe and is shown to the client.

    `headers` are response headers the error asks for (for example Retry-After),
    `beside` what stands beside the error in the body, `generation_id` the
    generation that failed, None before there was one.
    """

    status: int = 500
    error_type: str = "server"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, **metadata: object) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = metadata
        self.headers: dict[str, str] = {}
        self.beside: dict[str, object] = {}
        self.generation_id: str | None = None


class ClientError(GatewayError):
    """The request cannot succeed as sent."""

    status = 400
    error_type = "invalid_request"


class InvalidRequest(ClientError):
    """Malformed JSON, a wrong type or a value out of range; the message names the path.

    To do: correct the request where the message says.
    """


class InvalidKey(ClientError):
    """No key, an unknown key, a disabled or an expired one.

    To do: send `Authorization: Bearer <key>`. `portico keys list` shows the keys there are,
    `portico keys create` makes one.
    """

    status = 401
    error_type = "authentication"


class InsufficientCredits(ClientError):
    """The account cannot afford the request.

    To do: nothing yet: keys have limits, but there is no balance that could run out.
    """

    status = 402
    error_type = "payment_required"


class KeyLimitExceeded(ClientError):
    """The key's own limit does not leave room for the request.

    `left_picousd` is what the limit still leaves, None if whoever raised it did
    not say; it is for the message, not for the client's metadata.

    To do: lower `max_tokens` as far as the message says, wait for the limit's reset, or use
    another key.
    """

    status = 403
    error_type = "payment_required"
    left_picousd: int | None = None


class NotFound(ClientError):
    """No such path, generation or model row.

    To do: check the path, the generation's id or the slug. The API is below `/api/v1` and `/v1`.
    """

    status = 404
    error_type = "not_found"


class MethodNotAllowed(ClientError):
    """The path exists, the method does not.

    To do: use a method that the `Allow` header names.
    """

    status = 405


class PayloadTooLarge(ClientError):
    """The body exceeds the limit; it was not read to the end.

    To do: send less, or raise `max_body_bytes` under `[limits]`.
    """

    status = 413
    error_type = "payload_too_large"


class UnsupportedEncoding(ClientError):
    """A compressed request body: refused, so that it cannot be a decompression bomb.

    To do: send it without `Content-Encoding`.
    """

    status = 415


class RoutingError(GatewayError):
    """No endpoint can serve the request.

    `excluded` are `routing.refusals.Exclusion`s: the endpoints that were looked at.
    """

    status = 404
    error_type = "not_found"
    excluded: tuple[Any, ...] = ()


class ModelNotFound(RoutingError):
    """The model slug is not in the catalogue.

    To do: take a slug of `GET /models`; the message names the nearest. Models of providers
    without a key are not in the catalogue.
    """

    status = 400
    error_type = "invalid_request"


class ContextLengthExceeded(RoutingError):
    """The prompt and the wished output fit no endpoint's window.

    To do: shorten the prompt, lower `max_tokens`, or take a model with a larger window.
    """

    status = 400
    error_type = "context_length_exceeded"


class NoEndpointAvailable(RoutingError):
    """Every endpoint was excluded; `metadata["availability"]` says why.

    To do: loosen the wishes that `excluded_by` names, or name fallbacks in `models`.
    """


class StorageUnavailable(GatewayError):
    """The ledger cannot be written now.

    Before a provider is asked, nothing was sent and nothing is charged; after it, the
    answer lacks its end and is charged as soon as the ledger can be written.

    To do: try again. If it stays, look at the disk of the data directory and at the gateway's
    log.
    """

    status = 503
    error_type = "server"


class UpstreamError(GatewayError):
    """An attempt failed at the provider.

    Args:
        message: for a person; no secrets, no host names of ours.
        upstream_status: the HTTP status the provider answered with, None without an answer.
        raw: the provider's body as text, already cut and cleaned.
        provider_code: the provider's own code for the failure.
        retry_after_s: what the provider asked us to wait.
    """

    status = 502
    error_type = "provider_unavailable"

    def __init__(
        self,
        message: str,
        *,
        upstream_status: int | None = None,
        raw: str | None = None,
        provider_code: str | None = None,
        retry_after_s: float | None = None,
        **metadata: object,
    ) -> None:
        super().__init__(message, **metadata)
        self.upstream_status = upstream_status
        self.raw = raw
        self.provider_code = provider_code
        self.retry_after_s = retry_after_s

    def conceal(self, secret: str) -> None:
        """Take `secret` out of everything that could be shown: providers quote keys."""
        for name in ("message", "raw", "provider_code"):
            text = getattr(self, name)
            if text is not None and secret in text:
                setattr(self, name, text.replace(secret, "[redacted]"))
        self.args = (self.message,)


class UpstreamRejected(UpstreamError):
    """The provider says the request itself is wrong, or its API has no words for it. Status
    and type vary by instance.

    To do: correct the request; `metadata.raw` is what the provider said.
    """

    # nothing was sent: another provider may take what this one's API cannot say
    unsent = False

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        error_type: str = "invalid_request",
        **rest: object,
    ) -> None:
        super().__init__(message, **rest)  # type: ignore[arg-type]  # forwarded by keyword
        self.status = status
        self.error_type = error_type


class UpstreamModelGone(UpstreamRejected):
    """The provider does not have the model, or not at this address: no fault of the request's.

    To do: the operator corrects `upstream_model` or `base_url`, or removes the endpoint.
    """

    status = 404
    error_type = "not_found"

    def __init__(self, message: str, **rest: object) -> None:
        super().__init__(message, status=404, error_type="not_found", **rest)


class UpstreamRateLimited(UpstreamError):
    """429 from the provider.

    To do: wait as long as `Retry-After` says. A second provider of the model is asked by itself.
    """

    status = 429
    error_type = "rate_limit_exceeded"
    retryable = True


class UpstreamUnavailable(UpstreamError):
    """No connection, an invalid answer, or a 5xx.

    To do: try again.
    """

    retryable = True


class UpstreamKeyRefused(UpstreamUnavailable):
    """The key that the provider was called with is wrong, without access, or without credit.

    The client's key for the gateway is not at fault, so it sees no 401.

    To do: the operator looks at `metadata.raw`, which is what the provider said, and
    replaces the provider's key or pays its bill.
    """


class UpstreamEmpty(UpstreamUnavailable):
    """A good status with nothing after it: no token, and no word on why it ended.

    The next endpoint of the model is asked, once: what two have nothing to say to,
    a third has not either.

    To do: ask again, or name fallbacks in `models`.
    """


class UpstreamOverloaded(UpstreamError):
    """The provider has no capacity now (503, 529).

    To do: try again later, or name fallbacks in `models`.
    """

    status = 503
    error_type = "provider_overloaded"
    retryable = True


class UpstreamTimeout(UpstreamError):
    """A deadline passed at the provider.

    To do: try again, or lengthen the `[deadlines]`.
    """

    status = 504
    error_type = "timeout"
    retryable = True


class StreamBroken(UpstreamError):
    """A stream that is unreadable or ended before it said why.

    To do: ask again: what came is incomplete. After the first content it is told inside the
    stream, with the finish reason `error`, and no other endpoint is tried.
    """

    retryable = True


class CassetteMiss(UpstreamError):
    """Replay found no recording that matches; the message names the closest.

    To do: send a recorded prompt, or ask a model that is not replayed.
    """

    status = 404
    error_type = "not_found"
