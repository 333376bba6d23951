import pytest

from portico.errors import UpstreamUnavailable
from portico.ports import UpstreamRequest
from portico.transport.switching import SwitchingTransport
from portico.vocabulary import Reservation

PAID = Reservation(generation_id="g", key_hash="k", amount_picousd=1)


class Named:
    """Stands for a transport: opening says its name."""

    def __init__(self, name):
        self.name, self.closed = name, 0

    def open(self, request, reservation):
        assert reservation is PAID
        return self.name

    async def aclose(self):
        self.closed += 1


def opened(transport, url):
    return transport.open(UpstreamRequest(method="POST", url=url, headers=(), body=b""), PAID)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://api.example/openai/v1/chat", "secure"),
        ("https://API.example:443/", "secure"),
        ("http://api.example/", "plain"),
        ("http://127.0.0.1:8401/v1", "local"),
        ("http://127.0.0.1:8402/v1", "other"),
        ("https://elsewhere.example/", "other"),
    ],
)
def test_a_request_goes_where_its_origin_leads(url, name):
    routes = {
        "https://api.example": Named("secure"),
        "http://api.example": Named("plain"),
        "http://127.0.0.1:8401": Named("local"),
    }

    assert opened(SwitchingTransport(routes, default=Named("other")), url) == name


def test_an_origin_that_leads_nowhere_is_unavailable():
    with pytest.raises(UpstreamUnavailable):
        opened(SwitchingTransport({}), "https://api.example/")


async def test_every_transport_is_closed_once():
    shared, default = Named("shared"), Named("default")
    switch = SwitchingTransport({"http://a": shared, "http://b": shared}, default=default)

    await switch.aclose()

    assert (shared.closed, default.closed) == (1, 1)
