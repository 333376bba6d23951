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
    ├── UpstreamRateLimited      429  rate_limit_exceeded      yes
    ├── UpstreamUnavailable      502  provider_unavailable     yes
    ├── UpstreamOverloaded       503  provider_overloaded      yes
    ├── UpstreamTimeout          504  timeout                  yes
    ├── StreamBroken             502  provider_unavailable     only before the first byte
    └── CassetteMiss             404  not_found                no

`status` is what the client sees. `retryable` is read by `routing.attempts`,
nowhere else. A bug is not a GatewayError: it propagates and becomes a 500
whose body says nothing of the inside.
"""

from typing import ClassVar


class GatewayError(Exception):
    """Base class. `metadata` is JSON-safe and is shown to the client.

    `headers` are response headers the error asks for (for example Retry-After).
    """

    status: int = 500
    error_type: str = "server"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, **metadata: object) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = metadata
        self.headers: dict[str, str] = {}


class ClientError(GatewayError):
    """The request cannot succeed as sent."""

    status = 400
    error_type = "invalid_request"


class InvalidRequest(ClientError):
    """Malformed JSON, a wrong type or a value out of range; the message names the path."""


class InvalidKey(ClientError):
    """No key, an unknown key, a disabled or an expired one."""

    status = 401
    error_type = "authentication"


class InsufficientCredits(ClientError):
    """The account cannot afford the request."""

    status = 402
    error_type = "payment_required"


class KeyLimitExceeded(ClientError):
    """The key's own limit does not leave room for the request.

    `left_picousd` is what the limit still leaves, None if whoever raised it did
    not say; it is for the message, not for the client's metadata.
    """

    status = 403
    error_type = "payment_required"
    left_picousd: int | None = None


class NotFound(ClientError):
    """No such path, generation or model row."""

    status = 404
    error_type = "not_found"


class MethodNotAllowed(ClientError):
    """The path exists, the method does not."""

    status = 405


class PayloadTooLarge(ClientError):
    """The body exceeds the limit; it was not read to the end."""

    status = 413
    error_type = "payload_too_large"


class UnsupportedEncoding(ClientError):
    """A compressed request body: refused, so that it cannot be a decompression bomb."""

    status = 415


class RoutingError(GatewayError):
    """No endpoint can serve the request."""

    status = 404
    error_type = "not_found"


class ModelNotFound(RoutingError):
    """The model slug is not in the catalogue."""

    status = 400
    error_type = "invalid_request"


class ContextLengthExceeded(RoutingError):
    """The prompt and the wished output fit no endpoint's window."""

    status = 400
    error_type = "context_length_exceeded"


class NoEndpointAvailable(RoutingError):
    """Every endpoint was excluded; `metadata["availability"]` says why."""


class StorageUnavailable(GatewayError):
    """The ledger cannot be written now; nothing was sent and nothing charged."""

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


class UpstreamRejected(UpstreamError):
    """The provider says the request itself is wrong. Status and type vary by instance."""

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


class UpstreamRateLimited(UpstreamError):
    """429 from the provider."""

    status = 429
    error_type = "rate_limit_exceeded"
    retryable = True


class UpstreamUnavailable(UpstreamError):
    """No connection, an invalid answer, a 5xx, or the operator's own key refused."""

    retryable = True


class UpstreamOverloaded(UpstreamError):
    """The provider has no capacity now (503, 529)."""

    status = 503
    error_type = "provider_overloaded"
    retryable = True


class UpstreamTimeout(UpstreamError):
    """A deadline passed at the provider."""

    status = 504
    error_type = "timeout"
    retryable = True


class StreamBroken(UpstreamError):
    """A stream that is unreadable or ended before it said why."""

    retryable = True


class CassetteMiss(UpstreamError):
    """Replay found no recording that matches; the message names the closest."""

    status = 404
    error_type = "not_found"
