"""Retry and fallback as a generator: it decides and never sleeps or sends."""

from collections.abc import Generator, Sequence

import msgspec

from portico.errors import UpstreamError, UpstreamRateLimited, UpstreamTimeout
from portico.vocabulary import Endpoint


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try. `number` counts from 0 at each endpoint, `delay_s` is how long to wait before."""

    endpoint: Endpoint
    number: int = 0
    delay_s: float = 0.0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """`committed` means the client has received content: from then on, no retry."""

    error: UpstreamError | None = None
    committed: bool = False


def attempt_flow(
    endpoints: Sequence[Endpoint], *, retries: int, most: int = 6
) -> Generator[Attempt, Outcome, Outcome]:
    """Yield attempts, best endpoint first, until one is good or all are spent.

    Args:
        endpoints: in the order to try them; not empty.
        retries: extra tries per endpoint before the next one is asked. Not
            after a rate limit or a timeout: the same endpoint would say it again.
        most: attempts in all.

    Returns:
        The outcome of the last attempt, good or bad.
    """
    outcome = Outcome()
    spent = 0
    for endpoint in endpoints:
        for number in range(retries + 1):
            if spent == most:
                return outcome
            spent += 1
            delay_s = 0.0 if number == 0 else 0.1 * 2**number
            outcome = yield Attempt(endpoint=endpoint, number=number, delay_s=delay_s)
            error = outcome.error
            if error is None or outcome.committed:
                return outcome
            if not error.retryable or isinstance(error, UpstreamRateLimited | UpstreamTimeout):
                break
    return outcome


def final_error(errors: Sequence[tuple[Endpoint, UpstreamError]]) -> UpstreamError:
    """What the client is told after every attempt failed: the last error.

    The ones before it stand in `previous_errors`. If all were rate limits and
    each gave a hint, `Retry-After` is the smallest (contract/errors-limits 7).
    """
    *earlier, (_, last) = errors
    if earlier:
        last.metadata["previous_errors"] = [
            {
                "provider": endpoint.provider,
                "code": error.status,
                "status": error.upstream_status,
                "message": error.message,
            }
            for endpoint, error in earlier
        ]
    hints = [error.retry_after_s for _, error in errors]
    if all(isinstance(error, UpstreamRateLimited) for _, error in errors) and None not in hints:
        smallest = min(hint for hint in hints if hint is not None)
        last.headers["Retry-After"] = str(min(3600, max(1, round(smallest))))
    if not last.retryable:
        last.headers["x-should-retry"] = "false"
    return last
