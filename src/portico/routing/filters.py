"""Reasons to exclude an endpoint, one maker of filters each.

A maker looks at the request once and returns a filter, or None if the request
has no wish of that kind: what is not asked for costs nothing per endpoint. A
filter returns None for "no objection", else a sentence a user can read.
`HARD` gives each maker its code in `availability.excluded_by`; the order is the
order in which reasons are looked for (contract/routing 3).
"""

from collections.abc import Callable, Sequence

from portico.routing.credentials import usable_keys
from portico.routing.facts import EndpointFacts
from portico.routing.needs import Conditions, Needs, Target, fits_pattern
from portico.routing.preferences import NO_WISHES, lower_names
from portico.routing.variants import PLAIN
from portico.vocabulary import ServiceTier

Filter = Callable[[EndpointFacts], str | None]
FilterMaker = Callable[[Needs, Conditions, Target], Filter | None]

_FEW = 8
_LONGEST_ENTRY = 64


def has_price(needs: Needs, conditions: Conditions, target: Target) -> Filter | None:
    """An endpoint whose price is not known is never used: it could not be counted."""
    if target.facts.all_priced:
        return None

    def objects(facts: EndpointFacts) -> str | None:
        endpoint = facts.endpoint
        if endpoint.pricing is not None:
            return None
        return (
            "its price is not known; declare one in portico.toml: [[models]] "
            f'id = "{endpoint.model}", provider = "{endpoint.provider}", '
            'price = { prompt = "1.00", completion = "3.00" }'
        )

    return objects


def is_permitted(needs: Needs, conditions: Conditions, target: Target) -> Filter | None:
    """What the operator and the key's guardrails allow of models and providers.

    A provider's slug means its service tiers too here: a restriction must not
    be slipped past by asking for a tier.
    """
    levels = conditions.restrictions
    if not levels:
        return None
    allowed = [lower_names(level.only) for level in levels if level.only is not None]
    ignored = frozenset[str]().union(*(lower_names(level.ignore) for level in levels))
    patterns = [level.models for level in levels if level.models is not None]

    def objects(facts: EndpointFacts) -> str | None:
        names = facts.wide_names
        if any(names.isdisjoint(only) for only in allowed):
            return "its provider is not among those allowed here"
        if not names.isdisjoint(ignored):
            return "its provider is ruled out here"
        slug = facts.endpoint.model
        if all(any(fits_pattern(slug, p) for p in level) for level in patterns):
            return None
        return f"{slug} is not among the models allowed here"

    return objects


def is_listed(needs: Needs, conditions: Conditions, target: Target) -> Filter | None:
    """`provider.only`."""
    only = needs.preferences.only
    if only is None:
        return None
    wanted, opted = needs.preferences.only_names, opted_tiers(needs, target)

    def objects(facts: EndpointFacts) -> str | None:
        if (names_of(facts, opted) if opted else facts.names).isdisjoint(wanted):
            return f"not among provider.only ({_few(only)})"
        return None

    return objects


def is_not_ignored(needs: Needs, conditions: Conditions, target: Target) -> Filter | None:
    """`provider.ignore`."""
    if not needs.preferences.ignore:
        return None
    unwanted, opted = needs.preferences.ignored_names, opted_tiers(needs, target)

    def objects(facts: EndpointFacts) -> str | None:
        if (names_of(facts, opted) if opted else facts.names).isdisjoint(unwanted):
            return None
        return "ignored by the request (provider.ignore)"

    return objects


def is_ordered_without_fallbacks(
    needs: Needs, conditions: Conditions, target: Target
) -> Filter | None:
    """`provider.order` with `allow_fallbacks: false` keeps listed endpoints only."""
    wishes = needs.preferences
    if wishes.order is None or wishes.allow_fallbacks is not False:
        return None
    wanted, opted = wishes.ordered_names, opted_tiers(needs, target)

    def objects(facts: EndpointFacts) -> str | None:
        if names_of(facts, opted).isdisjoint(wanted):
            return "not in provider.order, and allow_fallbacks is false"
        return None

    return objects


def retains_nothing(needs: Needs, conditions: Conditions, target: Target) -> Filter | None:
    """`zdr` of the request or of any level above it; false never switches one off."""
    if not needs.preferences.zdr and not any(r.zdr for r in conditions.restrictions):
        return None
    if target.facts.all_zdr:
        return None
    return lambda facts: None if facts.endpoint.zdr else "not known to retain no data"


def collects_nothing(needs: Needs, conditions: Conditions, target: Target) -> Filter | None:
    """`data_collection: "deny"`, with the same caution: what is not declared is not known."""
    denied = needs.preferences.data_collection == "deny"
    if not denied and not any(r.deny_training for r in conditions.restrictions):
        return None
    if target.facts.none_trains:
        return None

    def objects(facts: EndpointFacts) -> str | None:
        if facts.endpoint.trains is False:
            return None
        return "not known to refrain from collecting data"

    return objects


def stays_in_region(needs: Needs, conditions: Conditions, target: Target) -> Filter | None:
    """The region that the operator demands, or a level below; what is not declared is not there."""
    wanted = {r.data_region for r in conditions.restrictions if r.data_region is not None}
    if not wanted:
        return None

    def objects(facts: EndpointFacts) -> str | None:
        known = facts.endpoint.region
        if wanted == {known}:
            return None
        there = " and ".join(sorted(wanted))
        return f"not known to process data in {there}" if known is None else f"in {known}"

    return objects


def may_be_distilled(needs: Needs, conditions: Conditions, target: Target) -> Filter | None:
    """`enforce_distillable_text`."""
    if not needs.preferences.enforce_distillable_text or target.facts.distillable:
        return None
    return lambda facts: "its author is not known to allow distillation"


def has_quantization(needs: Needs, conditions: Conditions, target: Target) -> Filter | None:
    """`provider.quantizations`; an endpoint without a known value is "unknown"."""
    if needs.preferences.quantizations is None:
        return None
    accepted = needs.preferences.accepted_quantizations
    if target.facts.quantizations <= accepted:
        return None

    def objects(facts: EndpointFacts) -> str | None:
        known = facts.endpoint.quantization or "unknown"
        return None if known in accepted else f"quantization is {known}"

    return objects


def costs_at_most(needs: Needs, conditions: Conditions, target: Target) -> Filter | None:
    """`provider.max_price`."""
    wishes = needs.preferences
    bounds = wishes.max_price
    if bounds is None:
        return None
    highest = target.facts.highest
    limits = [limit for limit in wishes.price_limits if highest[limit.field] > limit.most_picousd]
    if not limits:
        return None

    def objects(facts: EndpointFacts) -> str | None:
        pricing = facts.endpoint.pricing
        for limit in limits:
            rate = getattr(pricing, limit.field) or 0
            if rate > limit.most_picousd:
                price, most = rate / limit.unit_picousd, getattr(bounds, limit.name)
                return f"{limit.name} price is {price:.12g}, above max_price {most}"
        return None

    return objects


def fits_context(needs: Needs, conditions: Conditions, target: Target) -> Filter | None:
    """Prompt and wished output must fit the window, the output the endpoint's own cap."""
    output = needs.max_output_tokens or 0
    needed = needs.prompt_tokens + output
    all_facts = target.facts
    if not needs.in_one_window or (
        needed <= all_facts.least_context_tokens and output <= all_facts.least_output_tokens
    ):
        return None

    def objects(facts: EndpointFacts) -> str | None:
        window = facts.endpoint.context_tokens
        if window is not None and needed > window:
            return f"context is {window} tokens, {needed} needed"
        cap = facts.endpoint.max_completion_tokens
        if cap is not None and output > cap:
            return f"output is at most {cap} tokens, {output} wished"
        return None

    return objects


def has_longest_window(needs: Needs, conditions: Conditions, target: Target) -> Filter | None:
    """`:extended` of a model without a row of that name."""
    if not target.variant.extended:
        return None
    longest = max(
        (facts.endpoint.context_tokens or 0 for facts in target.facts.endpoints), default=0
    )

    def objects(facts: EndpointFacts) -> str | None:
        window = facts.endpoint.context_tokens or 0
        return None if window == longest else f"context is {window} tokens, :extended has {longest}"

    return objects


def takes_input(needs: Needs, conditions: Conditions, target: Target) -> Filter | None:
    """Every kind of input in the messages must be one the endpoint takes."""
    wanted, common = needs.input_modalities, target.facts.common_inputs
    if common is None or wanted <= common:
        return None

    def objects(facts: EndpointFacts) -> str | None:
        taken = facts.endpoint.input_modalities
        if not taken or wanted <= taken:
            return None
        return f"does not take {', '.join(sorted(wanted - taken))} input"

    return objects


def gives_output(needs: Needs, conditions: Conditions, target: Target) -> Filter | None:
    """A model of another kind, for example for embeddings, cannot answer here."""
    wanted = needs.output_modalities
    if not any(wanted.isdisjoint(given) for given in target.facts.outputs):
        return None

    def objects(facts: EndpointFacts) -> str | None:
        given = facts.endpoint.output_modalities
        if not wanted.isdisjoint(given):
            return None
        return f"gives {', '.join(sorted(given))}, which this API cannot return"

    return objects


def calls_tools(needs: Needs, conditions: Conditions, target: Target) -> Filter | None:
    """A request with tools never goes where they would be ignored in silence."""
    if "tools" not in needs.parameters or conditions.ignore_unsupported_tools:
        return None
    if "tools" in target.facts.common_parameters:
        return None

    def objects(facts: EndpointFacts) -> str | None:
        known = facts.endpoint.supported_parameters
        return "does not support tool use" if known and "tools" not in known else None

    return objects


def supports_parameters(needs: Needs, conditions: Conditions, target: Target) -> Filter | None:
    """`provider.require_parameters`: the endpoint takes all that was sent, and so does its API."""
    sent, drops = needs.parameters, conditions.drops
    if not needs.preferences.require_parameters:
        return None
    if drops is None and sent <= target.facts.common_parameters:
        return None

    def objects(facts: EndpointFacts) -> str | None:
        known = facts.endpoint.supported_parameters
        if not sent <= known:
            return f"does not support {', '.join(sorted(sent - known))}"
        dropped = drops(facts.endpoint) if drops is not None else frozenset()
        return f"its API has no place for {', '.join(sorted(dropped))}" if dropped else None

    return objects


def is_free(needs: Needs, conditions: Conditions, target: Target) -> Filter | None:
    """`:free` of a model without a row of that name: zero-price endpoints only."""
    if not target.variant.free:
        return None

    def objects(facts: EndpointFacts) -> str | None:
        pricing = facts.endpoint.pricing
        if pricing is None or facts.price_picousd or pricing.request_picousd:
            return "not free"
        # of some the sound or the picture is all that is paid for
        special = (pricing.input_audio_picousd, pricing.output_audio_picousd,
                   pricing.input_image_picousd, pricing.output_image_picousd)  # fmt: skip
        return "not free" if any(special) else None

    return objects


def is_of_tier(needs: Needs, conditions: Conditions, target: Target) -> Filter | None:
    """Service tiers are opt-in (contract/routing 8): asked for, or named by their full tag.

    `flex` keeps to that tier, if the model has it: it never falls back to a
    dearer one.
    """
    asked = needs.service_tier
    if not target.facts.tiers:
        return None
    opted: frozenset[ServiceTier | None] = opted_tiers(needs, target) | {None}
    if asked == "flex" and "flex" in target.facts.tiers:
        opted -= {None}
    named = needs.preferences.only_names | needs.preferences.ordered_names

    def objects(facts: EndpointFacts) -> str | None:
        tier = facts.endpoint.service_tier
        if tier in opted or (tier is not None and facts.endpoint.tag.lower() in named):
            return None
        if tier is None:
            return "of the default tier, and service_tier is flex"
        return f"of the service tier {tier}, which was not asked for"

    return objects


def has_key(needs: Needs, conditions: Conditions, target: Target) -> Filter | None:
    """Keys can be restricted to models and callers; an endpoint without one is not used."""
    known = conditions.credentials
    if not known:
        return None

    def objects(facts: EndpointFacts) -> str | None:
        keys = known.get(facts.endpoint.provider)
        if keys is None or usable_keys(keys, facts.endpoint.model):
            return None
        return "none of its provider's keys may be used for this request"

    return objects


HARD: tuple[tuple[str, FilterMaker], ...] = (
    ("price_unknown", has_price),
    ("wrong_endpoint", gives_output),
    ("guardrail", is_permitted),
    ("allowed_providers", is_listed),
    ("allowed_providers", is_not_ignored),
    ("allowed_providers", is_ordered_without_fallbacks),
    ("data_policy:zdr", retains_nothing),
    ("data_policy:training", collects_nothing),
    ("data_region", stays_in_region),
    ("distillable", may_be_distilled),
    ("quantization", has_quantization),
    ("max_price", costs_at_most),
    ("free_variant", is_free),
    ("extended_variant", has_longest_window),
    ("context_length", fits_context),
    ("input_modalities", takes_input),
    ("tools", calls_tools),
    ("require_parameters", supports_parameters),
    ("service_tier", is_of_tier),
    ("credentials", has_key),
)
"""Hard filters: what one of them removes is not used, whatever is left."""

_OF_WISHES = frozenset(
    {
        is_permitted, is_listed, is_not_ignored, is_ordered_without_fallbacks, retains_nothing,
        collects_nothing, may_be_distilled, has_quantization, costs_at_most, stays_in_region,
        supports_parameters,
    }
)  # fmt: skip
_WISHES = tuple((code, make) for code, make in HARD if make in _OF_WISHES)
_ALWAYS = tuple((code, make) for code, make in HARD if make not in _OF_WISHES)


def makers(
    needs: Needs, conditions: Conditions, target: Target
) -> tuple[tuple[str, FilterMaker], ...]:
    """Return those of `HARD` that can matter, in the same order; often none.

    Most requests have no `provider` object, most gateways no restrictions, and at most
    models it is plain at a glance that all endpoints can do what is asked.
    """
    wishes = needs.preferences is not NO_WISHES or conditions.restrictions
    if _plainly_able(needs, conditions, target):
        return _WISHES if wishes else ()
    return HARD if wishes else _ALWAYS


def _plainly_able(needs: Needs, conditions: Conditions, target: Target) -> bool:
    """Whether nothing but wishes and restrictions can object to an endpoint of the model.

    False says nothing: the filters decide.
    """
    facts, output = target.facts, needs.max_output_tokens or 0
    return (
        target.variant is PLAIN
        and facts.plain
        and not conditions.credentials
        and needs.prompt_tokens + output <= facts.least_context_tokens
        and output <= facts.least_output_tokens
        and (facts.common_inputs is None or needs.input_modalities <= facts.common_inputs)
        and ("tools" not in needs.parameters or "tools" in facts.common_parameters)
        and not facts.common_outputs.isdisjoint(needs.output_modalities)
    )


SOFT = ("tools", "response_format", "verbosity")
"""Parameters that an endpoint is preferred for, if the model has one that takes them."""


def supports(facts: EndpointFacts, parameter: str) -> bool:
    """Whether an endpoint takes `parameter`; what is not known is taken to work."""
    known = facts.endpoint.supported_parameters
    if not known or parameter in known:
        return True
    return parameter == "response_format" and "structured_outputs" in known


def opted_tiers(needs: Needs, target: Target) -> frozenset[ServiceTier]:
    """The tiers this request opted in to for `target`.

    By `service_tier`, or by a variant, which `provider.order` switches off.
    """
    if needs.service_tier is not None:
        return frozenset({needs.service_tier})
    if needs.preferences.order is not None:
        return frozenset()
    return target.variant.tiers


def names_of(facts: EndpointFacts, opted: frozenset[ServiceTier]) -> frozenset[str]:
    """What an entry may call the endpoint; a tier that was opted in to answers to its provider."""
    tier = facts.endpoint.service_tier
    return facts.wide_names if tier is not None and tier in opted else facts.names


def _few(entries: Sequence[str]) -> str:
    """The first entries, cut: a reason is for reading, and repeats what a client sent."""
    shown = ", ".join(entry[:_LONGEST_ENTRY] for entry in entries[:_FEW])
    return shown + ", ..." if len(entries) > _FEW else shown
