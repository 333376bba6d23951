"""Names and facts that `build_catalog.py` cannot derive: read it as a table."""

import re

# Source of prices (genai-prices provider) to Portico's provider slug.
HOSTS = {
    "aws": "amazon-bedrock",
    "anthropic": "anthropic",
    "avian": "avian",
    "baseten": "baseten",
    "cerebras": "cerebras",
    "cloudflare": "cloudflare",
    "cohere": "cohere",
    "databricks": "databricks",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "google": "google-ai-studio",
    "groq": "groq",
    "minimax": "minimax",
    "mistral": "mistral",
    "moonshotai": "moonshotai",
    "novita": "novita",
    "openai": "openai",
    "ovhcloud": "ovhcloud",
    "perplexity": "perplexity",
    "together": "together",
    "x-ai": "xai",
    "zai": "z-ai",
}

# Providers that sell the same models at the prices of another source's rows, by their KNOWN_SLUGS.
RESELLERS = {
    "google-vertex-anthropic": "google",
}

# Providers that have the models of another one under the same ids, and which of their slugs.
TWINS = {
    "google-vertex": ("google-ai-studio", re.compile(r"^google/gemini-")),
}

# Providers that serve their own models under bare names, and the author in their slugs.
FIRST_PARTY = {
    "anthropic": "anthropic",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "google-ai-studio": "google",
    "google-vertex": "google",
    "google-vertex-anthropic": "anthropic",
    "minimax": "minimax",
    "mistral": "mistralai",
    "moonshotai": "moonshotai",
    "openai": "openai",
    "perplexity": "perplexity",
    "voyage": "voyageai",
    "xai": "x-ai",
    "z-ai": "z-ai",
}

# Organisation in a native id (lower case) to the author in slugs.
ORGANISATIONS = {
    "deepseek-ai": "deepseek",
    "essential-ai": "essentialai",
    "huggingfaceh4": "huggingfaceh4",
    "inclusionai": "inclusionai",
    "meta": "meta-llama",
    "meta-models": "meta",
    "minimaxai": "minimax",
    "mistral": "mistralai",
    "models": "",
    "reflection": "reflection",
    "ricursive-ai": "ricursiveai",
    "routers": "",
    "xiaomimimo": "xiaomi",
    "zai": "z-ai",
    "zai-org": "z-ai",
}

# What all models take at a provider, where listings tell of another endpoint.
OWN_PARAMETERS = {
    "cohere": frozenset(
        {
            "frequency_penalty", "logprobs", "max_completion_tokens", "max_tokens",
            "presence_penalty", "response_format", "seed", "stop", "structured_outputs",
            "temperature", "tool_choice", "tools", "top_k", "top_p",
        }
    ),
}  # fmt: skip

# Providers of whose ids only the ones below are taken: the others are the price data's own
# spellings, or inference profiles of one continent.
LISTED_ONLY = frozenset({"amazon-bedrock"})

# Native ids whose slug cannot be derived: provider to native id to slug.
KNOWN_SLUGS = {
    "amazon-bedrock": {
        "amazon.nova-lite-v1:0": "amazon/nova-lite-v1",
        "amazon.nova-micro-v1:0": "amazon/nova-micro-v1",
        "amazon.nova-pro-v1:0": "amazon/nova-pro-v1",
        "global.amazon.nova-2-lite-v1:0": "amazon/nova-2-lite-v1",
        "global.anthropic.claude-fable-5-1": "anthropic/claude-fable-5.1",
        "global.anthropic.claude-fable-5-2": "anthropic/claude-fable-5.2",
        "global.anthropic.claude-fable-5": "anthropic/claude-fable-5",
        "global.anthropic.claude-haiku-4-5-20251001-v1:0": "anthropic/claude-haiku-4.5",
        "global.anthropic.claude-haiku-5-5": "anthropic/claude-haiku-5.5",
        "global.anthropic.claude-mythos-5-2": "anthropic/claude-mythos-5.2",
        "global.anthropic.claude-opus-4-5-20251101-v1:0": "anthropic/claude-opus-4.5",
        "global.anthropic.claude-opus-4-6-v1": "anthropic/claude-opus-4.6",
        "global.anthropic.claude-opus-5": "anthropic/claude-opus-5",
        "global.anthropic.claude-opus-5-5": "anthropic/claude-opus-5.5",
        "global.anthropic.claude-sonnet-4-20250514-v1:0": "anthropic/claude-sonnet-4",
        "global.anthropic.claude-sonnet-4-5-20250929-v1:0": "anthropic/claude-sonnet-4.5",
        "global.anthropic.claude-sonnet-4-6": "anthropic/claude-sonnet-4.6",
        "global.anthropic.claude-sonnet-5-5": "anthropic/claude-sonnet-5.5",
        "global.anthropic.claude-sonnet-5": "anthropic/claude-sonnet-5",
        "openai.gpt-oss-120b-1:0": "openai/gpt-oss-120b",
        "openai.gpt-oss-20b-1:0": "openai/gpt-oss-20b",
        "qwen.qwen3-32b-v1:0": "qwen/qwen3-32b",
    },
    "anthropic": {
        "claude-3-haiku-20240307": "anthropic/claude-3-haiku",
        "claude-3-5-haiku-20241022": "anthropic/claude-3.5-haiku",
        "claude-3-7-sonnet-20250219": "anthropic/claude-3.7-sonnet",
        "claude-fable-5": "anthropic/claude-fable-5",
        "claude-fable-5-1": "anthropic/claude-fable-5.1",
        "claude-fable-5-2": "anthropic/claude-fable-5.2",
        "claude-haiku-4-5": "anthropic/claude-haiku-4.5",
        "claude-haiku-5-5": "anthropic/claude-haiku-5.5",
        "claude-mythos-5-2": "anthropic/claude-mythos-5.2",
        "claude-opus-4-0": "anthropic/claude-opus-4",
        "claude-opus-4-1": "anthropic/claude-opus-4.1",
        "claude-opus-4-5": "anthropic/claude-opus-4.5",
        "claude-opus-4-6": "anthropic/claude-opus-4.6",
        "claude-opus-4-7": "anthropic/claude-opus-4.7",
        "claude-opus-4-8": "anthropic/claude-opus-4.8",
        "claude-opus-5": "anthropic/claude-opus-5",
        "claude-opus-5-5": "anthropic/claude-opus-5.5",
        "claude-sonnet-4-0": "anthropic/claude-sonnet-4",
        "claude-sonnet-4-5": "anthropic/claude-sonnet-4.5",
        "claude-sonnet-4-6": "anthropic/claude-sonnet-4.6",
        "claude-sonnet-5": "anthropic/claude-sonnet-5",
        "claude-sonnet-5-5": "anthropic/claude-sonnet-5.5",
    },
    "cerebras": {
        "llama-3.3-70b": "meta-llama/llama-3.3-70b-instruct",
        "llama3.1-8b": "meta-llama/llama-3.1-8b-instruct",
        "qwen-3-32b": "qwen/qwen3-32b",
        "qwen-3-coder-480b": "qwen/qwen3-coder",
        "qwen-3.8-27b": "qwen/qwen3.8-27b",
        "zai-glm-4.7": "z-ai/glm-4.7",
        "gemma-4-31b": "google/gemma-4-31b-it",
    },
    "cloudflare": {
        "@cf/nvidia/nemotron-3-120b-a12b": "nvidia/nemotron-3-super-120b-a12b",
    },
    "cohere": {
        "command-a-03-2025": "cohere/command-a",
        "command-r-08-2024": "cohere/command-r-08-2024",
        "command-r-plus-08-2024": "cohere/command-r-plus-08-2024",
        "command-r7b-12-2024": "cohere/command-r7b-12-2024",
    },
    "databricks": {
        "databricks-meta-llama-3-1-8b-instruct": "meta-llama/llama-3.1-8b-instruct",
        "databricks-meta-llama-3-3-70b-instruct": "meta-llama/llama-3.3-70b-instruct",
        "databricks-qwen35-122b-a10b": "qwen/qwen3.5-122b-a10b",
    },
    "deepseek": {
        # Names for whatever is current, not for one model.
        "deepseek-chat": "deepseek/deepseek-chat",
        "deepseek-reasoner": "deepseek/deepseek-reasoner",
        "deepseek-flash": "deepseek/deepseek-flash",
    },
    "fireworks": {
        "accounts/fireworks/models/deepseek-v3-0324": "deepseek/deepseek-chat-v3-0324",
        "accounts/fireworks/models/deepseek-v4p1-flash": "deepseek/deepseek-v4.1-flash",
        "accounts/fireworks/models/deepseek-v4-pro": "deepseek/deepseek-v4-pro",
        "accounts/fireworks/models/deepseek-v4-flash": "deepseek/deepseek-v4-flash",
        "accounts/fireworks/models/llama4-maverick-instruct-basic": "meta-llama/llama-4-maverick",
        "accounts/fireworks/models/nemotron-3-ultra-nvfp4": "nvidia/nemotron-3-ultra-550b-a55b",
        "accounts/fireworks/models/ember-1": "fireworks/ember-1",
    },
    "google-vertex-anthropic": {
        "claude-3-haiku@20240307": "anthropic/claude-3-haiku",
        "claude-3-5-haiku@20241022": "anthropic/claude-3.5-haiku",
        "claude-3-7-sonnet@20250219": "anthropic/claude-3.7-sonnet",
        "claude-sonnet-4@20250514": "anthropic/claude-sonnet-4",
        "claude-opus-4@20250514": "anthropic/claude-opus-4",
        "claude-opus-4-1@20250805": "anthropic/claude-opus-4.1",
        "claude-sonnet-4-5@20250929": "anthropic/claude-sonnet-4.5",
        "claude-haiku-4-5@20251001": "anthropic/claude-haiku-4.5",
        "claude-opus-4-5@20251101": "anthropic/claude-opus-4.5",
        "claude-opus-4-6": "anthropic/claude-opus-4.6",
        "claude-sonnet-4-6": "anthropic/claude-sonnet-4.6",
        "claude-opus-4-7": "anthropic/claude-opus-4.7",
        "claude-opus-4-8": "anthropic/claude-opus-4.8",
        "claude-opus-5": "anthropic/claude-opus-5",
        "claude-opus-5-5": "anthropic/claude-opus-5.5",
        "claude-sonnet-5-5": "anthropic/claude-sonnet-5.5",
        "claude-haiku-5-5": "anthropic/claude-haiku-5.5",
        "claude-fable-5": "anthropic/claude-fable-5",
        "claude-fable-5-1": "anthropic/claude-fable-5.1",
        "claude-fable-5-2": "anthropic/claude-fable-5.2",
    },
    "groq": {
        "gemma2-9b-it": "google/gemma-2-9b-it",
        "llama-3.1-405b-reasoning": "meta-llama/llama-3.1-405b-instruct",
        "llama-3.1-70b-versatile": "meta-llama/llama-3.1-70b-instruct",
        "llama-3.1-8b-instant": "meta-llama/llama-3.1-8b-instruct",
        "llama-3.2-11b-vision-preview": "meta-llama/llama-3.2-11b-vision-instruct",
        "llama-3.2-1b-preview": "meta-llama/llama-3.2-1b-instruct",
        "llama-3.2-3b-preview": "meta-llama/llama-3.2-3b-instruct",
        "llama-3.2-90b-vision-preview": "meta-llama/llama-3.2-90b-vision-instruct",
        "llama-3.3-70b-versatile": "meta-llama/llama-3.3-70b-instruct",
        "llama3-70b-8192": "meta-llama/llama-3-70b-instruct",
        "llama3-8b-8192": "meta-llama/llama-3-8b-instruct",
        "mistral-saba-24b": "mistralai/mistral-saba",
        "mixtral-8x7b-32768": "mistralai/mixtral-8x7b-instruct",
        "moonshotai/kimi-k2-instruct": "moonshotai/kimi-k2",
        "moonshotai/kimi-k2-instruct-0905": "moonshotai/kimi-k2-0905",
    },
    "huggingface": {
        "Qwen/Qwen3-235B-A22B-Instruct-2507": "qwen/qwen3-235b-a22b-2507",
        "Qwen/Qwen3-Coder-480B-A35B-Instruct": "qwen/qwen3-coder",
        "deepseek-ai/DeepSeek-V3": "deepseek/deepseek-chat",
        "deepseek-ai/DeepSeek-V3-0324": "deepseek/deepseek-chat-v3-0324",
        "deepseek-ai/DeepSeek-V3.1": "deepseek/deepseek-chat-v3.1",
        "moonshotai/Kimi-K2-Instruct": "moonshotai/kimi-k2",
        "moonshotai/Kimi-K2-Instruct-0905": "moonshotai/kimi-k2-0905",
    },
    "mistral": {
        "codestral-2501": "mistralai/codestral-2501",
        "devstral-small-2507": "mistralai/devstral-small",
        "magistral-medium-latest": "mistralai/magistral-medium-latest",
        "magistral-small-latest": "mistralai/magistral-small-latest",
        "ministral-3b-latest": "mistralai/ministral-3b-latest",
        "ministral-8b-2410": "mistralai/ministral-8b",
        "mistral-large-4-0": "mistralai/mistral-large-4-0",
        "mistral-large-latest": "mistralai/mistral-large",
        "mistral-medium-2505": "mistralai/mistral-medium-3",
        "mistral-medium-2508": "mistralai/mistral-medium-3.1",
        "mistral-medium-2604": "mistralai/mistral-medium-3-5",
        "mistral-small-2506": "mistralai/mistral-small-3.2-24b-instruct",
        "open-mistral-7b": "mistralai/mistral-7b-instruct",
        "open-mistral-nemo": "mistralai/mistral-nemo",
        "open-mixtral-8x22b": "mistralai/mixtral-8x22b-instruct",
        "open-mixtral-8x7b": "mistralai/mixtral-8x7b-instruct",
        "pixtral-large-2411": "mistralai/pixtral-large-2411",
        "pixtral-12b-latest": "mistralai/pixtral-12b",
        "voxtral-small-2507": "mistralai/voxtral-small-24b-2507",
        "deepseek-v4-1-flash-1017": "deepseek/deepseek-v4.1-flash",
        "zai-glm-5-3": "z-ai/glm-5.3",
        "zai-glm-5-3-flash": "z-ai/glm-5.3-flash",
    },
    "moonshotai": {
        "kimi-k2-0711-preview": "moonshotai/kimi-k2",
        "kimi-k2-0905-preview": "moonshotai/kimi-k2-0905",
    },
    "novita": {
        "deepseek/deepseek_v3": "deepseek/deepseek-chat",
        "moonshotai/kimi-k2-instruct": "moonshotai/kimi-k2",
        "sao10k/l3-70b-euryale-v2.1": "sao10k/l3-euryale-70b",
        "sao10k/l3-8b-lunaris": "sao10k/l3-lunaris-8b",
        "sao10k/l31-70b-euryale-v2.2": "sao10k/l3.1-euryale-70b",
        "minimaxai/minimax-m1-80k": "minimax/minimax-m1",
    },
    "openai": {
        "codex-mini-latest": "openai/codex-mini",
        "o3-mini-high": "openai/o3-mini-high",
        "o4-mini-high": "openai/o4-mini-high",
        "gpt-4-0613": "openai/gpt-4-0613",
        "gpt-4o-mini-2024-07-18": "openai/gpt-4o-mini-2024-07-18",
    },
    "ovhcloud": {
        "Mistral-7B-Instruct-v0.3": "mistralai/mistral-7b-instruct-v0.3",
        "Mistral-Nemo-Instruct-2407": "mistralai/mistral-nemo",
        "Mistral-Small-3.2-24B-Instruct-2506": "mistralai/mistral-small-3.2-24b-instruct",
        "Mixtral-8x7B-Instruct-v0.1": "mistralai/mixtral-8x7b-instruct",
    },
    "perplexity": {
        "perplexity/deepseek-v4-pro-0813": "deepseek/deepseek-v4-pro-0813",
        "perplexity/glm-5.3": "z-ai/glm-5.3",
        "perplexity/glm-5.3-flash": "z-ai/glm-5.3-flash",
        "perplexity/kimi-k3": "moonshotai/kimi-k3",
    },
    "together": {
        "meta-llama/Llama-3.3-70B-Instruct-Turbo": "meta-llama/llama-3.3-70b-instruct",
        "meta-llama/Llama-3-70b-chat-hf": "meta-llama/llama-3-70b-instruct",
        "meta-llama/Llama-3-8b-chat-hf": "meta-llama/llama-3-8b-instruct",
        "meta-llama/Meta-Llama-3.1-405B-Instruct-Turbo": "meta-llama/llama-3.1-405b-instruct",
        "meta-llama/Meta-Llama-3.1-70B-Instruct-Turbo": "meta-llama/llama-3.1-70b-instruct",
        "meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo": "meta-llama/llama-3.1-8b-instruct",
        "mistralai/Mixtral-8x22B-Instruct-v0.1": "mistralai/mixtral-8x22b-instruct",
        "mistralai/Mixtral-8x7B-Instruct-v0.1": "mistralai/mixtral-8x7b-instruct",
        "meta-models/Muse-Spark-Open-816B-A42B": "meta/muse-spark-open",
        "nvidia/NVIDIA-Nemotron-3.5-Super-VL": "nvidia/nemotron-3.5-super-vl",
        "reflection/Beam-1.0-501B-A23B": "reflection/beam-1.0-501b-a23b",
        "ricursive-ai/Ripple-65B-Preview": "ricursiveai/ripple-65b-preview",
    },
    "xai": {
        "grok-4-0709": "x-ai/grok-4",
        "grok-4-1-fast": "x-ai/grok-4.1-fast",
        "grok-4-fast": "x-ai/grok-4-fast",
        "grok-3": "x-ai/grok-3",
        "grok-3-mini": "x-ai/grok-3-mini",
        "grok-4.20": "x-ai/grok-4.20",
        "grok-4.20-multi-agent": "x-ai/grok-4.20-multi-agent",
    },
    "z-ai": {
        "glm-4-32b-0414-128k": "z-ai/glm-4-32b",
    },
}

# Ids of the price data that the provider's own API does not know.
ALIASES_ONLY = {
    "anthropic": frozenset(
        {
            "claude-v1",
            "claude-2",
            "claude-3-sonnet",
            "claude-3-opus-latest",
            "claude-3-haiku",
            "claude-3-5-sonnet",
            "claude-3-5-haiku-latest",
            "claude-3-7-sonnet-latest",
        }
    ),
    "cohere": frozenset(
        {
            "command",
            "command-light",
            "command-a",
            "command-r",
            "command-r-plus",
            "command-r7b",
            "c4ai-aya-expanse-8b",
        }
    ),
    "deepseek": frozenset({"deepseek-v3.1-terminus", "deepseek-v3.2", "deepseek-v3.2-exp"}),
    "google-ai-studio": frozenset(
        {"gemini-flash-1.5", "gemini-flash-1.5-8b", "gemini-pro", "gemini-pro-1.5", "gemma-3"}
    ),
    "openai": frozenset(
        {"gpt-oss-120b", "gpt-oss-20b", "gpt-oss-safeguard-20b", "gpt-4-32k", "codex-mini"}
    ),
    "mistral": frozenset({"mistral-medium-3-1", "mistral-medium", "mistral-tiny", "mistral-7b"}),
    "moonshotai": frozenset({"kimi-k2"}),
}

# What is called by the Responses API: models that exist only there, and those that think, whose
# reasoning chat completions would hide and lose between turns (OpenRouter calls them so, too).
BY_RESPONSES = {
    "openai": re.compile(
        r"-pro(-|$)|codex|cyber|rosalind|^o\d(?!-(mini|preview)$)|^o[34]-mini"
        r"|^gpt-([5-9]|\d\d)(?!.*-(chat|search))"
    ),
    "xai": re.compile(r"^grok-(4|[5-9]|code|build)(?!.*non-reasoning)"),
}

# Models that do not answer chat completions, or whose price is per something else.
NOT_CHAT = re.compile(
    r"embed|whisper|(^|[/-])(tts|bge|gte)(-|$)|transcribe|moderation|realtime|ocr|rerank|robotics"
    r"|lyria|-live|live-|voice|orpheus|dall-e|davinci|curie|babbage|/ada$|^ada$|^ft:|\.ft-"
    r"|gpt-3\.5-turbo-instruct|image|nano-banana|omni-flash|computer-use|prompt-guard|m2m100"
    r"|indictrans|distilbert|deep-research|guard-[0-9]|google/claude|-maas$"
)

# Models of the APIs beside conversations: what they give, the source of their prices, which of
# its ids. Left out are those whose price is unknown or whose API is another (live sound, Gemini's
# speech and images).
BESIDE = (
    ("embeddings", "openai", re.compile(r"^text-embedding-")),
    ("embeddings", "azure", re.compile(r"^text-embedding-3-")),
    ("embeddings", "mistral", re.compile(r"^(mistral-embed|codestral-embed-2505)$")),
    ("embeddings", "cohere", re.compile(r"^embed-v4\.0$")),
    ("embeddings", "google", re.compile(r"^gemini-embedding-(001|2)$")),
    ("embeddings", "voyageai", re.compile(r"^voyage-(3|4|code-[34]|finance|law|multilingual)")),
    ("embeddings", "perplexity", re.compile(r"^pplx-embed-v1-")),
    ("embeddings", "cloudflare", re.compile(r"^@cf/(qwen/qwen3|pfnet/plamo)-embedding-")),
    ("embeddings", "ovhcloud", re.compile(r"^Qwen3-Embedding-")),
    ("image", "openai", re.compile(r"^(chatgpt|gpt)-image-")),
    ("speech", "openai", re.compile(r"^(tts-1(-hd)?|gpt-4o-mini-tts)$")),
    ("transcription", "openai", re.compile(r"^(whisper-1|gpt-(4o-|4o-mini-)?transcribe)$")),
    ("transcription", "groq", re.compile(r"^whisper-large-v3(-turbo)?$")),
    ("transcription", "mistral", re.compile(r"^voxtral-(mini|small)-transcribe-3-0$")),
)
BESIDE_HOSTS = {"azure": "azure", "voyageai": "voyage"}
BESIDE_SLUGS = {
    "@cf/pfnet/plamo-embedding-1b": "pfnet/plamo-embedding-1b",
    "@cf/qwen/qwen3-embedding-0.6b": "qwen/qwen3-embedding-0.6b",
    "Qwen3-Embedding-8B": "qwen/qwen3-embedding-8b",
    "whisper-large-v3": "openai/whisper-large-v3",
    "whisper-large-v3-turbo": "openai/whisper-large-v3-turbo",
}
BESIDE_TITLES = {
    "chatgpt-image-latest": "ChatGPT Image",
    "gemini-embedding-001": "Gemini Embedding 001",
    "gpt-4o-mini-transcribe": "GPT-4o Mini Transcribe",
    "gpt-4o-mini-tts": "GPT-4o Mini TTS",
    "gpt-4o-transcribe": "GPT-4o Transcribe",
    "gpt-transcribe": "GPT Transcribe",
    "text-embedding-3-large": "Text Embedding 3 Large",
    "text-embedding-3-small": "Text Embedding 3 Small",
    "text-embedding-ada-002": "Text Embedding Ada 002",
    "tts-1": "TTS-1",
    "tts-1-hd": "TTS-1 HD",
    "whisper-1": "Whisper 1",
}
BESIDE_READS = {"image": {"text", "image"}, "transcription": {"audio"}}

# Prices that recorded answers tell: the charge beside what it was for. Slug, what it gives,
# provider, its id, rates in pico-dollars.
RECORDED = (
    # 0.001 USD for one search unit
    ("cohere/rerank-v3.5", "rerank", "openrouter", "cohere/rerank-v3.5",
     {"prompt_picousd": 0, "completion_picousd": 0, "request_picousd": 10**9}),
    # 0.00000014 USD for seven tokens
    ("openai/text-embedding-3-small", "embeddings", "openrouter", "openai/text-embedding-3-small",
     {"prompt_picousd": 20_000, "completion_picousd": 0}),
)  # fmt: skip

# Who makes it, as it is written in display names.
AUTHOR_NAMES = {
    "amazon": "Amazon",
    "anthropic": "Anthropic",
    "cohere": "Cohere",
    "deepseek": "DeepSeek",
    "google": "Google",
    "meta": "Meta",
    "meta-llama": "Meta",
    "minimax": "MiniMax",
    "mistralai": "Mistral",
    "moonshotai": "MoonshotAI",
    "nvidia": "NVIDIA",
    "openai": "OpenAI",
    "perplexity": "Perplexity",
    "qwen": "Qwen",
    "voyageai": "Voyage AI",
    "x-ai": "xAI",
    "z-ai": "Z.AI",
}

# What newer models read besides text, first match wins; only where no listing says it.
MODALITY_RULES = (
    (r"^openai/gpt-(4o|audio)-?(audio|mini-audio)?", ("image", "file")),
    (r"^openai/(gpt-(4\.|5|6|chat)|o1$|o3$|o3-pro|o4|codex|gpt-4-turbo)", ("image", "file")),
    (r"^anthropic/claude", ("image", "file")),
    (r"^google/gemini", ("image", "file", "audio", "video")),
    (r"^google/gemma-(3|4)", ("image",)),
    (r"^x-ai/grok-(4|2-vision|vision)", ("image",)),
    (r"^meta-llama/llama-(4|3\.2-(11|90)b)", ("image",)),
    (r"^meta/muse-", ("image",)),
    (
        r"^mistralai/(pixtral|mistral-medium|mistral-small-|mistral-large-(2512|4)|ministral)",
        ("image",),
    ),
    (r"^mistralai/voxtral", ("audio",)),
    (r"^moonshotai/kimi-(k2\.[5-9]|k3|vl)", ("image",)),
    (r"^qwen/.*(-vl|vl-|3\.[5-9]|omni)", ("image", "video")),
    (r"^z-ai/glm-[45](\.\d)?v", ("image",)),
    (r"^perplexity/sonar", ("image",)),
    (r"^amazon/nova-(lite|pro|premier|2)", ("image",)),
    (r"(-|/)vl(-|$)|vision", ("image",)),
)

# Tokenizer families of `GET /models`, first match wins; only where no listing says it.
TOKENIZERS = (
    (r"^openai/gpt-oss", "Other"),
    (r"^openai/", "GPT"),
    (r"^anthropic/", "Claude"),
    (r"^google/", "Gemini"),
    (r"^x-ai/", "Grok"),
    (r"^meta-llama/llama-4", "Llama4"),
    (r"^meta-llama/llama-3", "Llama3"),
    (r"^meta-llama/llama-2", "Llama2"),
    (r"^mistralai/", "Mistral"),
    (r"^deepseek/", "DeepSeek"),
    (r"^qwen/qwen3", "Qwen3"),
    (r"^qwen/", "Qwen"),
    (r"^cohere/", "Cohere"),
    (r"^amazon/", "Nova"),
)
