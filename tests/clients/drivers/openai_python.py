"""The `openai` package: https://github.com/openai/openai-python"""

import json
import time

import openai
from common import FUNCTION, SCHEMA, chat_messages, main, model


def client(root, key):
    return openai.OpenAI(base_url=root + "/api/v1", api_key=key)


def ask(root, key, case, **fields):
    return client(root, key).chat.completions.create(
        model=model(case), messages=chat_messages(case), **fields
    )


def text(case):
    return lambda root, key: {"text": ask(root, key, case).choices[0].message.content}


def stream(root, key):
    chunks = [c for c in ask(root, key, "stream", stream=True) if c.choices]
    pieces = [c.choices[0].delta.content for c in chunks if c.choices[0].delta.content]
    return {"text": "".join(pieces), "pieces": len(pieces)}


def tools(root, key):
    given = [{"type": "function", "function": FUNCTION}]
    calls = ask(root, key, "tools", tools=given).choices[0].message.tool_calls
    return {"calls": [(c.function.name, json.loads(c.function.arguments)) for c in calls]}


def reasoning(root, key):
    wish = {"reasoning": {"max_tokens": 1024}}
    message = ask(root, key, "reasoning", extra_body=wish, max_tokens=3000).choices[0].message
    turns = [*chat_messages("reasoning"), message.model_dump(), {"role": "user", "content": "And?"}]
    client(root, key).chat.completions.create(
        model=model("reasoning"), messages=turns, max_tokens=3000, extra_body=wish
    )
    return {"reasoning": message.reasoning}


def schema(root, key):
    form = {"name": "place", "strict": True, "schema": SCHEMA}
    answer = ask(root, key, "schema", response_format={"type": "json_schema", "json_schema": form})
    return json.loads(answer.choices[0].message.content)


def broken(root, key):
    pieces = []
    try:
        for chunk in ask(root, key, "broken", stream=True):
            pieces.append(chunk.choices[0].delta.content or "")
    except openai.APIError as error:
        return {"raised": True, "text": "".join(pieces), "message": str(error)}
    return {"raised": False}


def overflow(root, key):
    try:
        ask(root, key, "overflow")
    except openai.BadRequestError as error:
        return {"raised": True, "message": str(error)}
    return {"raised": False}


def cancel(root, key):
    with ask(root, key, "cancel", stream=True) as chunks:
        next(iter(chunks))
        at_s = time.time()
    return {"pieces": 1, "at_s": at_s}


def usage(root, key):
    used = ask(root, key, "usage").usage
    return {"prompt": used.prompt_tokens, "completion": used.completion_tokens, "cost": used.cost}


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
