"""`litellm` as a client, with its OpenRouter provider: https://docs.litellm.ai/docs/providers/openrouter"""

import gc
import json
import time

import litellm
from common import FUNCTION, SCHEMA, chat_messages, main, model

litellm.suppress_debug_info = True


def ask(root, key, case, messages=None, **fields):
    return litellm.completion(
        model="openrouter/" + model(case),
        messages=messages or chat_messages(case),
        api_base=root + "/api/v1",
        api_key=key,
        **fields,
    )


def text(case):
    return lambda root, key: {"text": ask(root, key, case).choices[0].message.content}


def stream(root, key):
    chunks = list(ask(root, key, "stream", stream=True))
    pieces = [c.choices[0].delta.content for c in chunks if c.choices[0].delta.content]
    return {"text": "".join(pieces), "pieces": len(pieces)}


def tools(root, key):
    given = [{"type": "function", "function": FUNCTION}]
    calls = ask(root, key, "tools", tools=given).choices[0].message.tool_calls
    return {"calls": [(c.function.name, json.loads(c.function.arguments)) for c in calls]}


def reasoning(root, key):
    wish = {"reasoning": {"max_tokens": 1024}}
    message = ask(root, key, "reasoning", extra_body=wish, max_tokens=3000).choices[0].message
    details = message.provider_specific_fields["reasoning_details"]
    said = {"role": "assistant", "content": message.content, "reasoning_details": details}
    turns = [*chat_messages("reasoning"), said, {"role": "user", "content": "And?"}]
    ask(root, key, "reasoning", turns, extra_body=wish, max_tokens=3000)
    return {"reasoning": message.reasoning_content}


def schema(root, key):
    form = {"name": "place", "strict": True, "schema": SCHEMA}
    wish = {"type": "json_schema", "json_schema": form}
    return json.loads(ask(root, key, "schema", response_format=wish).choices[0].message.content)


def broken(root, key):
    pieces = []
    try:
        for chunk in ask(root, key, "broken", stream=True):
            pieces.append(chunk.choices[0].delta.content or "")
    except Exception as error:  # noqa: BLE001  # it has many, without a common base
        return {"raised": True, "text": "".join(pieces), "message": str(error)}
    return {"raised": False}


def overflow(root, key):
    try:
        ask(root, key, "overflow")
    except litellm.exceptions.BadRequestError as error:
        return {"raised": True, "message": str(error)}
    return {"raised": False}


def cancel(root, key):
    chunks = ask(root, key, "cancel", stream=True)
    next(iter(chunks))
    del chunks  # it has no way to close a stream
    gc.collect()
    return {"pieces": 1, "at_s": time.time()}


def limited(root, key):
    return {"text": ask(root, key, "limited", num_retries=1).choices[0].message.content}


def usage(root, key):
    answer = ask(root, key, "usage")
    used = answer.usage
    return {
        "prompt": used.prompt_tokens,
        "completion": used.completion_tokens,
        "cost": getattr(used, "cost", None),
    }


def models(root, key):
    rows = litellm.get_valid_models(
        check_provider_endpoint=True,
        custom_llm_provider="openrouter",
        api_key=key,
        api_base=root + "/api/v1",
    )
    return {"ids": [row.removeprefix("openrouter/") for row in rows]}


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
