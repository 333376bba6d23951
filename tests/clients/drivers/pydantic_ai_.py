"""`pydantic-ai` with its OpenRouter model: https://ai.pydantic.dev/models/openrouter/"""

import asyncio
import base64
import json
import time

from common import CALLS, IMAGE, LONG, QUESTION, SCHEMA, Skip, main, model
from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai import Agent, BinaryContent, NativeOutput
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import (
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.openrouter import OpenRouterModel, OpenRouterModelSettings
from pydantic_ai.providers.openrouter import OpenRouterProvider
from pydantic_ai.tools import ToolDefinition


def made(root, key, case):
    client = AsyncOpenAI(base_url=root + "/api/v1", api_key=key)
    return OpenRouterModel(model(case), provider=OpenRouterProvider(openai_client=client))


def prompt(words=QUESTION):
    return ModelRequest(parts=[UserPromptPart(words)])


def ask(root, key, case, turns=None, **fields):
    return asyncio.run(model_request(made(root, key, case), turns or [prompt()], **fields))


def text_of(answer):
    return "".join(part.content for part in answer.parts if isinstance(part, TextPart))


def text(case):
    return lambda root, key: {"text": text_of(ask(root, key, case))}


def streamed(root, key, case, *, stop_after=None):
    async def run():
        pieces = []
        async with model_request_stream(made(root, key, case), [prompt()]) as events:
            async for event in events:
                if isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
                    pieces.append(event.delta.content_delta)
                if stop_after is not None and len(pieces) >= stop_after:
                    break
            return pieces, text_of(events.get()), time.time()

    return asyncio.run(run())


def stream(root, key):
    pieces, whole, _ = streamed(root, key, "stream")
    return {"text": whole, "pieces": len(pieces)}


def tools(root, key):
    tool = ToolDefinition(
        name="get_weather", description="The weather of a city", parameters_json_schema=SCHEMA
    )
    answer = ask(
        root,
        key,
        "tools",
        model_request_parameters=ModelRequestParameters(function_tools=[tool]),
    )
    calls = [part for part in answer.parts if isinstance(part, ToolCallPart)]
    return {"calls": [(call.tool_name, call.args_as_dict()) for call in calls]}


def results(root, key):
    calls = [
        ToolCallPart("get_weather", json.loads(given), tool_call_id=i) for i, given, _ in CALLS
    ]
    returned = [ToolReturnPart("get_weather", said, tool_call_id=i) for i, _, said in CALLS]
    turns = [prompt(), ModelResponse(parts=calls), ModelRequest(parts=returned)]
    return {"text": text_of(ask(root, key, "results", turns))}


def reasoning(root, key):
    settings = OpenRouterModelSettings(openrouter_reasoning={"max_tokens": 1024}, max_tokens=3000)
    first = ask(root, key, "reasoning", model_settings=settings)
    ask(root, key, "reasoning", [prompt(), first, prompt("And?")], model_settings=settings)
    thoughts = [part.content for part in first.parts if isinstance(part, ThinkingPart)]
    return {"reasoning": "".join(thoughts)}


class Place(BaseModel):
    city: str


def schema(root, key):
    agent = Agent(made(root, key, "schema"), output_type=NativeOutput(Place))
    return {"city": agent.run_sync("Where?").output.city}


def image(root, key):
    picture = BinaryContent(base64.b64decode(IMAGE), media_type="image/png")
    turn = ModelRequest(parts=[UserPromptPart(["What is this?", picture])])
    return {"text": text_of(ask(root, key, "image", [turn]))}


def broken(root, key):
    try:
        streamed(root, key, "broken")
    except Exception as error:  # noqa: BLE001  # which one depends on how far it had come
        return {"raised": True, "message": str(error)}
    return {"raised": False}


def overflow(root, key):
    try:
        ask(root, key, "overflow", [prompt(LONG)])
    except ModelHTTPError as error:
        return {"raised": True, "message": str(error)}
    return {"raised": False}


def cancel(root, key):
    pieces, _, at_s = streamed(root, key, "cancel", stop_after=1)
    return {"pieces": len(pieces), "at_s": at_s}


def usage(root, key):
    answer = ask(root, key, "usage")
    return {
        "prompt": answer.usage.input_tokens,
        "completion": answer.usage.output_tokens,
        "cost": (answer.provider_details or {}).get("cost"),
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
        "image": image,
        "limited": text("limited"),
        "broken": broken,
        "overflow": overflow,
        "cancel": cancel,
        "usage": usage,
        "models": models,
    }
)
