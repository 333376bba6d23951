"""Rows of the catalogue routes, made from records."""

import pytest

from portico.routing.health import EndpointHealth
from portico.server.surfaces.models import endpoint_row, model_row
from portico.vocabulary import Endpoint, Model


def served(*windows, **fields):
    """A model with an endpoint for each window."""
    endpoints = tuple(
        Endpoint(
            model="acme/orca-2",
            provider=f"host-{number}",
            tag=f"host-{number}",
            upstream_model="orca-2",
            context_tokens=window,
            **fields,
        )
        for number, window in enumerate(windows)
    )
    return Model(slug="acme/orca-2", canonical_slug="acme/orca-2", name="Orca", endpoints=endpoints)


@pytest.mark.parametrize(
    ("windows", "listed", "of_model"),
    [
        ((8_000, 32_000), [8_000, 32_000], 32_000),
        ((8_000, None), [8_000, 8_000], 8_000),  # the same model, so the best that is known
        ((None, None), [0, 0], None),
    ],
)
def test_a_window_that_nobody_declared_is_that_of_the_model(windows, listed, of_model):
    model = served(*windows)

    rows = [endpoint_row(model, e, "Host", EndpointHealth()) for e in model.endpoints]

    assert [row["context_length"] for row in rows] == listed
    assert model_row(model)["context_length"] == of_model


def test_a_service_tier_is_told():
    model = served(8_000, service_tier="flex")

    assert (
        endpoint_row(model, model.endpoints[0], "Host", EndpointHealth())["service_tier"] == "flex"
    )
