"""The page of what a run hears, from a small explanation whose numbers all differ."""

from dataclasses import replace

import numpy as np
import pytest

from stages.core.relevance.by_family import ALONE, GIVEN_REST, Relevance
from stages.core.relevance.by_feature import Feature
from stages.core.relevance.explanation import Explanation, Family, Recovery
from stages.core.relevance.gaps import Gap
from stages.core.relevance.sharing import Shared
from stages.core.reporting.explanation import figures_of, page_of
from stages.core.reporting.explanation_tables import (
    family_table,
    feature_table,
    gain_table,
    gap_table,
    recovery_table,
    shared_table,
)
from tests.helpers.results import comparison, texts


def relevance() -> list[Relevance]:
    """Two families, of emotion two parts in two groups, of age one part; numbers rise, lows lie below."""
    rows, number = [], 0
    for kind in (GIVEN_REST, ALONE):
        for task, parts in (("emotion", ("", "Awe", "Fear")), ("age", ("", "Age"))):
            for part in parts:
                for family in ("pitch", "voice"):
                    number += 10
                    value = number / 1000
                    floor = 0.045 if kind == GIVEN_REST else 0.2
                    rows.append(
                        Relevance(kind, family, task, part, "", value, value - 0.3, value + 0.3, floor)
                    )
    for group, start in (("China", 0.3), ("Peru", -0.25)):
        for part in ("", "Awe", "Fear"):
            for family in ("pitch", "voice"):
                number += 10
                value = start + number / 1000
                ends = value - 0.1, value + 0.1
                rows.append(Relevance(GIVEN_REST, family, "emotion", part, group, value, *ends))
    return rows


FOUND = Explanation(
    run="mine",
    scores={"emotion": "ccc", "age": "mae"},
    confidence=0.9,
    clips=40,
    speakers=7,
    families=[Family("pitch", 12, 0.25), Family("voice", 9, None)],
    relevance=relevance(),
    features=[
        Feature("emotion", "Awe", "F0", "pitch", "higher pitch", 0.4, 0.3, 0.5, 21.4, "Hz", 0.02, 0.01, 0.03),
        Feature(
            "emotion", "Awe", "hnr", "voice", "less noise", -0.3, -0.4, -0.2, -0.01234, "", 0.05, None, None
        ),
        Feature("age", "Age", "F0", "pitch", "lower pitch", -0.6, -0.7, -0.5, None, "Hz", None, None, None),
    ],
    recovery=[
        Recovery("alone", "emotion", 0.31, 20),
        Recovery("given the rest", "emotion", 0.42, 20),
        Recovery("alone", "age", None, 2),
        Recovery("given the rest", "age", 0.53, 2),
    ],
    shared=[
        Shared("features", "emotion", "age", 0.61),
        Shared("trunks", "emotion", "age", 0.7, 0.6, 0.8, 0.11),
        Shared("trunks", "age", "age", 0.9, 0.85, 0.95, 0.12),
    ],
    gaps=[
        Gap("age", "Country", "Peru", "China", 0.9, 0.2, 1.6, 0.0004, 0.1, 0.051),
        Gap("emotion", "Country", "China", "Peru", -0.2, None, None, 0.03, 0.101, 0.06),
    ],
)


def test_families_of_each_kind_with_the_whole_of_each_task_and_what_is_above_chance_bold() -> None:
    table = family_table(FOUND)
    assert table.header == ["family", "features", "predicted by the rest", "emotion (CCC)", "age (MAE)"]
    assert texts(table.rows) == [
        ["given the rest"],
        ["pitch", "12", "0.250", "0.010 [−0.290, 0.310]", "0.070 [−0.230, 0.370]"],
        ["voice", "9", "–", "0.020 [−0.280, 0.320]", "0.080 [−0.220, 0.380]"],
        ["alone"],
        ["pitch", "12", "0.250", "0.110 [−0.190, 0.410]", "0.170 [−0.130, 0.470]"],
        ["voice", "9", "–", "0.120 [−0.180, 0.420]", "0.180 [−0.120, 0.480]"],
    ]
    assert [[cell.strong for cell in row[3:]] for row in table.rows if len(row) > 1] == [
        [False, True],
        [False, True],
        [False, False],
        [False, False],
    ]
    assert table.caption.endswith("exchanged between speakers, with 90% intervals.")


def test_features_stand_below_their_part() -> None:
    table = feature_table(FOUND)
    assert table.header == ["what is heard", "shift", "correlation", "loss of score", "family", "feature"]
    assert texts(table.rows) == [
        ["emotion: Awe"],
        ["higher pitch", "+21.4 Hz", "0.400 [0.300, 0.500]", "0.020 [0.010, 0.030]", "pitch", "F0"],
        ["less noise", "−0.0123", "−0.300 [−0.400, −0.200]", "0.050", "voice", "hnr"],
        ["age: Age"],
        ["lower pitch", "–", "−0.600 [−0.700, −0.500]", "–", "pitch", "F0"],
    ]
    assert "Brackets: 90% intervals over speakers." in table.notes


def test_what_pairs_share_has_a_column_for_each_measure_that_there_is() -> None:
    table = shared_table(FOUND)
    assert table.header == ["tasks", "features", "trunks (CKA)"]
    assert texts(table.rows) == [
        ["emotion and age", "0.610", "0.700 [0.600, 0.800], floor 0.110"],
        ["age, two seeds", "–", "0.900 [0.850, 0.950], floor 0.120"],
    ]


def test_gains_and_gaps_say_for_whom() -> None:
    gain = comparison(
        0.25, 0.1, 0.4, "joint", baseline="alone", task="age", score="mae", p=0.9, p_corrected=0.02
    )
    table = gain_table(FOUND, [gain])
    assert table.header == ["task", "one network for all", "one for each task", "gain", "p"]
    assert texts(table.rows) == [["age (MAE)", "joint", "alone", "+0.250 [+0.100, +0.400]", "0.020"]]
    gaps = gap_table(FOUND)
    assert gaps.header == ["task", "groups", "gap", "p", "p, Holm", "p, Benjamini–Hochberg"]
    assert texts(gaps.rows) == [
        ["age (MAE)", "Peru over China", "+0.900 [+0.200, +1.600]", "<0.001", "0.100", "0.051"],
        ["emotion (CCC)", "China over Peru", "−0.200 [–, –]", "0.030", "0.101", "0.060"],
    ]
    sure = gap_table(replace(FOUND, confidence=0.9 - 1e-9))
    assert [[cell.strong for cell in row[4:]] for row in sure.rows] == [[True, True], [False, True]]
    none = replace(FOUND.gaps[0], p_holm=None, p_bh=None)
    assert not any(cell.strong for cell in gap_table(replace(FOUND, gaps=[none])).rows[0][4:])


def test_what_the_generator_put_in_has_a_column_for_each_kind() -> None:
    table = recovery_table(FOUND)
    assert table.header == ["task", "pairs", "alone", "given the rest"]
    assert texts(table.rows) == [["emotion", "20", "0.310", "0.420"], ["age", "2", "–", "0.530"]]


def drawn(axes) -> list[list[str]]:
    """The numbers of a heat map, row by row."""
    rows: dict[float, dict[float, str]] = {}
    for text in axes.texts:
        x, y = text.get_position()
        rows.setdefault(y, {})[x] = text.get_text()
    return [[rows[y][x] for x in sorted(rows[y])] for y in sorted(rows)]


def test_heat_maps_of_tasks_and_of_groups() -> None:
    rest, alone, groups = figures_of(FOUND)
    assert [shown.name for shown in (rest, alone, groups)] == [
        "families-given-the-rest",
        "families-alone",
        "groups-emotion",
    ]
    emotion, age = rest.figure.axes[:2]
    assert (emotion.get_title("left"), age.get_title("left")) == ("emotion", "age")
    assert [label.get_text() for label in emotion.get_yticklabels()] == ["pitch", "voice"]
    assert [label.get_text() for label in emotion.get_xticklabels()] == ["Awe", "Fear"]
    assert drawn(emotion) == [[".03", ".05"], [".04", ".06"]] and drawn(age) == [[".09"], [".10"]]
    assert [text.get_fontweight() for text in emotion.texts] == ["normal", "bold", "normal", "bold"]
    assert drawn(alone.figure.axes[0]) == [[".13", ".15"], [".14", ".16"]]
    bars = [axes.get_ylabel() for axes in rest.figure.axes[2:]]
    assert bars == ["loss of CCC", "rise of MAE"]
    assert len(rest.rows) == 10 + 12 and {row[0] for row in rest.rows} == {"given the rest"}
    assert rest.header[:6] == ["kind", "family", "task", "part", "group", "value"]
    assert "mine, acoustic families given the rest." in rest.caption
    china, peru = groups.figure.axes[:2]
    assert (china.get_title("left"), peru.get_title("left")) == ("China", "Peru")
    assert drawn(china) == [[".53", ".55"], [".54", ".56"]]
    assert drawn(peru) == [[".04", ".06"], [".05", ".07"]]
    assert {text.get_fontweight() for text in china.texts} == {"bold"}
    assert {text.get_fontweight() for text in peru.texts} == {"normal"}
    # All groups have one scale: the largest of any part, not of the whole task.
    assert china.images[0].get_clim() == peru.images[0].get_clim() == pytest.approx((0, 0.56))
    np.testing.assert_allclose(china.images[0].get_array(), [[0.53, 0.55], [0.54, 0.56]])
    assert len(groups.rows) == 12 and {row[4] for row in groups.rows} == {"China", "Peru"}


CORPUS = {"name": "toy <b>", "synthetic": True}


def test_the_page_has_its_parts_in_order_and_numbers_of_their_own() -> None:
    gains = [comparison(0.25, 0.1, 0.4)]
    page = page_of(FOUND, figures_of(FOUND), CORPUS, gains)
    assert "Which acoustics the run mine hears: toy &lt;b&gt;, 40 test clips of 7 speakers." in page
    assert page.index(
        '<p class="notice">The voices are synthetic: this says nothing about people.</p>'
    ) < page.index("Which acoustics")
    order = [
        *("<h2", "Acoustic families</h2>", "Figure 1. mine", "Figure 2. mine", "Table 1. Loss of score"),
        *("Single features</h2>", "Table 2. Features that", "What tasks share</h2>"),
        *("emotion and age share most: ", "Table 3. How much", "Table 4. What joint", "Groups of clips</h2>"),
        *("Figure 3. mine, emotion", "Table 5. How much better", "generator put in</h2>", "Table 6. Rank"),
    ]
    places = [page.index(text) for text in order]
    assert places == sorted(places)
    assert "<title>What is heard: mine</title>" in page
    assert "have a rank correlation of 0.610." in page
    bare = replace(FOUND, shared=[], gaps=[], recovery=[])
    plain = page_of(bare, figures_of(bare)[:2], {**CORPUS, "synthetic": False}, [])
    assert "synthetic" not in plain and "What tasks share" not in plain and "put in" not in plain
    assert "Groups of clips" not in plain


@pytest.mark.parametrize(("high", "against"), [(-0.01, True), (0.01, False), (None, False)])
def test_losses_pull_against_each_other_where_all_of_the_interval_does(
    high: float | None, against: bool
) -> None:
    rows = [
        Shared("gradients", "emotion", "country", 0.3, 0.2, 0.4),
        Shared("gradients", "country", "age", -0.2, -0.3, high),
        Shared("gradients", "emotion", "age", None),
        Shared("conflicts", "emotion", "age", -0.9, -0.95, -0.8),
        Shared("features", "emotion", "age", 0.61),
    ]
    page = page_of(replace(FOUND, shared=rows), [], CORPUS, [])
    sentence = (
        "The losses of country and age agree least about the shared layers: their gradients have a cosine of "
        "−0.200. "
    )
    verdict = "They pull against each other." if against else "They do not pull against each other."
    assert f"<p>{sentence}{verdict}</p>" in page
