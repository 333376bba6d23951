"""Voyage AI, which has embeddings and reranking only: https://docs.voyageai.com/reference"""

import msgspec

from portico.providers.base import Provider, SideForm


def _patch_embeddings(fields: dict[str, msgspec.Raw]) -> None:
    """Vectors: the length has another name, and lists of numbers have none."""
    if (length := fields.pop("dimensions", None)) is not None:
        fields["output_dimension"] = length
    for name in ("encoding_format", "user"):
        fields.pop(name, None)


def _patch_rerank(fields: dict[str, msgspec.Raw]) -> None:
    if (most := fields.pop("top_n", None)) is not None:
        fields["top_k"] = most
    fields.pop("user", None)


PROVIDER = Provider(
    slug="voyage",
    name="Voyage AI",
    base_url="https://api.voyageai.com/v1",
    key_env=("VOYAGE_API_KEY",),
    supported_parameters=frozenset(),
    side_paths={"images": "", "speech": "", "transcriptions": ""},
    side_forms={
        "embeddings": SideForm(request=_patch_embeddings, most_inputs=1000),
        "rerank": SideForm(request=_patch_rerank),
    },
    headquarters="US",
)
