"""Mistral: https://docs.mistral.ai/api

Its request schema is closed: unknown fields are refused, and so is any tool
call id that is not nine letters or digits. Its own fields (`safe_prompt`,
`prompt_mode`, `prefix` on a message, `document_url` parts) pass as they are.
"""

import hashlib
import re
from typing import Any

import msgspec

from portico.jsonio import JsonObject, dumps, loads
from portico.providers.base import STANDARD_PARAMETERS, Provider, SideForm
from portico.providers.patches import (
    cached_tokens_into_details,
    drop_foreign_message_fields,
    temperature_at_most,
)

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
    calls = message.get("tool_calls")
    known = [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    holders = [(call, "id") for call in known]
    for holder, field in [*holders, (message, "tool_call_id")]:
        call_id = holder.get(field)
        if isinstance(call_id, str) and not _FITS.fullmatch(call_id):
            holder[field] = nine_characters(call_id)
            changed = True
    return changed


def _patch_request(fields: dict[str, msgspec.Raw]) -> None:
    drop_foreign_message_fields(fields)
    temperature_at_most(1.5, fields)
    if (effort := fields.get("reasoning_effort")) is not None:
        fields["reasoning_effort"] = msgspec.Raw(_effort(loads(effort)))
    raw = fields.get("messages")
    if raw is None:
        return
    messages = loads(raw)
    thinks = "reasoning_effort" in fields or b"magistral" in bytes(fields.get("model", b""))
    changed = [_fit(message, thinks=thinks) for message in messages]
    if messages and messages[-1].get("role") == "assistant" and "prefix" not in messages[-1]:
        messages[-1]["prefix"] = True  # what is to be continued has to say so
        changed.append(True)
    if any(changed):
        fields["messages"] = msgspec.Raw(dumps(messages))


def _effort(wish: str) -> bytes:
    """There are two levels."""
    return b'"none"' if wish in {"none", "minimal"} else b'"high"'


def _fit(message: dict[str, Any], *, thinks: bool) -> bool:
    """Edit one message in place; True if anything had to change."""
    changed = _fit_ids(message)
    role, name = message.get("role"), message.get("name")
    if role == "developer":
        message["role"] = "system"
        changed = True
    if role != "tool" and "name" in message:  # only results have one
        del message["name"]
        changed = True
        if isinstance(name, str) and name:
            message["content"] = _said_by(name, message.get("content"))
    content = message.get("content")
    if isinstance(content, list):
        parts = [_document(part) for part in content if thinks or not _is_thought(part)]
        changed = changed or parts != content
        message["content"] = parts
    return changed


def _said_by(name: str, content: object) -> object:
    if isinstance(content, str):
        return f"{name}: {content}"
    if isinstance(content, list):
        return [{"type": "text", "text": f"{name}: "}, *content]
    return content


def _is_thought(part: object) -> bool:
    return isinstance(part, dict) and part.get("type") == "thinking"


def _document(part: Any) -> Any:
    """A file by content as the `document_url` that is asked for; one by id stays a file.

    https://docs.mistral.ai/capabilities/document_ai/document_qna
    """
    file = part.get("file") if isinstance(part, dict) and part.get("type") == "file" else None
    if not isinstance(file, dict):
        return part
    if file.get("file_data") is None:
        return {"type": "file", "file_id": file.get("file_id")}
    document = {"type": "document_url", "document_url": file["file_data"]}
    if file.get("filename"):
        document["document_name"] = file["filename"]
    return document


def _patch_chunk(chunk: JsonObject) -> None:
    cached_tokens_into_details(chunk, field="num_cached_tokens")
    usage = chunk.get("usage")
    if usage and usage.get("prompt_tokens_details"):
        _audio_into_prompt(usage)


def _audio_into_prompt(usage: JsonObject) -> None:
    """Voxtral counts audio beside the prompt: the total tells."""
    audio = usage["prompt_tokens_details"].get("audio_tokens")
    prompt, total = usage.get("prompt_tokens"), usage.get("total_tokens")
    known = all(isinstance(count, int) for count in (audio, prompt, total))
    if audio and known and total == prompt + audio + usage.get("completion_tokens", 0):
        usage["prompt_tokens"] = prompt + audio


def _patch_embeddings(fields: dict[str, msgspec.Raw]) -> None:
    """Vectors: the length has another name, and what is not known is refused."""
    if (length := fields.pop("dimensions", None)) is not None:
        fields["output_dimension"] = length
    for name in ("user", "input_type"):
        fields.pop(name, None)


PROVIDER = Provider(
    slug="mistral",
    name="Mistral",
    base_url="https://api.mistral.ai/v1",
    key_env=("MISTRAL_API_KEY",),
    supported_parameters=STANDARD_PARAMETERS | {"reasoning", "reasoning_effort", "prediction"},
    renamed_parameters={"seed": "random_seed"},
    reasoning_field="reasoning_effort",
    replayed_reasoning="thinking",
    side_paths={"rerank": "", "images": ""},
    side_forms={"embeddings": SideForm(request=_patch_embeddings)},
    takes_stream_options=False,
    patch_request=_patch_request,
    patch_chunk=_patch_chunk,
    privacy_policy_url="https://mistral.ai/terms/#privacy-policy",
    terms_of_service_url="https://mistral.ai/terms/#terms-of-use",
    status_page_url="https://status.mistral.ai",
    headquarters="FR",
)
