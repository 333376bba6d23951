"""What the clients ask the demo: the prompts of its recordings, and what they must hear."""

from portico.jsonio import JsonObject

HELLO: JsonObject = {
    "model": "moonshotai/kimi-k2-0905",
    "messages": [
        {"role": "system", "content": "You are a helpful assistant"},
        {"role": "user", "content": "Say hi in Portuguese"},
    ],
    "max_tokens": 4000,
}
HELLO_TEXT = "Olá!"
HELLO_COST_USD = 0.000032

WEATHER_QUESTION: JsonObject = {
    "role": "user",
    "content": "What is the weather in Lisbon and in Porto?",
}
WEATHER: JsonObject = {
    "model": "openai/gpt-4o-mini",
    "messages": [WEATHER_QUESTION],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "get_weather",
                "description": "Get the current weather of a city",
                "parameters": {
                    "type": "object",
                    "properties": {"city": {"type": "string", "description": "Name of the city"}},
                    "required": ["city"],
                },
            },
        }
    ],
}
WEATHER_CALLS = [("get_weather", {"city": "Lisbon"}), ("get_weather", {"city": "Porto"})]
WEATHER_RESULTS = ('{"temperature_c":21,"sky":"clear"}', '{"temperature_c":17,"sky":"rain"}')

THINKING: JsonObject = {
    "model": "z-ai/glm-4.6",
    "messages": [
        {"role": "user", "content": "How many times does the letter r occur in strawberry?"}
    ],
}
THINKING_TEXT = "The letter r occurs three times in strawberry."
THINKING_REASONING = "Let me spell it: s-t-r-a-w-b-e-r-r-y. The r is letter 3, 8 and 9."

RATE_LIMITED: JsonObject = {
    "model": "openai/gpt-oss-20b",
    "messages": [{"role": "user", "content": "Show me a rate limit"}],
}

UNKNOWN_MODEL: JsonObject = {**HELLO, "model": "nobody/nothing"}
