"""Orders of endpoints, one function each. Randomness is an argument."""

from collections.abc import Callable, Sequence
from random import Random

from portico.vocabulary import Endpoint

Policy = Callable[[Sequence[Endpoint], Random], list[Endpoint]]
POLICIES: dict[str, Policy] = {}


def policy(name: str) -> Callable[[Policy], Policy]:
    """Register a policy under the name that `provider.sort` uses."""

    def register(function: Policy) -> Policy:
        POLICIES[name] = function
        return function

    return register


@policy("price")
def cheapest_first(endpoints: Sequence[Endpoint], rng: Random) -> list[Endpoint]:
    """Lowest sum of prompt and completion price first; ties keep catalogue order."""
    return sorted(endpoints, key=price_picousd)


@policy("balanced")
def cheap_but_spread(endpoints: Sequence[Endpoint], rng: Random) -> list[Endpoint]:
    """Draw the first with weight 1/price², the rest by ascending price (contract/routing 4).

    Where some cost nothing, the first is drawn evenly among those.
    """
    rest = cheapest_first(endpoints, rng)
    if len(rest) < 2:
        return rest
    cheapest = price_picousd(rest[0])
    if cheapest == 0:
        weights = [1.0 if price_picousd(endpoint) == 0 else 0.0 for endpoint in rest]
    else:  # relative to the cheapest, so that the square cannot underflow
        weights = [(cheapest / price_picousd(endpoint)) ** 2 for endpoint in rest]
    first = rng.choices(rest, weights)[0]
    return [first, *(endpoint for endpoint in rest if endpoint is not first)]


def price_picousd(endpoint: Endpoint) -> int:
    """The price scalar: prompt plus completion rate per token."""
    pricing = endpoint.pricing
    return 0 if pricing is None else pricing.prompt_picousd + pricing.completion_picousd
