"""APIs beside conversations, each the same with every provider that has it.

They are dialects that only ever meet themselves: what a client sends goes to
the provider in its own bytes, what comes back in the provider's, with the price.
What is billed differs: tokens, characters, seconds, search units, images.
"""

from portico.dialects.side import embeddings, rerank

EMBEDDINGS = embeddings.DIALECT
RERANK = rerank.DIALECT

__all__ = ["EMBEDDINGS", "RERANK"]
