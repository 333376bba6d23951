"""Recordings to answer from: which one a request means, and which is next where it means several."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from portico.cassette.matching import (
    Matcher,
    chat_body,
    closest_miss,
    explain,
    matches,
    method,
    path,
)
from portico.cassette.model import Cassette, Interaction, RecordedRequest
from portico.cassette.redaction import Redactor
from portico.errors import CassetteMiss


class Library:
    """Answers requests from cassettes.

    A request that was recorded several times is answered in the recorded
    order, and the last answer repeats. Finding is one step: requests that come
    at the same time each take a recording of their own.

    State: which recordings were used.

    Args:
        cassettes: searched in order.
        match_on: what must be equal for a recording to answer a request.
        hint: appended to the message of a miss: what the user can do.
        redactor: both sides are compared as it leaves them; None compares them
            as they are.
    """

    def __init__(
        self,
        cassettes: Iterable[Cassette],
        *,
        match_on: Sequence[Matcher] = (method, path, chat_body),
        hint: str = "",
        redactor: Redactor | None = None,
    ) -> None:
        self._recorded = [(tape.name, one) for tape in cassettes for one in tape.interactions]
        self._redactor = redactor
        self._requests = [_compared(one.request, redactor) for _, one in self._recorded]
        self._used = [False] * len(self._recorded)
        self._match_on = match_on
        self._hint = hint

    def __len__(self) -> int:
        return len(self._recorded)

    @property
    def requests(self) -> list[RecordedRequest]:
        """What was asked, as it is compared."""
        return list(self._requests)

    def rewind(self) -> None:
        """Begin every sequence of repeated requests anew."""
        self._used = [False] * len(self._recorded)

    def knows(self, request: RecordedRequest, secrets: Iterable[str] = ()) -> bool:
        """Whether a recording answers `request`; none is used up."""
        return bool(self._fitting(self._asked(request, secrets)))

    def find(self, request: RecordedRequest, secrets: Iterable[str] = ()) -> Interaction:
        """Return the recording that answers `request` now, and count it as used.

        Args:
            request: what is asked.
            secrets: what the request may hold that recordings do not.

        Raises:
            CassetteMiss: there is none.
        """
        asked = self._asked(request, secrets)
        fitting = self._fitting(asked)
        if not fitting:
            raise self._miss(asked)
        number = next((n for n in fitting if not self._used[n]), fitting[-1])
        self._used[number] = True
        return self._recorded[number][1]

    def _asked(self, request: RecordedRequest, secrets: Iterable[str]) -> RecordedRequest:
        redactor = self._redactor
        return _compared(request, redactor.knowing(secrets) if redactor else None)

    def _fitting(self, asked: RecordedRequest) -> list[int]:
        return [
            number
            for number, recorded in enumerate(self._requests)
            if matches(asked, recorded, self._match_on)
        ]

    def _miss(self, asked: RecordedRequest) -> CassetteMiss:
        labels = list(self._labels())
        closest = closest_miss(asked, self._requests, self._match_on)
        why = explain(asked, self._requests, self._match_on, labels=labels)
        message = f"No recording matches the request: {why}."
        return CassetteMiss(
            f"{message} {self._hint}" if self._hint else message,
            recordings=len(self._requests),
            closest=labels[closest[0]] if closest else None,
            differs_in=closest[1] if closest else [],
        )

    def _labels(self) -> Iterator[str]:
        """What messages call each recording."""
        places: Counter[str] = Counter()
        for name, _ in self._recorded:
            yield f"interaction {places[name]}" + (f" of {name}" if name else "")
            places[name] += 1


def _compared(request: RecordedRequest, redactor: Redactor | None) -> RecordedRequest:
    return redactor.request(request) if redactor else request
