"""What `portico up` says to a person."""

import json

from portico.vocabulary import CatalogSnapshot, Model

_DEMO_MODEL = "moonshotai/kimi-k2-0905"
_DEMO_BODY = {
    "model": _DEMO_MODEL,
    "max_tokens": 4000,
    "stream": True,
    "messages": [
        {"role": "system", "content": "You are a helpful assistant"},
        {"role": "user", "content": "Say hi in Portuguese"},
    ],
}


def curl_line(base_url: str, secret: str | None, snapshot: CatalogSnapshot, *, demo: bool) -> str:
    """A request that works when pasted; without `secret` it takes $PORTICO_KEY."""
    body = _DEMO_BODY if demo and _DEMO_MODEL in snapshot.models else _cheap_body(snapshot)
    key = secret or "$PORTICO_KEY"
    return (
        f"curl -N {base_url}/chat/completions"
        f' -H "Authorization: Bearer {key}" -H "Content-Type: application/json"'
        f" -d '{json.dumps(body)}'"
    )


def started_text(
    base_url: str,
    secret: str | None,
    snapshot: CatalogSnapshot,
    *,
    demo: bool,
    providers: tuple[str, ...],
) -> str:
    """The whole announcement."""
    lines = [f"Portico serves {len(snapshot.models)} models at {base_url}"]
    if demo:
        lines.append(
            "No provider key, local server or portico.toml was found, so this is the demo: "
            "recordings\nreplayed below the router, and portico/simulator, which answers any "
            "prompt. Set for\nexample OPENAI_API_KEY and start again for the real thing."
        )
    else:
        lines.append(f"Providers: {', '.join(providers)}")
    if secret is None:
        lines.append(
            "Key:       shown at the first start; `portico keys create --name NAME` makes another"
        )
    else:
        lines.append(f"Key:       {secret}   (shown only now)")
    lines += ["", "Try it:", "", f"  {curl_line(base_url, secret, snapshot, demo=demo)}", ""]
    return "\n".join(lines)


def _cheap_body(snapshot: CatalogSnapshot) -> dict[str, object]:
    """A short question to the cheapest priced model."""
    model = min(snapshot.models.values(), key=_price, default=None)
    slug = model.slug if model else "openai/gpt-4o-mini"
    return {
        "model": slug,
        "max_tokens": 200,
        "stream": True,
        "messages": [{"role": "user", "content": "Say hi in Portuguese"}],
    }


def _price(model: Model) -> float:
    prices = [e.pricing for e in model.endpoints if e.pricing is not None]
    return min((p.prompt_picousd + p.completion_picousd for p in prices), default=float("inf"))
