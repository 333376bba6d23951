"""All checks of one record, in the order a reader would make them."""

import msgspec

from tests.conformance.accumulate import JsonObject, Native
from tests.conformance.apis import Api
from tests.conformance.asking import Asked, read_chat
from tests.conformance.compare import Prices, compare_answer, compare_failure
from tests.conformance.corpus import Record
from tests.conformance.findings import Findings, short
from tests.conformance.grammar import check_stream
from tests.conformance.pairs import Pair, check_pair_answer, check_pair_sent
from tests.conformance.received import Received, read_received
from tests.conformance.schema import Schemas
from tests.conformance.sent import check_asked, check_sent
from tests.conformance.shape import check_body, check_error_body, check_generation_id, check_head
from tests.conformance.upstream import Arrival


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that happened for one record.

    `asked` is the client's body, `arrivals` what the upstream saw of it (several
    after retries). `secret` is the gateway key, which must not travel on;
    `private` are client headers (lower case) that must not either.
    """

    record: Record
    api: Api
    native: Native
    model: str
    asked: JsonObject
    received: Received
    arrivals: list[Arrival]
    secret: str
    private: tuple[str, ...] = ()
    pair: Pair | None = None


def check_exchange(exchange: Exchange, *, prices: Prices, schemas: Schemas | None) -> list[str]:
    """Return the broken rules of one record as lines; empty means passed."""
    findings = Findings()
    received = exchange.received
    if received.unreadable is not None:
        findings.add("answer.unreadable", f"{received.unreadable}; {short(received.raw)}")
        return findings.lines()
    _check_sent(findings, exchange)
    check_head(findings, received)
    if exchange.arrivals:
        check_generation_id(findings, received)
    _check_schema(findings, received, schemas)
    if received.status == 200 and received.stream:
        check_stream(findings, received, model=exchange.model)
    _check_answer(findings, exchange, prices)
    if exchange.pair is not None and received.status == 200:
        recorded = exchange.pair.openrouter
        theirs = read_received(
            status=recorded.status, headers=recorded.headers, raw=recorded.body.lstrip()
        )
        check_pair_answer(findings, exchange.pair, received, theirs)
    return findings.lines()


def _check_sent(findings: Findings, exchange: Exchange) -> None:
    """The upstream was asked, for what the client said, and without the gateway's secrets.

    A request that the recorded provider itself refused may be refused here already.
    """
    failure = exchange.native.failure
    refused = failure is not None and (failure.status or 0) in {400, 413, 422}
    if not exchange.arrivals and not refused:
        received = exchange.received
        message = short((received.error or {}).get("message"), limit=160)
        findings.add("sent.nothing", f"answered {received.status} by itself: {message}")
    for arrival in exchange.arrivals[:1]:
        _compare_requests(findings, exchange, arrival.body)
        leaked = [name for name, value in arrival.headers.items() if exchange.secret in value]
        findings.check("sent.gateway-key", f"in {leaked}", holds=not leaked)
        shown = [name for name in exchange.private if name in arrival.headers]
        findings.check("sent.client-headers", f"{shown} passed on", holds=not shown)


def _compare_requests(findings: Findings, exchange: Exchange, arrived: JsonObject) -> None:
    """A request that the recorded provider refused need not arrive as it was recorded."""
    understand, failure = exchange.api.understand, exchange.native.failure
    if exchange.pair is not None:
        read = understand or read_chat
        check_pair_sent(
            findings,
            asked=read_chat(exchange.asked),
            found=read(arrived),
            recorded=read(exchange.pair.native.request or {}),
        )
    elif understand is None:
        check_sent(findings, exchange.asked, arrived)
    elif failure is None or not 400 <= (failure.status or 0) < 500:
        recorded = exchange.record.request
        wanted: Asked = read_chat(exchange.asked) if recorded is None else understand(recorded)
        found = understand(arrived)
        if recorded is None:  # only the turns of the one invented question can be compared
            wanted.wishes, found.wishes = {}, {}
        check_asked(findings, wanted, found)


def _check_schema(findings: Findings, received: Received, schemas: Schemas | None) -> None:
    if schemas is None:
        return
    for body in received.bodies:
        if received.stream:
            problems = schemas.chunk(body)
        elif received.status == 200 and "error" not in body:
            problems = schemas.result(body)
        else:
            problems = schemas.error(received.status, body)
        for problem in problems:
            findings.add("schema", problem)


def _check_answer(findings: Findings, exchange: Exchange, prices: Prices) -> None:
    native, received = exchange.native, exchange.received
    is_answer = native.failure is None and native.complete
    if received.status == 200 and received.stream != exchange.record.stream:
        findings.add("answer.kind", f"content-type {received.headers.get('content-type')!r}")
        return
    if native.doubts:
        _check_shape(findings, exchange)
    elif not is_answer:
        sent = bool(exchange.arrivals) and bool(exchange.record.body.strip())
        compare_failure(findings, native, received, sent=sent)
    elif received.status != 200 or received.error is not None:
        error = received.error or {}
        metadata = error.get("metadata") or {}
        detail = f"{received.status}: {error.get('message')} {short(metadata.get('raw'))}"
        findings.add("answer.failed", detail)
    else:
        _check_shape(findings, exchange)
        compare_answer(findings, native, received, prices, exchange.api.usage)


def _check_shape(findings: Findings, exchange: Exchange) -> None:
    """The shape alone; a stream's has been checked already."""
    received = exchange.received
    if received.status != 200:
        check_error_body(findings, received)
    elif not received.stream:
        check_body(findings, received.bodies[0], model=exchange.model)
