"""`langchain-openai`: https://python.langchain.com/docs/integrations/chat/openai/"""

import time

import openai
from common import FUNCTION, QUESTION, SCHEMA, Skip, chat_messages, main, model
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI


def chat(root, key, case, **fields):
    return ChatOpenAI(base_url=root + "/api/v1", api_key=key, model=model(case), **fields)


def text(case):
    return lambda root, key: {"text": chat(root, key, case).invoke(chat_messages(case)).content}


def stream(root, key):
    chunks = list(chat(root, key, "stream").stream(chat_messages("stream")))
    pieces = [chunk.content for chunk in chunks if chunk.content]
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert whole.content == "".join(pieces)
    return {"text": whole.content, "pieces": len(pieces)}


def tools(root, key):
    bound = chat(root, key, "tools").bind_tools([{"type": "function", "function": FUNCTION}])
    whole = None
    for chunk in bound.stream(chat_messages("tools")):
        whole = chunk if whole is None else whole + chunk
    return {"calls": [(call["name"], call["args"]) for call in whole.tool_calls]}


def results(root, key):
    _, asked, *answers = chat_messages("results")
    calls = [
        {"name": "get_weather", "args": {}, "id": call["id"], "type": "tool_call"}
        for call in asked["tool_calls"]
    ]
    turns = [
        HumanMessage("What is the weather?"),
        AIMessage(content="", tool_calls=calls),
        *(ToolMessage(a["content"], tool_call_id=a["tool_call_id"]) for a in answers),
    ]
    return {"text": chat(root, key, "results").invoke(turns).content}


def reasoning(root, key):
    """Over the Responses API: of a chat answer it keeps only what OpenAI's has."""
    thinking = chat(
        root,
        key,
        "reasoning",
        use_responses_api=True,
        output_version="responses/v1",
        include=["reasoning.encrypted_content"],
        reasoning={"effort": "low"},
        max_tokens=3000,
    )
    first = thinking.invoke(chat_messages("reasoning"))
    thinking.invoke([HumanMessage(QUESTION), first, HumanMessage("And?")])
    (thought,) = [block for block in first.content if block["type"] == "reasoning"]
    parts = [*thought.get("summary", ()), *(thought.get("content") or ())]
    return {"reasoning": "".join(part["text"] for part in parts)}


def schema(root, key):
    form = {"title": "place", "description": "A place", **SCHEMA}
    bound = chat(root, key, "schema").with_structured_output(form, method="json_schema")
    return bound.invoke("Where?")


def broken(root, key):
    pieces = []
    try:
        for chunk in chat(root, key, "broken").stream(chat_messages("broken")):
            pieces.append(chunk.content)
    except openai.APIError as error:
        return {"raised": True, "text": "".join(pieces), "message": str(error)}
    return {"raised": False}


def overflow(root, key):
    try:
        chat(root, key, "overflow").invoke(chat_messages("overflow"))
    except openai.BadRequestError as error:
        return {"raised": True, "message": str(error)}
    return {"raised": False}


def cancel(root, key):
    chunks = chat(root, key, "cancel").stream(chat_messages("cancel"))
    next(chunks)
    at_s = time.time()
    chunks.close()
    return {"pieces": 1, "at_s": at_s}


def usage(root, key):
    answer = chat(root, key, "usage").invoke(chat_messages("usage"))
    return {
        "prompt": answer.usage_metadata["input_tokens"],
        "completion": answer.usage_metadata["output_tokens"],
        "cost": answer.response_metadata["token_usage"]["cost"],
    }


def models(root, key):
    raise Skip("it asks no server for its models")


main(
    {
        "text": text("text"),
        "stream": stream,
        "tools": tools,
        "results": results,
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
