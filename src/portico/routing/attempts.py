"""Retry and fallback as a generator: it decides and never sleeps or sends."""

from collections.abc import Callable, Generator, Iterator, Sequence
from math import ceil

import msgspec

from portico.errors import (
    UpstreamEmpty,
    UpstreamError,
    UpstreamKeyRefused,
    UpstreamModelGone,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from portico.routing.facts import Candidate
from portico.routing.refusals import availability
from portico.vocabulary import Endpoint

_LONGEST_WAIT_S = 3600.0
_ON_CONTENT = frozenset({"content_policy_violation", "refusal"})


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try. `number` counts from 0 at each candidate, `delay_s` is how long to wait before."""

    candidate: Candidate
    number: int = 0
    delay_s: float = 0.0

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint to ask, whatever key it is asked with."""
        return self.candidate.endpoint


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """`committed` means the client has received content: from then on, no retry.

    `give_up`: nothing else may be tried, whatever is left: the wait for a first
    token has used up what a request may wait, or only the caller's own key may pay.
    """

    error: UpstreamError | None = None
    committed: bool = False
    give_up: bool = False

    @property
    def final(self) -> bool:
        """Whether nothing more can or need be tried."""
        return self.error is None or self.committed or self.give_up


_NOTHING_TRIED = Outcome()


def _always(_: object) -> bool:
    return True


def attempt_flow(
    candidates: Sequence[Candidate],
    *,
    retries: int,
    most: int = 6,
    admits: Callable[[Candidate], bool] = _always,
    repeats: Callable[[Endpoint], bool] = _always,
) -> Generator[Attempt, Outcome, Outcome]:
    """Yield attempts, best candidate first, until one is good or all are spent.

    Every candidate is asked once before any is asked again. One is asked
    again only after a failure that may pass by itself: not after a rate limit,
    a timeout or a refused key, which it would repeat. What an endpoint refuses as wrong is
    tried once more at another provider of the model, since bodies differ; what one refuses
    for its content, at every provider that is declared not to judge it and at none that
    does; a prompt too long for it, only where the window is larger. After an answer with
    nothing in it one other endpoint of the model is asked (contract/routing 5).

    Args:
        candidates: in the order to try them; not empty. Several may be one
            endpoint with different keys.
        retries: extra rounds.
        most: attempts in all.
        admits: whether a candidate may be asked now. If it denies all, the first
            is asked all the same: a model's last endpoint is never left out.
        repeats: whether an endpoint may be asked again now.

    Returns:
        The outcome of the last attempt, good or bad.
    """
    outcome = _NOTHING_TRIED
    refusals: _Refusals | None = None  # mostly there are none
    again = list(candidates)
    spent = 0
    for number in range(retries + 1):
        delay_s = 0.0 if number == 0 else 0.1 * 2**number
        round_, again = again, []
        for candidate in _admitted(round_, admits):
            endpoint = candidate.endpoint
            if refusals is not None and refusals.exclude(endpoint):
                continue
            if number and not repeats(endpoint):
                continue
            if spent == most:
                return outcome
            spent += 1
            outcome = yield Attempt(candidate=candidate, number=number, delay_s=delay_s)
            delay_s = 0.0
            if outcome.final:
                return outcome
            if _says_nothing_of_others(outcome.error):
                continue
            if isinstance(outcome.error, UpstreamRejected | UpstreamEmpty):
                refusals = refusals or _Refusals()
                refusals.note(endpoint, outcome.error)
            elif _may_pass(outcome.error):
                again.append(candidate)
    return outcome


def _admitted(
    candidates: Sequence[Candidate], admits: Callable[[Candidate], bool]
) -> Iterator[Candidate]:
    """Those that may be asked, each decided when its turn comes; else the first one.

    A caller's own key says nothing of the endpoint's health, and the other way round.
    """
    any_admitted = False
    for candidate in candidates:
        if candidate.is_byok or admits(candidate):
            any_admitted = True
            yield candidate
    if not any_admitted and candidates:
        yield candidates[0]


def _says_nothing_of_others(error: UpstreamError | None) -> bool:
    if isinstance(error, UpstreamModelGone):
        return True
    return isinstance(error, UpstreamRejected) and error.unsent


def _may_pass(error: UpstreamError | None) -> bool:
    if error is None or not error.retryable:
        return False
    return not isinstance(error, UpstreamRateLimited | UpstreamTimeout | UpstreamKeyRefused)


class _Refusals:
    """Which endpoints are pointless after what others said to the request, or did not say."""

    def __init__(self) -> None:
        self._providers: dict[str, set[str]] = {}
        self._windows: dict[str, int] = {}
        self._silent: dict[str, set[str]] = {}
        self._judged: set[str] = set()  # models somebody refused the content for

    def note(self, endpoint: Endpoint, error: UpstreamRejected | UpstreamEmpty) -> None:
        model = endpoint.model
        if isinstance(error, UpstreamEmpty):
            self._silent.setdefault(model, set()).add(endpoint.tag)
        elif error.error_type == "context_length_exceeded":
            window = endpoint.context_tokens or 0
            self._windows[model] = max(window, self._windows.get(model, 0))
        else:
            self._providers.setdefault(model, set()).add(endpoint.provider)
            if error.error_type in _ON_CONTENT:
                self._judged.add(model)

    def exclude(self, endpoint: Endpoint) -> bool:
        window = self._windows.get(endpoint.model)
        if window is not None and (endpoint.context_tokens or 0) <= window:
            return True
        silent = self._silent.get(endpoint.model, set())
        if endpoint.tag in silent or len(silent) >= 2:
            return True
        refusing = self._providers.get(endpoint.model, set())
        if endpoint.provider in refusing:
            return True
        if endpoint.model in self._judged and endpoint.is_moderated is not None:
            return endpoint.is_moderated
        return len(refusing) >= 2


def final_error(errors: Sequence[tuple[Endpoint, UpstreamError]]) -> UpstreamError:
    """What the client is told after every attempt failed: the last error.

    The ones before it stand in `previous_errors`. If all were for want of capacity
    and each gave a hint, `Retry-After` is the smallest (contract/errors-limits 7).
    Where nothing says when to come back, a client that tries again by itself is
    asked not to: what it would repeat was tried here (reliability promise R3). What all
    failed for is told as `availability` where that has a word for it.
    """
    *earlier, (_, last) = errors
    if earlier:
        last.metadata["previous_errors"] = [
            {
                "provider": error.metadata.get("provider_name") or endpoint.provider,
                # 529 is a word of its own for clients
                "code": 529 if error.upstream_status == 529 else error.status,
                "status": error.upstream_status,
                "message": error.message,
            }
            for endpoint, error in earlier
        ]
    hints = [error.retry_after_s for _, error in errors]
    busy = all(isinstance(e, UpstreamRateLimited | UpstreamOverloaded) for _, e in errors)
    wait_s = None
    if busy and None not in hints:
        smallest = min(hint for hint in hints if hint is not None)
        wait_s = max(1, ceil(min(_LONGEST_WAIT_S, smallest)))
        last.headers["Retry-After"] = str(wait_s)
    else:
        last.headers["x-should-retry"] = "false"
    if busy:
        limited = isinstance(last, UpstreamRateLimited)
        code = "capacity_exhausted" if limited else "temporarily_unavailable"
    elif all(isinstance(e, UpstreamModelGone) for _, e in errors):
        code = "model_unavailable_upstream"
    else:
        return last
    last.metadata["availability"] = availability(
        code,
        requested=[endpoint.model for endpoint, _ in errors],
        affected={endpoint.provider for endpoint, _ in errors},
        retryable=busy,
        retry_after_s=wait_s,
    )
    return last
