"""What is kept of an explanation, all of whose numbers differ."""

from stages.core.relevance.by_family import ALONE, GIVEN_REST, WHOLE, Relevance
from stages.core.relevance.explanation import Explanation, Family, Recovery, four, table_of
from stages.core.relevance.sharing import Shared


def row(kind: str, task: str, part: str, family: str, value: float | None, group: str = "") -> Relevance:
    return Relevance(kind, family, task, part, group, value, -0.5, 0.5)


FOUND = Explanation(
    run="r",
    scores={"mood": "ccc", "age": "mae"},
    confidence=0.95,
    clips=7,
    speakers=3,
    families=[Family("pitch", 2, 0.5), Family("timing", 3, None)],
    relevance=[
        row(ALONE, "mood", "Awe", "pitch", 0.123456),
        row(ALONE, "mood", "Fear", "pitch", -0.00001),
        row(ALONE, "mood", WHOLE, "pitch", 0.2),
        row(ALONE, "mood", "Awe", "pitch", 0.9, "China"),
        row(ALONE, "mood", "Awe", "timing", None),
        row(GIVEN_REST, "mood", "Awe", "pitch", 0.3),
        row(GIVEN_REST, "age", "Age", "pitch", 0.4),
        row(GIVEN_REST, "age", WHOLE, "pitch", 0.5),
    ],
    features=[],
    recovery=[
        Recovery(ALONE, "mood", 0.61234, 8),
        Recovery(ALONE, "age", None, 2),
        Recovery(GIVEN_REST, "mood", 0.7, 8),
    ],
    shared=[
        Shared("families", "mood", "age", 0.12345),
        Shared("trunks", "mood", "mood", 0.9, 0.8, 1.0, 0.1),
        Shared("trunks", "mood", "age", None),
    ],
    gaps=[],
)


def test_what_metrics_keep() -> None:
    assert FOUND.metrics() == {
        "relevance": {
            ALONE: {
                "mood": {
                    "Awe": {"pitch": 0.1235, "timing": None},
                    "Fear": {"pitch": 0.0},
                    "all": {"pitch": 0.2},
                }
            },
            GIVEN_REST: {
                "mood": {"Awe": {"pitch": 0.3}},
                "age": {"Age": {"pitch": 0.4}, "all": {"pitch": 0.5}},
            },
        },
        "shared": {
            "families": {"mood, age": 0.1235},
            "trunks": {"mood, mood": 0.9, "mood, age": None},
        },
        "recovery": {ALONE: {"mood": 0.6123, "age": None}, GIVEN_REST: {"mood": 0.7}},
    }
    people = Explanation(**{**vars(FOUND), "recovery": []})
    assert people.metrics().keys() == {"relevance", "shared"}


def test_rows_of_a_task_are_those_of_its_parts() -> None:
    assert FOUND.of_task(ALONE, "mood") == [FOUND.relevance[place] for place in (0, 1, 4)]
    assert FOUND.of_task(ALONE, "mood", "China") == [FOUND.relevance[3]]
    assert FOUND.of_task(GIVEN_REST, "age") == [FOUND.relevance[6]]


def test_tables_have_four_places_and_empty_cells() -> None:
    header, rows = table_of(FOUND.shared, Shared)
    assert header == ["measure", "first", "second", "value", "low", "high", "floor"]
    assert list(rows) == [
        ["families", "mood", "age", 0.1235, None, None, None],
        ["trunks", "mood", "mood", 0.9, 0.8, 1.0, 0.1],
        ["trunks", "mood", "age", None, None, None, None],
    ]
    header, rows = table_of(FOUND.recovery[:1], Recovery)
    assert (header, list(rows)) == (["kind", "task", "value", "cells"], [[ALONE, "mood", 0.6123, 8]])


def test_nothing_has_no_sign() -> None:
    assert [str(four(value)) for value in (-0.00001, 0.00001, -0.00006, None)] == [
        "0.0",
        "0.0",
        "-0.0001",
        "None",
    ]
