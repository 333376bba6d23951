"""How long an attempt may take to its first token, by what is known of the endpoint.

What the operator says of an endpoint holds as it is. Else models that think have a
longer time than others, since many show nothing until they have thought. Where enough
was measured and another candidate is left, a hung endpoint is given up sooner: after
twice the time that its slowest hundredth takes (reliability promises 2 and 4.3). What
is left last is waited for as long as it was allowed, for there is nobody else to ask.
"""

from portico.routing.health import EndpointHealth
from portico.vocabulary import Endpoint

LEAST_MEASURED = 100
"""First tokens in five minutes below which their slowest hundredth says nothing."""

_TIMES_SLOWEST = 2.0
_SHORTEST_S = 10.0


def first_token_s(
    endpoint: Endpoint,
    measured: EndpointHealth | None,
    *,
    usual_s: float,
    thinking_s: float,
    is_last: bool,
) -> float:
    """Return the seconds that a stream of `endpoint` may take to its first token.

    Args:
        endpoint: the one to ask.
        measured: what is known of it, None for nothing.
        usual_s: the most for models that do not think.
        thinking_s: the most for those that do; `usual_s` where that is more, and what
            was measured never makes it less than `usual_s`.
        is_last: no other candidate is left after it.
    """
    if endpoint.first_byte_s is not None:
        return endpoint.first_byte_s
    thinks = "reasoning" in endpoint.supported_parameters
    most_s = max(usual_s, thinking_s) if thinks else usual_s
    if is_last or measured is None or measured.latency_s is None:
        return most_s
    if measured.first_tokens < LEAST_MEASURED:
        return most_s
    least_s = usual_s if thinks else _SHORTEST_S
    return min(most_s, max(least_s, _TIMES_SLOWEST * measured.latency_s.p99))
