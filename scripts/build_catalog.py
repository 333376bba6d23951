"""Build `src/portico/data/catalog.json`, the dated catalogue of models, endpoints and prices.

Prices come from the package `genai-prices`, which is installed for the build
only. Facts that it does not have (context, output limit, parameters,
modalities) come from recorded answers of OpenRouter's `GET /models`.

    python3 -m venv /tmp/prices && /tmp/prices/bin/pip install genai-prices
    /tmp/prices/bin/python scripts/build_catalog.py --date 2026-11-23 \\
        --facts .../openrouter.openrouter-models.jsonl.gz

The same inputs give the same bytes. Rows whose price cannot be said in
`Pricing` are left out and listed on request (`--verbose`).
"""

import argparse
import gzip
import importlib.metadata
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import Any

from catalog_names import (
    ALIASES_ONLY,
    AUTHOR_NAMES,
    BESIDE,
    BESIDE_HOSTS,
    BESIDE_READS,
    BESIDE_SLUGS,
    BESIDE_TITLES,
    BY_RESPONSES,
    FIRST_PARTY,
    HOSTS,
    KNOWN_SLUGS,
    LISTED_ONLY,
    MODALITY_RULES,
    NOT_CHAT,
    ORGANISATIONS,
    OWN_PARAMETERS,
    RECORDED,
    RESELLERS,
    TOKENIZERS,
    TWINS,
)

TARGET = Path(__file__).parents[1] / "src/portico/data/catalog.json"
PICOUSD_PER_USD_PER_MILLION = 10**6

TOKEN_RATES = {
    "input_mtok": "prompt_picousd",
    "output_mtok": "completion_picousd",
    "cache_read_mtok": "cache_read_picousd",
    "cache_write_mtok": "cache_write_picousd",
    "cache_write_1h_mtok": "cache_write_1h_picousd",
    "input_audio_mtok": "input_audio_picousd",
    "output_audio_mtok": "output_audio_picousd",
}
IMAGE_RATES = {
    "input_image_mtok": "input_image_picousd",
    "output_image_mtok": "output_image_picousd",
}
SECONDS_PER_HOUR = 3600
# Billed only when a tool of the provider is used, or a finer split of cached tokens.
OPTIONAL_EXTRAS = frozenset(
    {
        "web_searches_kcount",
        "storage_searches_kcount",
        "cache_audio_read_mtok",
        "cache_image_read_mtok",
    }
)
# Parameters that newer listings name apart from the one that brought them.
IMPLIED_PARAMETERS = {
    "max_tokens": {"max_completion_tokens"},
    "tools": {"parallel_tool_calls"},
    "reasoning": {"reasoning_effort", "include_reasoning"},
}


class Unpriceable(Exception):
    """The price has a part that `Pricing` cannot say."""


# --- prices -------------------------------------------------------------------------


def picousd(usd_per_million: Decimal) -> int:
    """Return pico-dollars per token, exactly.

    Two kinds of source prices are numbers that a computer has written and not
    a provider: binary floats (0.18000000000000002), which are taken as the six
    decimals they stand for, and repeating fractions (0.0833333333333333),
    which are rounded up to a whole pico-dollar.
    """
    amount = usd_per_million * PICOUSD_PER_USD_PER_MILLION
    nearest = amount.to_integral_value()
    if amount < 0:
        raise Unpriceable(f"{usd_per_million} USD per million")
    if abs(amount - nearest) < Decimal("0.001"):
        return int(nearest)
    if len(usd_per_million.as_tuple().digits) < 12:
        raise Unpriceable(f"{usd_per_million} USD per million is finer than a pico-dollar")
    return int(amount.to_integral_value(ROUND_CEILING))


def pricing(prices: Any, on: date) -> dict[str, Any]:
    """Return a `Pricing` as JSON: base rates and overrides that hold on the day `on`."""
    windows: list[tuple[time, time, Any]] = []
    base = prices
    if isinstance(prices, list):
        base = prices[0].prices
        for conditional in prices:  # later ones take precedence
            constraint = conditional.constraint
            if constraint is None or getattr(constraint, "start_date", date.max) <= on:
                base, windows = conditional.prices, []
            elif hasattr(constraint, "start_time"):
                windows.append((constraint.start_time, constraint.end_time, conditional.prices))
    rates, overrides = rates_and_tiers(base)
    has_tiers = bool(overrides)
    for start, end, dearer in windows:
        within, tiers = rates_and_tiers(dearer)
        if tiers or has_tiers or within.keys() != rates.keys():
            raise Unpriceable("prices by time and by length at once")
        overrides.append({"utc_start": f"{start:%H%M}", "utc_end": f"{end:%H%M}"} | within)
    if overrides:
        rates["overrides"] = overrides
    return rates


def beside_pricing(prices: Any, kind: str, on: date) -> dict[str, Any]:
    """Return the `Pricing` of a model that gives something else than answers, as JSON.

    Sound by the hour becomes a rate for sound by the second, rounded up to a whole
    pico-dollar where it repeats; characters are counted at the rate for prompts. What is
    not billed is 0: nothing comes out of an embedding, and text out of a transcription by
    the second.
    """
    if isinstance(prices, list):
        since = [p for p in prices if p.constraint is None or _holds(p.constraint, on)]
        prices = since[-1].prices
    said = {name: value for name, value in vars(prices).items() if value is not None}
    if (hourly := said.pop("input_audio_hours", None)) is not None:
        if said.pop("audio_hours", hourly) != hourly or said:
            raise Unpriceable("sound by the hour and something else")
        picousd_per_hour = int(hourly * 10**12)
        rate = -(-picousd_per_hour // SECONDS_PER_HOUR)
        return {"prompt_picousd": 0, "completion_picousd": 0, "input_audio_picousd": rate}
    if (characters := said.pop("input_mchars", None)) is not None:
        if said:
            raise Unpriceable("characters and something else")
        return {"prompt_picousd": picousd(characters), "completion_picousd": 0}
    known = TOKEN_RATES | IMAGE_RATES
    rates = {}
    for name, value in said.items():
        if name in known:
            rates[known[name]] = picousd(value)
        elif name not in OPTIONAL_EXTRAS and name != "input_video_mtok":
            raise Unpriceable(name)
    if "prompt_picousd" not in rates or (
        kind != "embeddings" and "completion_picousd" not in rates
    ):
        raise Unpriceable("no price for what goes in and comes out")
    return rates if kind != "embeddings" else {**rates, "completion_picousd": 0}


def _holds(constraint: Any, on: date) -> bool:
    start: date | None = getattr(constraint, "start_date", None)
    return start is not None and start <= on


def rates_and_tiers(prices: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return base rates, and overrides for longer prompts in ascending order."""
    said = {key: value for key, value in vars(prices).items() if value is not None}
    rates: dict[str, Any] = {}
    tiers: dict[int, dict[str, Any]] = {}
    for key, value in said.items():
        if key in TOKEN_RATES:
            rates[TOKEN_RATES[key]] = picousd(getattr(value, "base", value))
            for tier in getattr(value, "tiers", ()):
                tiers.setdefault(tier.start, {})[TOKEN_RATES[key]] = picousd(tier.price)
        elif key == "requests_kcount":
            rates["request_picousd"] = picousd(value * 1000)
        elif key == "input_image_mtok" or key == "input_video_mtok":
            if value != said.get("input_mtok"):
                raise Unpriceable(key)
        elif key not in OPTIONAL_EXTRAS:
            raise Unpriceable(key)
    if not {"prompt_picousd", "completion_picousd"} <= rates.keys():
        raise Unpriceable("no price for prompt and completion tokens")
    return rates, [{"min_prompt_tokens": start} | tiers[start] for start in sorted(tiers)]


# --- names --------------------------------------------------------------------------


def references(match: Any) -> Iterator[str]:
    """Yield the ids that a match clause of the price data names in full."""
    kind = type(match).__name__
    if kind == "ClauseEquals":
        yield match.equals
    elif kind == "ClauseOr":
        for part in match.or_:
            yield from references(part)


def is_slug(name: str) -> bool:
    """True for `author/name` without a variant suffix."""
    return name.count("/") == 1 and ":" not in name and not name.startswith("~")


def key(name: str, *, loose: bool) -> str:
    """Return a form of a model's name in which spellings of it agree.

    Strict: case, dots, underscores, and the "p" that Fireworks writes for a
    dot. Loose: also without the words that say how a model was packaged.
    """
    text = name.rpartition("/")[2].lower()
    text = re.sub(r"(?<=\d)p(?=\d)", "-", text)
    text = re.sub(r"[._ ]", "-", text)
    if not loose:
        return text
    text = re.sub(r"^(databricks|meta|nvidia|zai)-(?=[a-z])", "", text)
    text = re.sub(r"^(llama|qwen|gemma|glm)-?v?(?=\d)", r"\1-", text)
    words = r"-(instruct|chat|hf|it|fp8|awq|bf16|nvfp4|versatile|instant|basic|fast|maas)(?=-|$)"
    text = re.sub(words, "", text)
    return re.sub(r"-17b-(16|128)e$", "", text)


class Names:
    """Finds the public slug of a provider's own id."""

    def __init__(self, slugs: set[str]) -> None:
        self.slugs = slugs
        self._index: dict[tuple[bool, str], set[str]] = {}
        for slug in slugs:
            for loose in (False, True):
                self._index.setdefault((loose, key(slug, loose=loose)), set()).add(slug)

    def slug(self, provider: str, native: str) -> str | None:
        """Return the slug of `native`, None if no author can be told."""
        explicit = KNOWN_SLUGS.get(provider, {}).get(native)
        if explicit is not None:
            return explicit
        if provider in FIRST_PARTY:
            return f"{FIRST_PARTY[provider]}/{native.lower()}"
        organisation = native.rpartition("/")[0].rpartition("/")[2].lower()
        author = ORGANISATIONS.get(organisation, organisation)
        for loose in (False, True):
            found = {
                slug
                for slug in self._index.get((loose, key(native, loose=loose)), ())
                if not author or author == slug.partition("/")[0]
            }
            if len(found) == 1:
                return found.pop()
        if not author or author in ("models", "routers"):
            return None
        return f"{author}/{native.rpartition('/')[2].lower()}"


# --- rows ---------------------------------------------------------------------------


class Catalog:
    """Collects models and endpoints, and what had to be left out."""

    def __init__(self, facts: dict[str, dict[str, Any]], on: date) -> None:
        self.facts = facts
        self.on = on
        self.models: dict[str, dict[str, Any]] = {}
        self.left_out: list[str] = []

    def add(
        self, slug: str, info: Any, provider: str, native: str, *, tag: str | None = None
    ) -> None:
        """Add one endpoint; the first of a tag stays."""
        if not is_slug(slug) or NOT_CHAT.search(slug) or NOT_CHAT.search(native):
            return
        try:
            price = pricing(info.prices, self.on)
        except Unpriceable as reason:
            self.left_out.append(f"{provider} {native}: {reason}")
            return
        model = self.models.setdefault(slug, self._model(slug, info))
        endpoints: dict[str, Any] = model["endpoints"]
        if (tag or provider) in endpoints:
            return
        fact = self.facts.get(slug, {})
        top = fact.get("top_provider") or {}
        by_responses = provider in BY_RESPONSES and BY_RESPONSES[provider].search(native)
        by_author = provider in FIRST_PARTY.keys() | {"openrouter"}
        endpoint = {
            "provider": provider,
            "tag": tag,
            "upstream_model": native,
            "pricing": price,
            "context_tokens": info.context_window or fact.get("context_length"),
            "max_completion_tokens": top.get("max_completion_tokens") if by_author else None,
            "parameters": OWN_PARAMETERS.get(provider),
            "dialect": "openai_responses" if by_responses else None,
        }
        endpoints[tag or provider] = {k: v for k, v in endpoint.items() if v is not None}
        if "input_audio_picousd" in price:
            model["input_modalities"].add("audio")
        if "output_audio_picousd" in price:
            model["output_modalities"].add("audio")

    def add_beside(
        self, slug: str, kind: str, info: Any, provider: str, native: str, price: dict[str, Any]
    ) -> None:
        """Add one endpoint of an API beside conversations; `info` may be None."""
        window = info.context_window if info is not None else None
        model = self.models.setdefault(slug, self._model(slug, info))
        if native in BESIDE_TITLES:
            model["name"] = model["name"].partition(":")[0] + ": " + BESIDE_TITLES[native]
        model |= {
            "parameters": frozenset(),
            "input_modalities": BESIDE_READS.get(kind, {"text"}),
            "output_modalities": {kind},
        }
        endpoint = {
            "provider": provider,
            "upstream_model": native,
            "pricing": price,
            "context_tokens": window,
        }
        model["endpoints"][provider] = {k: v for k, v in endpoint.items() if v is not None}

    def _model(self, slug: str, info: Any) -> dict[str, Any]:
        fact = self.facts.get(slug, {})
        architecture = fact.get("architecture") or {}
        author, _, bare = slug.partition("/")
        title = ((info and info.name) or bare).removesuffix(" (free)")
        name = title if ":" in title else f"{AUTHOR_NAMES.get(author, author)}: {title}"
        tokenizer = next((t for pattern, t in TOKENIZERS if re.search(pattern, slug)), "Other")
        modalities = next((m for pattern, m in MODALITY_RULES if re.search(pattern, slug)), ())
        return {
            "slug": slug,
            "canonical_slug": fact.get("canonical_slug"),
            "name": fact.get("name") or name,
            "created_s": fact.get("created", 0),
            "tokenizer": architecture.get("tokenizer") or tokenizer,
            "hugging_face_id": fact.get("hugging_face_id") or None,
            "parameters": parameters(fact),
            "input_modalities": set(architecture.get("input_modalities") or ("text", *modalities)),
            "output_modalities": set(architecture.get("output_modalities") or ("text",)),
            "endpoints": {},
        }


def parameters(fact: dict[str, Any]) -> frozenset[str] | None:
    """Return the parameters a model takes, None if nothing is known of it."""
    said = set(fact.get("supported_parameters") or ())
    for name, implied in IMPLIED_PARAMETERS.items():
        if name in said:
            said |= implied
    return frozenset(said) or None


def read_facts(path: Path | None) -> dict[str, dict[str, Any]]:
    """Return the rows of recorded `GET /models` answers by slug; later answers win."""
    rows: dict[str, dict[str, Any]] = {}
    if path is not None:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                body = json.loads(json.loads(line)["response"]["body"])
                rows |= {row["id"]: row for row in body["data"]}
    return rows


def build(facts: dict[str, dict[str, Any]], on: date) -> Catalog:
    """Collect everything that can be priced."""
    from genai_prices import data  # noqa: PLC0415  # heavy, and only installed for the build

    sources = {source.id: source for source in data.providers}
    catalog = Catalog(facts, on)
    listed = {m.id for m in sources["openrouter"].models if is_slug(m.id)}
    listed |= set(filter(is_slug, facts))
    names = Names(listed)
    add_openrouter(catalog, sources["openrouter"], listed)
    for source_id, provider in sorted(HOSTS.items()):
        add_host(catalog, names, sources[source_id], provider)
    for provider, source_id in sorted(RESELLERS.items()):
        add_known(catalog, sources[source_id], provider)
    for provider, (other, slugs) in sorted(TWINS.items()):
        add_twin(catalog, provider, other, slugs)
    for source_id, source in sorted(sources.items()):
        if source_id.startswith("huggingface_"):
            add_hugging_face(catalog, names, source)
    add_beside(catalog, sources)
    return catalog


def add_openrouter(catalog: Catalog, source: Any, listed: set[str]) -> None:
    """Add OpenRouter's own models; their slugs are the authority for all others."""
    for slug in sorted(listed):
        info = source.find_model(slug)
        if info is None:
            continue
        catalog.add(slug, info, "openrouter", slug)
        dated = sorted(r for r in references(info.match) if re.search(r"-20\d{6}$", r))
        if info.id == slug and dated and slug in catalog.models:
            row = catalog.models[slug]
            row["canonical_slug"] = row["canonical_slug"] or dated[0]


def add_host(catalog: Catalog, names: Names, source: Any, provider: str) -> None:
    """Add what a provider serves itself."""
    explicit = KNOWN_SLUGS.get(provider, {})
    for native, info in natives(source, provider):
        slug = names.slug(provider, native)
        if slug is None:
            catalog.left_out.append(f"{provider} {native}: author not known")
        elif native.lower() == info.id.lower() or slug in names.slugs or native in explicit:
            catalog.add(slug, info, provider, native)


def add_known(catalog: Catalog, source: Any, provider: str) -> None:
    """Add what a provider serves under the ids that are known, and nothing else."""
    for native, slug in KNOWN_SLUGS[provider].items():
        info = source.find_model(native)
        if info is None:
            catalog.left_out.append(f"{provider} {native}: no price")
        else:
            catalog.add(slug, info, provider, native)


def add_twin(catalog: Catalog, provider: str, other: str, slugs: re.Pattern[str]) -> None:
    """Add what a provider serves as another one does: the same ids at the same prices."""
    for slug, model in catalog.models.items():
        endpoint = model["endpoints"].get(other)
        if endpoint is not None and slugs.search(slug):
            model["endpoints"][provider] = {**endpoint, "provider": provider}


def add_hugging_face(catalog: Catalog, names: Names, source: Any) -> None:
    """Add what one host serves behind Hugging Face's router, picked by `:host`."""
    host = source.id.removeprefix("huggingface_")
    for info in source.models:
        slug = names.slug("huggingface", info.id)
        if slug is not None:
            native, tag = f"{info.id}:{host}", f"huggingface/{host}"
            catalog.add(slug, info, "huggingface", native, tag=tag)


def add_beside(catalog: Catalog, sources: dict[str, Any]) -> None:
    """Add what gives something else than answers."""
    for kind, source_id, ids in BESIDE:
        provider = BESIDE_HOSTS.get(source_id) or HOSTS[source_id]
        author = FIRST_PARTY.get(provider) or "openai"  # Azure's are OpenAI's
        for info in sources[source_id].models:
            if not ids.search(info.id):
                continue
            try:
                price = beside_pricing(info.prices, kind, catalog.on)
            except Unpriceable as reason:
                catalog.left_out.append(f"{provider} {info.id}: {reason}")
                continue
            slug = BESIDE_SLUGS.get(info.id, f"{author}/{info.id}")
            catalog.add_beside(slug, kind, info, provider, info.id, price)
    for slug, kind, provider, native, price in RECORDED:
        catalog.add_beside(slug, kind, None, provider, native, price)


def natives(source: Any, provider: str) -> list[tuple[str, Any]]:
    """Return (native id, price row) of a provider, explicitly named ids first."""
    found: dict[str, Any] = {}
    for info in source.models:
        for reference in (info.id, *references(info.match)):
            found.setdefault(reference, info)
    if provider == "fireworks":  # its short ids are not callable
        found = {native: info for native, info in found.items() if "/" in native}
    if provider == "z-ai":  # documented in lower case
        found = {native.lower(): info for native, info in found.items()}
    explicit = KNOWN_SLUGS.get(provider, {})
    for native in explicit:
        if native not in found and (info := source.find_model(native)):
            found[native] = info
    if provider in LISTED_ONLY:
        found = {native: found[native] for native in explicit}
    skipped = ALIASES_ONLY.get(provider, frozenset())
    order = sorted(found, key=lambda n: (n not in explicit, n != found[n].id, n))
    return [(native, found[native]) for native in order if native not in skipped]


def as_json(catalog: Catalog, on: date, release: str) -> bytes:
    """Return the file: models by slug, defaults left out, one model per line."""
    rows = [*catalog.models.values()]
    rows += [endpoint for model in rows for endpoint in model["endpoints"].values()]
    sets = sorted(
        {row["parameters"] for row in rows if row.get("parameters") is not None},
        key=lambda one: (not one, sorted(one)),
    )
    lines = []
    for slug in sorted(catalog.models):
        row = dict(catalog.models[slug])
        row["parameters"] = None if row["parameters"] is None else sets.index(row["parameters"])
        row["input_modalities"] = sorted(row["input_modalities"])
        row["output_modalities"] = sorted(row["output_modalities"])
        endpoints = row.pop("endpoints")
        for endpoint in endpoints.values():
            if "parameters" in endpoint:
                endpoint["parameters"] = sets.index(endpoint["parameters"])
        row["endpoints"] = [endpoints[tag] for tag in sorted(endpoints, key=_by_author_first(slug))]
        defaults = {"input_modalities": ["text"], "output_modalities": ["text"], "created_s": 0}
        row = {k: v for k, v in row.items() if v is not None and v != defaults.get(k)}
        lines.append(_dump(row))
    head = {
        "version": f"{on.isoformat()}.1",
        "built_from": {"genai-prices": release},
        "parameter_sets": [sorted(s) for s in sets],
    }
    return (_dump(head)[:-1] + ',"models":[\n' + ",\n".join(lines) + "\n]}\n").encode()


def _by_author_first(slug: str) -> Any:
    author = slug.partition("/")[0]
    return lambda tag: (FIRST_PARTY.get(tag) != author, tag == "openrouter", tag)


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def main() -> None:
    """Write the catalogue and say what is in it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    today = datetime.now(UTC).date()
    parser.add_argument("--date", type=date.fromisoformat, default=today)
    parser.add_argument("--facts", type=Path, help="recorded GET /models answers, .jsonl.gz")
    parser.add_argument("--out", type=Path, default=TARGET)
    parser.add_argument("--verbose", action="store_true", help="list what was left out")
    arguments = parser.parse_args()
    catalog = build(read_facts(arguments.facts), arguments.date)
    content = as_json(catalog, arguments.date, importlib.metadata.version("genai-prices"))
    arguments.out.write_bytes(content)
    endpoints = sum(len(m["endpoints"]) for m in catalog.models.values())
    print(f"{len(catalog.models)} models, {endpoints} endpoints, {len(content)} bytes")
    print(f"{len(catalog.left_out)} rows left out")
    if arguments.verbose:
        sys.stdout.writelines(f"  {line}\n" for line in sorted(set(catalog.left_out)))


if __name__ == "__main__":
    main()
