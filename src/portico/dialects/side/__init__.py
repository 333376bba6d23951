"""APIs beside conversations, each the same with every provider that has it.

They are dialects that only ever meet themselves: what a client sends goes to
the provider in its own bytes, what comes back in the provider's, with the price.
A provider with a form of its own restates both in its record. What is billed
differs: tokens, characters, seconds, search units, images.
"""

from portico.dialects.side import embeddings, images, rerank, speech, transcriptions

EMBEDDINGS = embeddings.DIALECT
IMAGES = images.DIALECT
RERANK = rerank.DIALECT
SPEECH = speech.DIALECT
TRANSCRIPTIONS = transcriptions.DIALECT

__all__ = ["EMBEDDINGS", "IMAGES", "RERANK", "SPEECH", "TRANSCRIPTIONS"]
