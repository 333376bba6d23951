"""The `openrouter` package: https://github.com/OpenRouterTeam/python-sdk"""

import json
import time

from common import FUNCTION, SCHEMA, chat_messages, main, model
from openrouter import OpenRouter, errors


def client(root, key):
    return OpenRouter(api_key=key, server_url=root + "/api/v1")


def ask(root, key, case, **fields):
    return client(root, key).chat.send(model=model(case), messages=chat_messages(case), **fields)


def text(case):
    return lambda root, key: {"text": ask(root, key, case).choices[0].message.content}


def stream(root, key):
    pieces = []
    with ask(root, key, "stream", stream=True) as events:
        for chunk in events:
            if chunk.choices and chunk.choices[0].delta.content:
                pieces.append(chunk.choices[0].delta.content)
    return {"text": "".join(pieces), "pieces": len(pieces)}


def tools(root, key):
    given = [{"type": "function", "function": FUNCTION}]
    calls = ask(root, key, "tools", tools=given).choices[0].message.tool_calls
    return {"calls": [(c.function.name, json.loads(c.function.arguments)) for c in calls]}


def reasoning(root, key):
    wish = {"max_tokens": 1024}
    message = ask(root, key, "reasoning", reasoning=wish, max_tokens=3000).choices[0].message
    turns = [*chat_messages("reasoning"), message, {"role": "user", "content": "And?"}]
    client(root, key).chat.send(
        model=model("reasoning"), messages=turns, max_tokens=3000, reasoning=wish
    )
    return {"reasoning": message.reasoning}


def schema(root, key):
    form = {"name": "place", "strict": True, "schema": SCHEMA}
    wish = {"type": "json_schema", "json_schema": form}
    return json.loads(ask(root, key, "schema", response_format=wish).choices[0].message.content)


def broken(root, key):
    pieces = []
    try:
        with ask(root, key, "broken", stream=True) as events:
            for chunk in events:
                if getattr(chunk, "error", None):
                    return {"raised": True, "text": "".join(pieces), "message": str(chunk.error)}
                pieces.append(chunk.choices[0].delta.content or "")
    except errors.OpenRouterError as error:
        return {"raised": True, "text": "".join(pieces), "message": str(error)}
    return {"raised": False}


def overflow(root, key):
    try:
        ask(root, key, "overflow")
    except errors.OpenRouterError as error:
        return {"raised": True, "message": str(error)}
    return {"raised": False}


def cancel(root, key):
    with ask(root, key, "cancel", stream=True) as events:
        next(iter(events))
        at_s = time.time()
    return {"pieces": 1, "at_s": at_s}


def limited(root, key):
    try:
        ask(root, key, "limited")
    except errors.TooManyRequestsResponseError:  # it leaves 429 to the program
        return text("limited")(root, key)
    return {}


def usage(root, key):
    used = ask(root, key, "usage").usage
    return {
        "prompt": int(used.prompt_tokens),
        "completion": int(used.completion_tokens),
        "cost": used.cost,
    }


def models(root, key):
    return {"ids": [row.id for row in client(root, key).models.list().result.data]}


main(
    {
        "text": text("text"),
        "stream": stream,
        "tools": tools,
        "results": text("results"),
        "reasoning": reasoning,
        "schema": schema,
        "image": text("image"),
        "limited": limited,
        "broken": broken,
        "overflow": overflow,
        "cancel": cancel,
        "usage": usage,
        "models": models,
    }
)
