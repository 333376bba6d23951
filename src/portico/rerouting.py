"""Re-decides recorded generations under other settings: what would have gone where, at what cost.

Nothing is sent. Where a draw decides, every endpoint counts with its chance, so
the result is an expectation and does not depend on luck.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import median

import msgspec

from portico.errors import RoutingError
from portico.jsonio import JsonObject
from portico.limits import utc_time
from portico.money import picousd_to_usd
from portico.planning import Planner
from portico.pricing import cost
from portico.routing import Needs
from portico.vocabulary import Generation

ASSUMPTIONS = (
    "prompt and completion tokens as recorded, cached tokens too",
    "no routing wishes, tools or media: the ledger does not keep them",
    "the model that answered is the one asked for",
    "every endpoint is well; latency is the median recorded at it in the same period",
)

_Key = tuple[str, str]


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """One provider's part. `requests` is an expectation, and need not be whole."""

    provider: str
    requests: float
    cost_picousd: int


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """What happened, or would have. `cost_picousd` is what providers bill.

    `latency_ms` is the mean, over requests, of the median time to the first token at
    their endpoint; None if none of the endpoints was measured. `measured` is
    the share of the requests whose endpoint was.
    """

    cost_picousd: int
    latency_ms: float | None
    measured: float
    providers: tuple[Share, ...]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Both sides over the same generations.

    `unchanged` is the expected share that stays at its endpoint. `refused`
    counts generations that nothing would answer, by the code of the reason; they
    are on neither side, nor are the `skipped`: failed ones and those without usage.
    """

    generations: int
    skipped: int
    refused: dict[str, int]
    unchanged: float
    happened: Side
    simulated: Side


class _Tally:
    """Requests and cost by endpoint, as they add up."""

    def __init__(self) -> None:
        self.requests: defaultdict[_Key, float] = defaultdict(float)
        self.cost_picousd: defaultdict[_Key, float] = defaultdict(float)
        self.providers: dict[_Key, str] = {}

    def add(self, key: _Key, provider: str, *, requests: float, cost_picousd: float) -> None:
        self.requests[key] += requests
        self.cost_picousd[key] += cost_picousd
        self.providers[key] = provider

    def side(self, latencies_ms: Mapping[_Key, float]) -> Side:
        total = sum(self.requests.values())
        known = {key: n for key, n in self.requests.items() if key in latencies_ms}
        measured = sum(known.values())
        weighted_ms = sum(n * latencies_ms[key] for key, n in known.items())
        return Side(
            cost_picousd=round(sum(self.cost_picousd.values())),
            latency_ms=weighted_ms / measured if measured else None,
            measured=measured / total if total else 0.0,
            providers=self._shares(),
        )

    def _shares(self) -> tuple[Share, ...]:
        requests: defaultdict[str, float] = defaultdict(float)
        costs: defaultdict[str, float] = defaultdict(float)
        for key, provider in self.providers.items():
            requests[provider] += self.requests[key]
            costs[provider] += self.cost_picousd[key]
        shares = [
            Share(provider=name, requests=n, cost_picousd=round(costs[name]))
            for name, n in requests.items()
        ]
        return tuple(sorted(shares, key=lambda share: (-share.requests, share.provider)))


def reroute(
    recorded: Iterable[Generation], planner: Planner, provider_names: Mapping[str, str]
) -> Comparison:
    """Decide for each of `recorded` again, with `planner`, and compare.

    Args:
        recorded: settled generations, in any order.
        planner: made from the other settings.
        provider_names: display names by slug, of those settings.
    """
    happened, simulated = _Tally(), _Tally()
    latencies: defaultdict[_Key, list[int]] = defaultdict(list)
    refused: defaultdict[str, int] = defaultdict(int)
    skipped = generations = 0
    unchanged = 0.0
    for row in recorded:
        if row.error_type is not None or row.usage is None or row.endpoint_tag is None:
            skipped += 1
            continue
        where = (row.model, row.endpoint_tag)
        if row.latency_ms is not None:
            latencies[where].append(row.latency_ms)
        needs = Needs(
            prompt_tokens=row.usage.prompt_tokens, max_output_tokens=row.usage.completion_tokens
        )
        try:
            asked = planner.first_asked(row.model, needs)
        except RoutingError as error:
            refused[_code(error)] += 1
            continue
        generations += 1
        billed = row.upstream_cost_picousd or 0
        name = row.provider_name or row.provider or ""
        happened.add(where, name, requests=1, cost_picousd=billed)
        for endpoint, chance in asked:
            key = (endpoint.model, endpoint.tag)
            assert endpoint.pricing is not None, "endpoints without a price are never candidates"
            bill = cost(row.usage, endpoint.pricing, at_utc=utc_time(row.created_ms))
            simulated.add(
                key,
                provider_names.get(endpoint.provider, endpoint.provider),
                requests=chance,
                cost_picousd=chance * bill.total_picousd,
            )
            unchanged += chance if key == where else 0.0
    medians = {key: float(median(values)) for key, values in latencies.items()}
    return Comparison(
        generations=generations,
        skipped=skipped,
        refused=dict(refused),
        unchanged=unchanged / generations if generations else 0.0,
        happened=happened.side(medians),
        simulated=simulated.side(medians),
    )


def comparison_json(found: Comparison) -> JsonObject:
    """Return the stable JSON form; amounts are USD, latencies milliseconds."""
    return {
        "assumptions": list(ASSUMPTIONS),
        "generations": found.generations,
        "skipped": found.skipped,
        "refused": found.refused,
        "unchanged": round(found.unchanged, 6),
        "happened": _side(found.happened, found.generations),
        "simulated": _side(found.simulated, found.generations),
    }


def _side(side: Side, generations: int) -> JsonObject:
    return {
        "cost": picousd_to_usd(side.cost_picousd),
        "latency_ms": None if side.latency_ms is None else round(side.latency_ms, 1),
        "measured": round(side.measured, 6),
        "providers": [
            {
                "provider": share.provider,
                "requests": round(share.requests, 3),
                "share": round(share.requests / generations, 6) if generations else 0.0,
                "cost": picousd_to_usd(share.cost_picousd),
            }
            for share in side.providers
        ],
    }


def _code(error: RoutingError) -> str:
    availability = error.metadata.get("availability")
    code = availability.get("code") if isinstance(availability, dict) else None
    return str(code or error.error_type)
