"""The `anthropic` package: https://github.com/anthropics/anthropic-sdk-python"""

import json
import time

import anthropic
from common import CALLS, IMAGE, LONG, QUESTION, SCHEMA, main, model


def client(root, key):
    return anthropic.Anthropic(base_url=root + "/api", api_key=key)


def asked(case):
    if case == "overflow":
        return [{"role": "user", "content": LONG}]
    if case == "image":
        source = {"type": "base64", "media_type": "image/png", "data": IMAGE}
        return [{"role": "user", "content": [{"type": "image", "source": source}]}]
    if case == "results":
        calls = [
            {"type": "tool_use", "id": i, "name": "get_weather", "input": json.loads(given)}
            for i, given, _ in CALLS
        ]
        results = [
            {"type": "tool_result", "tool_use_id": i, "content": said} for i, _, said in CALLS
        ]
        return [
            {"role": "user", "content": QUESTION},
            {"role": "assistant", "content": calls},
            {"role": "user", "content": results},
        ]
    return [{"role": "user", "content": QUESTION}]


def ask(root, key, case, **fields):
    return client(root, key).messages.create(
        model=model(case), max_tokens=fields.pop("max_tokens", 100), messages=asked(case), **fields
    )


def text(case):
    return lambda root, key: {"text": ask(root, key, case).content[0].text}


def stream(root, key):
    request = {"model": model("stream"), "max_tokens": 100, "messages": asked("stream")}
    with client(root, key).messages.stream(**request) as events:
        pieces = list(events.text_stream)
        final = events.get_final_message()
    assert final.content[0].text == "".join(pieces)
    assert final.usage.input_tokens > 0
    return {"text": "".join(pieces), "pieces": len(pieces)}


TOOL = {"name": "get_weather", "description": "The weather of a city", "input_schema": SCHEMA}


def tools(root, key):
    request = {"model": model("tools"), "max_tokens": 100, "messages": asked("tools")}
    with client(root, key).messages.stream(**request, tools=[TOOL]) as events:
        blocks = events.get_final_message().content
    return {"calls": [(b.name, b.input) for b in blocks if b.type == "tool_use"]}


def reasoning(root, key):
    thinking = {"type": "enabled", "budget_tokens": 1024}
    first = ask(root, key, "reasoning", max_tokens=3000, thinking=thinking)
    turns = [
        *asked("reasoning"),
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": "And?"},
    ]
    client(root, key).messages.create(
        model=model("reasoning"), max_tokens=3000, thinking=thinking, messages=turns
    )
    return {"reasoning": first.content[0].thinking}


def schema(root, key):
    form = {"format": {"type": "json_schema", "schema": SCHEMA}}
    return json.loads(ask(root, key, "schema", output_config=form).content[0].text)


def broken(root, key):
    request = {"model": model("broken"), "max_tokens": 100, "messages": asked("broken")}
    pieces = []
    try:
        with client(root, key).messages.stream(**request) as events:
            for piece in events.text_stream:
                pieces.append(piece)
    except anthropic.APIError as error:
        return {"raised": True, "text": "".join(pieces), "message": str(error)}
    return {"raised": False}


def overflow(root, key):
    try:
        ask(root, key, "overflow")
    except anthropic.BadRequestError as error:
        return {"raised": True, "message": str(error)}
    return {"raised": False}


def cancel(root, key):
    request = {"model": model("cancel"), "max_tokens": 100, "messages": asked("cancel")}
    with client(root, key).messages.stream(**request) as events:
        next(iter(events.text_stream))
        at_s = time.time()
    return {"pieces": 1, "at_s": at_s}


def usage(root, key):
    used = ask(root, key, "usage").usage
    return {"prompt": used.input_tokens, "completion": used.output_tokens, "cost": used.cost}


def models(root, key):
    return {"ids": [row.id for row in client(root, key).models.list()]}


main(
    {
        "text": text("text"),
        "stream": stream,
        "tools": tools,
        "results": text("results"),
        "reasoning": reasoning,
        "schema": schema,
        "image": text("image"),
        "limited": text("limited"),
        "broken": broken,
        "overflow": overflow,
        "cancel": cancel,
        "usage": usage,
        "models": models,
    }
)
