"""The APIs of the corpus whose dialect the gateway speaks: a new one is a module and a line."""

from tests.conformance.apis import anthropic, cohere, converse, gemini, openai_chat, responses
from tests.conformance.apis.base import Api

APIS: dict[str, Api] = {
    api.name: api
    for api in (
        openai_chat.API,
        anthropic.API,
        gemini.API,
        cohere.API,
        converse.API,
        responses.API,
    )
}

__all__ = ["APIS", "Api"]
