"""What a check found wrong with one record, as one line per broken rule."""


class Findings:
    """Collects broken rules of one record. The first detail of a rule is kept, the rest counted.

    A rule is a dotted name ("stream.role"); reports are grouped by it and
    `explained.toml` may name it.
    """

    def __init__(self) -> None:
        self._found: dict[str, tuple[str, int]] = {}

    def add(self, rule: str, detail: str) -> None:
        first, count = self._found.get(rule, (detail, 0))
        self._found[rule] = (first, count + 1)

    def check(self, rule: str, detail: str, *, holds: bool) -> None:
        """Add `detail` under `rule` unless `holds`."""
        if not holds:
            self.add(rule, detail)

    def lines(self) -> list[str]:
        """One line per broken rule, in the order they were first broken."""
        return [
            f"{rule}: {detail}" + (f" (and {count - 1} more)" if count > 1 else "")
            for rule, (detail, count) in self._found.items()
        ]

    def __bool__(self) -> bool:
        return bool(self._found)


def short(value: object, *, limit: int = 80) -> str:
    """`value` as one line of at most `limit` characters, cut in the middle."""
    text = repr(value)
    if len(text) <= limit:
        return text
    return f"{text[: limit // 2]}…{text[-limit // 2 + 1 :]}"
