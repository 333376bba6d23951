"""`make conformance`: drive a real gateway with recorded provider answers and judge its own.

    python tests/conformance/run.py --corpus DIR --report FILE [--provider X] [--verbose]

Needs the recordings (skipped without them) and an installed `portico`. With
`--gateway URL --key KEY --upstream-port N` a gateway that already runs is used;
`--write-config FILE` writes the configuration it needs.
"""

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import aiohttp

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.conformance.accumulate import Native, is_torn
from tests.conformance.apis import APIS, Api
from tests.conformance.check import Exchange, check_exchange
from tests.conformance.compare import Prices
from tests.conformance.corpus import (
    Record,
    Unreadable,
    all_records,
    client_request,
    mark_reasoning,
    read_records,
)
from tests.conformance.gateway import (
    GatewayFailed,
    GatewayProcess,
    configuration,
    gateway_command,
    model_of,
)
from tests.conformance.pairs import Pair, pair_record, pair_request, paired_apis, read_pairs
from tests.conformance.received import Received, read_received
from tests.conformance.report import (
    Explained,
    Outcome,
    judge,
    load_explained,
    print_report,
    summary,
    write_report,
)
from tests.conformance.schema import SchemaError, Schemas, load_schemas
from tests.conformance.upstream import ReplayUpstream

_HERE = Path(__file__).resolve().parent
_TIMEOUT_S = 60.0
# What names an API in which one talks with a model, and the one whose answers are the model.
_CONVERSATIONS = ("chat", "messages", "generate", "converse", "invoke", "responses", "completions")
_RECORDED_ANSWERS = "openrouter-chat"
_PRICES = Prices(
    prompt=Decimal("1.00"),
    completion=Decimal("3.00"),
    cache_read=Decimal("0.25"),
    cache_write=Decimal("1.25"),
)
# Identity of the calling app: the gateway's business, not the upstream's.
_APP_HEADERS = {"HTTP-Referer": "https://app.example", "X-Title": "Conformance"}


class Run:
    """One pass over the records of one API against one gateway."""

    def __init__(
        self,
        records: dict[int, Record],
        *,
        api: Api,
        pairs: dict[int, Pair],
        schemas: Schemas | None,
        explanations: Sequence[Explained],
    ) -> None:
        self.api = api
        self._records = records
        self._pairs = pairs
        self._schemas = schemas
        self._explanations = explanations
        self.upstream = ReplayUpstream(records)
        self.outcomes: dict[int, Outcome] = {}

    async def drive(self, url: str, key: str, *, jobs: int) -> None:
        """Send every record's request, `jobs` at a time, and judge the answers."""
        waiting = iter(self._records)
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        connector = aiohttp.TCPConnector(limit=jobs)

        async def worker(session: aiohttp.ClientSession) -> None:
            for number in waiting:
                self.outcomes[number] = await self._one(session, url, key, number)
                self._show_progress()

        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            await asyncio.gather(*(worker(session) for _ in range(jobs)))

    async def _one(
        self, session: aiohttp.ClientSession, url: str, key: str, number: int
    ) -> Outcome:
        """Ask for one record and judge; whatever goes wrong becomes a finding of its own."""
        record = self._records[number]
        try:
            lines = await self._findings(session, url, key, number)
        except (aiohttp.ClientError, TimeoutError) as error:
            lines = [f"answer.transport: {type(error).__name__} {error}"]
        except Exception as error:  # noqa: BLE001  # one odd answer must not end the run
            lines = [f"check.crashed: {type(error).__name__} {error}"]
        return judge(record, lines, self._explanations)

    async def _findings(
        self, session: aiohttp.ClientSession, url: str, key: str, number: int
    ) -> list[str]:
        record = self._records[number]
        model = model_of(number)
        pair = self._pairs.get(number)
        if pair is None:
            asked = client_request(record, model, self.api.client_request)
            mark_reasoning(asked, self.api.formats.get(record.provider))
        else:
            asked = {**pair_request(pair), "model": model}
        exchange = Exchange(
            record=record,
            api=self.api,
            native=read_answer(self.api, record),
            model=model,
            asked=asked,
            received=await self._ask(session, url, key, asked),
            arrivals=self.upstream.arrivals.setdefault(number, []),
            secret=key,
            private=tuple(name.lower() for name in _APP_HEADERS),
            pair=pair,
        )
        return check_exchange(exchange, prices=_PRICES, schemas=self._schemas)

    @staticmethod
    async def _ask(
        session: aiohttp.ClientSession, url: str, key: str, asked: dict[str, object]
    ) -> Received:
        headers = {"Authorization": f"Bearer {key}", **_APP_HEADERS}
        path = f"{url.rstrip('/')}/api/v1/chat/completions"
        async with session.post(path, json=asked, headers=headers) as response:
            raw = await response.read()
            names = {name.lower(): value for name, value in response.headers.items()}
            return read_received(status=response.status, headers=names, raw=raw)

    def _show_progress(self) -> None:
        done, total = len(self.outcomes), len(self._records)
        step = max(1, total // 10)
        if done % step == 0 or done == total:
            failed = sum(not outcome.passed() for outcome in self.outcomes.values())
            name = self.api.name
            print(f"conformance: {name} {done}/{total} done, {failed} failed", file=sys.stderr)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    default = _HERE.parents[2] / "shared" / "corpus"
    parser.add_argument("--corpus", type=Path, default=default, help="folder of the recordings")
    parser.add_argument("--openapi", type=Path, help="OpenAPI file (default: beside the corpus)")
    parser.add_argument("--report", type=Path, help="where to write the JSON report")
    parser.add_argument("--provider", help="only this provider of the corpus")
    parser.add_argument("--api", help=f"only one of {', '.join(APIS)}")
    parser.add_argument("--id", help="only records whose id contains this")
    parser.add_argument("--jobs", type=int, default=8, help="requests in flight")
    parser.add_argument("--verbose", action="store_true", help="every reason of every failure")
    parser.add_argument("--gateway", metavar="URL", help="use a gateway that already runs")
    parser.add_argument("--key", help="its key")
    parser.add_argument("--upstream-port", type=int, default=0, help="port of the replay upstream")
    parser.add_argument("--write-config", type=Path, help="write portico.toml and end")
    options = parser.parse_args(argv)
    if bool(options.gateway) != bool(options.key):
        parser.error("--gateway and --key belong together")
    if (options.gateway or options.write_config) and not (options.upstream_port and options.api):
        parser.error("a gateway of your own needs one --api and a fixed --upstream-port")
    return options


def _load_records(options: argparse.Namespace, api: Api) -> dict[int, Record]:
    records: dict[int, Record] = {}
    for row in read_records(options.corpus, api=api.name, provider=options.provider):
        if isinstance(row, Unreadable):
            print(f"conformance: cannot read {row.place}: {row.reason}")
        elif options.id is None or options.id in row.id:
            served = row if api.as_served is None else api.as_served(row)
            records[len(records) + 1] = served
    return records


def _add_pairs(
    options: argparse.Namespace, api: Api, records: dict[int, Record]
) -> dict[int, Pair]:
    """Add the records that the pairs of `api` are answered with; return the pairs by number."""
    pairs: dict[int, Pair] = {}
    for pair in read_pairs(options.corpus, api=api.name):
        if isinstance(pair, Unreadable):
            print(f"conformance: cannot read {pair.place}: {pair.reason}")
            continue
        served = pair.native if api.as_served is None else api.as_served(pair.native)
        record = pair_record(pair, served)
        wanted = options.provider in {None, record.provider}
        if wanted and (options.id is None or options.id in record.id):
            records[len(records) + 1] = record
            pairs[len(records)] = pair
    return pairs


def read_answer(api: Api, record: Record) -> Native:
    """What the gateway must say for `record`; a reader that fails leaves a doubt, not a crash."""
    native = api.read_answer(record.body, record.status, record.stream)
    if any(is_torn(choice.text) for choice in native.choices.values()):
        native.doubts.append("half of a surrogate pair is not text")
    return native


def _load_schemas(options: argparse.Namespace) -> Schemas | None:
    path = options.openapi or options.corpus.resolve().parent / "openrouter" / "openapi.yaml"
    if not path.exists():
        print(f"conformance: no OpenAPI description at {path}, schemas are not checked")
        return None
    return load_schemas(path)


async def _with_own_gateway(run: Run, records: dict[int, Record], *, jobs: int) -> None:
    port = await run.upstream.start()
    with tempfile.TemporaryDirectory(prefix="conformance-") as name:
        folder = Path(name)
        config = folder / "portico.toml"
        config.write_text(
            configuration(records, api=run.api, upstream_port=port, prices=_PRICES),
            encoding="utf-8",
        )
        gateway = GatewayProcess(command=gateway_command(), folder=folder, config=config)
        try:
            await gateway.start()
            await run.drive(gateway.url, await gateway.create_key(), jobs=jobs)
        finally:
            await gateway.stop()
            await run.upstream.stop()


async def _with_running_gateway(run: Run, options: argparse.Namespace) -> None:
    await run.upstream.start(port=options.upstream_port)
    try:
        await run.drive(options.gateway, options.key, jobs=options.jobs)
    finally:
        await run.upstream.stop()


def main(argv: Sequence[str] | None = None) -> int:
    """Run and return the exit code: 0 all passed or skipped, 1 failures, 2 it could not run."""
    options = _arguments(argv)
    if not options.corpus.is_dir():
        print(f"conformance: corpus not found at {options.corpus}, skipped")
        return 0
    if options.api is not None and options.api not in APIS:
        print(f"conformance: no accumulator for {options.api}, skipped")
        return 0
    chosen = [APIS[options.api]] if options.api else list(APIS.values())
    if options.write_config:
        _write_config(options, chosen[0])
        return 0
    outcomes: list[Outcome] = []
    try:
        schemas = _load_schemas(options)
        explanations = load_explained(_HERE / "explained.toml")
        for api in chosen:
            records = _load_records(options, api)
            pairs = _add_pairs(options, api, records)
            if not records:
                continue
            run = Run(records, api=api, pairs=pairs, schemas=schemas, explanations=explanations)
            _drive(run, records, options)
            outcomes += [run.outcomes[number] for number in sorted(run.outcomes)]
    except (GatewayFailed, SchemaError) as error:
        print(f"conformance: {error}")
        print("conformance: could not run")
        return 2
    if options.api is None and options.provider is None and options.id is None:
        _print_not_run(options.corpus)
    report = summary(outcomes)
    print_report(report, verbose=options.verbose)
    if options.report:
        write_report(report, options.report)
    print(f"conformance: {report['passed']} passed, {report['failed']} failed")
    return 1 if report["failed"] else 0


def _print_not_run(corpus: Path) -> None:
    """Name what of the corpus nobody looked at: conversations in APIs without a dialect here."""
    records = Counter(row.api for row in all_records(corpus) if isinstance(row, Record))
    pairs = paired_apis(corpus)
    for api in sorted(records.keys() | pairs.keys()):
        side = not any(word in api for word in _CONVERSATIONS) or api == _RECORDED_ANSWERS
        if api not in APIS and (pairs[api] or not side):
            print(
                f"conformance: not run, no dialect: {api}, {records[api]} records, {pairs[api]} pairs"
            )


def _write_config(options: argparse.Namespace, api: Api) -> None:
    records = _load_records(options, api)
    _add_pairs(options, api, records)
    text = configuration(records, api=api, upstream_port=options.upstream_port, prices=_PRICES)
    options.write_config.write_text(text, encoding="utf-8")


def _drive(run: Run, records: dict[int, Record], options: argparse.Namespace) -> None:
    """Run the records of one API against a gateway of its own, or the one that was named."""
    if options.gateway:
        asyncio.run(_with_running_gateway(run, options))
    else:
        asyncio.run(_with_own_gateway(run, records, jobs=options.jobs))
    for stray in sorted(set(run.upstream.strays)):
        print(f"conformance: the gateway also asked for {stray}")


if __name__ == "__main__":
    sys.exit(main())
