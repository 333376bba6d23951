"""The `openai` package over the Responses API: https://platform.openai.com/docs/api-reference/responses"""

import json
import time

import openai
from common import CALLS, FUNCTION, IMAGE, LONG, QUESTION, SCHEMA, main, model


def client(root, key):
    return openai.OpenAI(base_url=root + "/api/v1", api_key=key)


def asked(case):
    if case == "overflow":
        return LONG
    if case == "image":
        picture = {"type": "input_image", "image_url": f"data:image/png;base64,{IMAGE}"}
        words = {"type": "input_text", "text": "What is this?"}
        return [{"role": "user", "content": [words, picture]}]
    if case == "results":
        calls = [
            {"type": "function_call", "call_id": i, "name": "get_weather", "arguments": given}
            for i, given, _ in CALLS
        ]
        results = [
            {"type": "function_call_output", "call_id": i, "output": said} for i, _, said in CALLS
        ]
        return [{"role": "user", "content": QUESTION}, *calls, *results]
    return QUESTION


def ask(root, key, case, **fields):
    request = {"model": model(case), "input": asked(case), "store": False}
    return client(root, key).responses.create(**{**request, **fields})


def text(case):
    return lambda root, key: {"text": ask(root, key, case).output_text}


def stream(root, key):
    request = {"model": model("stream"), "input": asked("stream"), "store": False}
    with client(root, key).responses.stream(**request) as events:
        seen = list(events)
        final = events.get_final_response()
    assert [event.sequence_number for event in seen] == list(range(len(seen)))
    pieces = [event.delta for event in seen if event.type == "response.output_text.delta"]
    assert final.output_text == "".join(pieces)
    return {"text": final.output_text, "pieces": len(pieces)}


def tools(root, key):
    request = {"model": model("tools"), "input": asked("tools"), "store": False}
    given = [{"type": "function", **FUNCTION, "strict": True}]
    with client(root, key).responses.stream(**request, tools=given) as events:
        items = events.get_final_response().output
    calls = [item for item in items if item.type == "function_call"]
    return {"calls": [(call.name, json.loads(call.arguments)) for call in calls]}


def reasoning(root, key):
    wish = {"include": ["reasoning.encrypted_content"], "max_output_tokens": 3000}
    first = ask(root, key, "reasoning", reasoning={"effort": "low"}, **wish)
    turns = [
        {"role": "user", "content": QUESTION},
        *(item.to_dict() for item in first.output),
        {"role": "user", "content": "And?"},
    ]
    ask(root, key, "reasoning", reasoning={"effort": "low"}, input=turns, **wish)
    (thought,) = [item for item in first.output if item.type == "reasoning"]
    return {
        "reasoning": "".join(part.text for part in [*thought.summary, *(thought.content or [])])
    }


def schema(root, key):
    form = {"type": "json_schema", "name": "place", "strict": True, "schema": SCHEMA}
    return json.loads(ask(root, key, "schema", text={"format": form}).output_text)


def broken(root, key):
    pieces = []
    request = {"model": model("broken"), "input": asked("broken"), "store": False}
    try:
        with client(root, key).responses.stream(**request) as events:
            for event in events:
                if event.type == "response.output_text.delta":
                    pieces.append(event.delta)
                if event.type == "response.failed":  # it hands this to the program
                    message = event.response.error.message
                    return {"raised": True, "text": "".join(pieces), "message": message}
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
    with ask(root, key, "cancel", stream=True) as events:
        for event in events:
            if event.type == "response.output_text.delta":
                break
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
