"""What the tests of this dialect share."""

from portico.dialects.base import Envelope

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "us.amazon.nova-2-lite-v1:0"
ENVELOPE = Envelope(
    generation_id="gen-1-a", created_s=1, model="anthropic/claude-sonnet-4.5",
    provider="Amazon Bedrock",
)  # fmt: skip
