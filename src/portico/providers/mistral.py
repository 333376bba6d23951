"""Mistral: https://docs.mistral.ai/api

Its request schema is closed: unknown fields are refused, and so is any tool
call id that is not nine letters or digits.
"""

import hashlib
import re
from typing import Any

import msgspec

from portico.jsonio import JsonObject, dumps, loads
from portico.providers.base import STANDARD_PARAMETERS, Provider
from portico.providers.patches import cached_tokens_into_details, drop_foreign_message_fields

_FITS = re.compile(r"[a-zA-Z0-9]{9}")
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def nine_characters(call_id: str) -> str:
    """Return `call_id` if Mistral takes it, else nine letters and digits made from it.

    The same id always gives the same result, so calls and their results stay
    together over turns and processes.

    >>> nine_characters("D681PevKs")
    'D681PevKs'
    >>> nine_characters("functions.add:0") == nine_characters("functions.add:0")
    True
    """
    if _FITS.fullmatch(call_id):
        return call_id
    number = int.from_bytes(hashlib.sha256(call_id.encode()).digest())
    digits = []
    for _ in range(9):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(digits)


def _fit_ids(message: dict[str, Any]) -> bool:
    """Rewrite the ids of one message in place; True if one had to change."""
    changed = False
    holders = [(call, "id") for call in message.get("tool_calls") or ()]
    for holder, field in [*holders, (message, "tool_call_id")]:
        call_id = holder.get(field)
        if isinstance(call_id, str) and not _FITS.fullmatch(call_id):
            holder[field] = nine_characters(call_id)
            changed = True
    return changed


def _patch_request(fields: dict[str, msgspec.Raw]) -> None:
    drop_foreign_message_fields(fields)
    raw = fields.get("messages")
    if raw is None or b'"tool_call' not in bytes(raw):
        return
    messages = loads(raw)
    changed = [_fit_ids(message) for message in messages]
    if any(changed):
        fields["messages"] = msgspec.Raw(dumps(messages))


def _patch_chunk(chunk: JsonObject) -> None:
    cached_tokens_into_details(chunk, field="num_cached_tokens")


PROVIDER = Provider(
    slug="mistral",
    name="Mistral",
    base_url="https://api.mistral.ai/v1",
    key_env=("MISTRAL_API_KEY",),
    supported_parameters=STANDARD_PARAMETERS | {"reasoning", "reasoning_effort", "prediction"},
    renamed_parameters={"seed": "random_seed"},
    reasoning_field="reasoning_effort",
    takes_stream_options=False,
    patch_request=_patch_request,
    patch_chunk=_patch_chunk,
    privacy_policy_url="https://mistral.ai/terms/#privacy-policy",
    terms_of_service_url="https://mistral.ai/terms/#terms-of-use",
    status_page_url="https://status.mistral.ai",
    headquarters="FR",
)
