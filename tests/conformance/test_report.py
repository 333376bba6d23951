"""Counting by feature, and the list of accepted failures."""

from pathlib import Path

import pytest

from tests.conformance.corpus import Record
from tests.conformance.report import Explained, features_of, judge, load_explained, summary, table


def _record(name: str, *, stream: bool = False) -> Record:
    features = ("stream" if stream else "non_stream", "tools")
    return Record(id=name, provider="acme", api="openai-chat", stream=stream, features=features)


def test_a_record_counts_once_in_the_totals_and_once_per_feature() -> None:
    good = judge(_record("a"), [], [])
    bad = judge(_record("b", stream=True), ["same.text: lost", "schema: id"], [])

    report = summary([good, bad])

    assert (report["total"], report["passed"], report["failed"]) == (2, 1, 1)
    assert {(row["feature"], row["passed"], row["failed"]) for row in report["by"]} == {
        ("json", 1, 0),
        ("stream", 0, 1),
        ("tools", 1, 1),
    }
    assert report["rules"] == {"same.text": 1, "schema": 1}
    assert report["failures"][0]["id"] == "b"
    assert len(table(report).splitlines()) == 5


def test_a_label_for_the_kind_of_answer_is_replaced_by_what_was_run() -> None:
    assert features_of(_record("a")) == ["json", "tools"]


def test_only_a_matching_explanation_excuses_a_finding() -> None:
    explained = [Explained(id="a", rule="same.text", reason="known")]

    excused = judge(_record("a#1"), ["same.text: lost"], explained)
    other_rule = judge(_record("a#1"), ["schema: id"], explained)
    other_record = judge(_record("b#1"), ["same.text: lost"], explained)

    assert excused.passed()
    assert excused.explained == ["same.text: lost [known]"]
    assert not other_rule.passed()
    assert not other_record.passed()


def test_an_explanation_of_everything_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "explained.toml"
    path.write_text('[[explained]]\nreason = "all of it"\n', encoding="utf-8")

    with pytest.raises(ValueError, match="needs an id or a rule"):
        load_explained(path)


def test_the_shipped_explanations_are_readable() -> None:
    entries = load_explained(Path(__file__).with_name("explained.toml"))

    assert all(len(entry.reason) > 20 for entry in entries)
