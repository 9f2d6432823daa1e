from dataclasses import replace

import pytest

from stages.core.config.tasks import Task
from stages.core.reporting.fold_report import MANY, FoldReport, build, score_lines
from stages.core.reporting.fold_tables import Beside, score_table
from stages.core.scoring.folds import FoldedRun, FoldedSummary, FoldSize
from stages.core.scoring.run_groups import NAIVE
from stages.core.scoring.run_scores import Cost, PartScore
from stages.core.scoring.summary import CorpusName
from tests.helpers.results import Numbers, comparison, task_scores, texts

TASKS = {
    "emotion": Task("regression", ("Awe", "Fear"), "ccc"),
    "age": Task("regression", ("Age",), "mae"),
}
COUNTRIES = ("Chad", "Fiji", "Peru")


def summary(
    of: str = "Country", folds: tuple[str, ...] = COUNTRIES, synthetic: bool = False
) -> FoldedSummary:
    """Two runs; on the last fold there are no labels of age."""
    numbers = Numbers()
    runs = {}
    for run in ("stl", "mtl", NAIVE):
        of_folds = {
            task: {
                fold: PartScore(*vars(numbers.interval()).values(), clips=9)
                for fold in (folds if task == "emotion" else folds[:-1])
            }
            for task in TASKS
        }
        tasks = {
            "emotion": task_scores(numbers, "ccc", ["Awe", "Fear"]),
            "age": task_scores(numbers, "mae", ["Age"]),
        }
        runs[run] = FoldedRun(None if run == NAIVE else Cost(1, 2, 3, 4), tasks, of_folds)
    comparisons = [
        comparison(0.1, 0.05, 0.2, run, contrast="naive", baseline=NAIVE, task="emotion")
        for run in ("stl", "mtl")
    ]
    comparisons.append(comparison(0.2, 0.1, 0.3, "mtl", contrast="runs", baseline="stl", task="emotion"))
    comparisons.append(
        comparison(-0.2, -0.4, 0.1, "mtl", contrast="runs", baseline="stl", task="age", score="mae")
    )
    sizes = {fold: FoldSize(100 + place, 10 + place) for place, fold in enumerate(folds)}
    notes = ["country is not scored: its classes are left out"]
    return FoldedSummary(CorpusName("toy", synthetic), of, "word", sizes, runs, notes, comparisons)


def beside() -> Beside:
    def rows(value: float) -> list:
        return [
            comparison(
                value, value - 0.1, value + 0.1, "stl", contrast="runs", baseline="stl", task="emotion"
            )
        ]

    return Beside(5, {"stl": {**{country: rows(-0.3) for country in COUNTRIES}, "all": rows(-0.25)}})


def table_of(report: FoldReport, name: str) -> list[list[str]]:
    (found,) = [table for table in report.tables if table.name == name]
    return [list(found.header), *texts(found.rows)]


def test_all_runs_over_all_clips_and_what_the_naive_predictor_beats() -> None:
    found = summary()
    rows = table_of(build(found, TASKS, 0.95, None), "scores-age")
    assert [row[0] for row in rows] == ["Run", "stl", "mtl", NAIVE]
    scores = found.runs["stl"].tasks["age"]
    of_folds = [part.value for part in found.runs["stl"].folds["age"].values()]
    assert rows[1][1] == f"{scores.value:.3f} ± {scores.sd:.3f} †"
    assert rows[1][4].startswith(f"{sum(of_folds) / 2:.3f} ± ")
    assert rows[1][5] == f"{min(of_folds):.3f} to {max(of_folds):.3f}"
    emotion = table_of(build(found, TASKS, 0.95, None), "scores-emotion")
    assert not any("†" in cell for row in emotion for cell in row)


def test_the_mean_of_folds_and_their_standard_deviation() -> None:
    found = summary()
    parts = found.runs["stl"].folds["emotion"]
    skew = {
        fold: replace(part, value=value)
        for (fold, part), value in zip(parts.items(), (0.1, 0.2, 0.6), strict=True)
    }
    stl = replace(found.runs["stl"], folds={**found.runs["stl"].folds, "emotion": skew})
    table = score_table(replace(found, runs={**found.runs, "stl": stl}), "emotion", 0.95)
    assert texts(table.rows)[0][4:] == ["0.300 ± 0.265", "0.100 to 0.600"]


def test_each_country_that_was_left_out_has_a_row() -> None:
    found = summary()
    report = build(found, TASKS, 0.95, None)
    rows = table_of(report, "folds-age")
    assert rows[0] == ["Country", "Clips", "Speakers", "stl", "mtl", NAIVE]
    assert [row[:3] for row in rows[1:]] == [
        ["Chad", "100", "10"],
        ["Fiji", "101", "11"],
        ["Peru", "102", "12"],
    ]
    assert rows[3][3:] == ["–"] * 3
    part = found.runs["mtl"].folds["age"]["Fiji"]
    assert rows[2][4] == f"{part.value:.3f} [{part.low:.3f}, {part.high:.3f}]"
    assert [shown.name for shown in report.figures] == ["folds-emotion", "folds-age"]
    assert ("mtl", "Fiji", part.value, part.low, part.high) in report.figures[1].rows


def test_whether_a_task_is_learnt_across_countries() -> None:
    emotion, age = build(summary(), TASKS, 0.95, beside()).sentences
    # The numbers of the naive predictor come last and are the highest.
    assert "Emotion, with the Country left out of training: stl has CCC" in emotion
    assert "stl is better than it in 0 of 3 folds." in emotion
    assert "stl is better than it in 2 of 2 folds." in age
    assert (
        "leaving the Country out makes a difference of −0.250 (−0.350 to −0.150, positive: better)" in emotion
    )
    assert "leaving" not in age
    assert build(summary("3", ("1", "2", "3")), TASKS, 0.95, None).sentences == []


def test_groups_beside_folds_by_speaker() -> None:
    rows = table_of(build(summary(), TASKS, 0.95, beside()), "beside")
    assert rows[0][:4] == ["Country", "Known", "Left out", "Difference"]
    assert rows[1] == ["emotion, CCC, stl"]
    assert [row[0] for row in rows[2:]] == [*COUNTRIES, "all"]
    assert rows[5][1:5] == ["0.500", "0.250", "−0.250", "−0.350 to −0.150"]


def test_which_run_is_better_is_marked() -> None:
    report = build(summary(), TASKS, 0.95, None)
    (table,) = [table for table in report.tables if table.name == "comparison"]
    strong = [row[3].strong for row in table.rows if len(row) > 1]
    assert strong == [True, False]
    page = report.html()
    assert "Country is not scored: its classes are left out." in page
    assert "303 clips of 33 speakers in 3 folds" in page
    assert "one Country left out at a time" in page


@pytest.mark.parametrize(("of", "folds"), [("speakers", MANY + 1), (str(MANY + 1), MANY + 1)])
def test_of_many_folds_none_is_shown_apart(of: str, folds: int) -> None:
    found = summary(of, tuple(str(number) for number in range(1, folds + 1)))
    for run, scores in found.runs.items():  # scores fall from fold to fold
        falling = dict(zip(scores.folds["emotion"], reversed(scores.folds["emotion"].values()), strict=True))
        found.runs[run] = replace(scores, folds={**scores.folds, "emotion": falling})
    report = build(found, TASKS, 0.95, None)
    assert [table.name for table in report.tables] == ["scores-emotion", "scores-age", "comparison"]
    assert [line.get_label() for line in report.figures[0].figure.axes[0].lines] == ["stl", "mtl", NAIVE]
    assert report.figures[0].caption.endswith("in order of their score.")
    values = [row[2] for row in report.figures[0].rows if row[0] == "stl"]
    assert values == sorted(values)
    assert {row[1] for row in report.figures[0].rows} == {""}
    assert (
        f"in {folds} folds, {'one speaker left out at a time' if of == 'speakers' else 'by speaker'}."
        in report.html()
    )


def test_a_fold_without_an_interval_is_a_dot_and_one_without_a_score_is_none() -> None:
    found = summary()
    parts = found.runs["mtl"].folds["emotion"]
    parts["Chad"] = replace(parts["Chad"], value=0.7, low=None, high=None)
    parts["Fiji"] = replace(parts["Fiji"], value=None, low=None, high=None)
    report = build(found, TASKS, 0.9, None)
    figure = report.figures[0]
    rows = [row[1:] for row in figure.rows if row[0] == "mtl"]
    peru = parts["Peru"]
    assert rows == [("Chad", 0.7, 0.7, 0.7), ("Peru", peru.value, peru.low, peru.high)]
    assert figure.header == ["run", "fold", "value", "low", "high"]
    assert figure.caption == (
        "Emotion on each of 3 folds, one Country left out at a time, with 90% intervals over speakers and "
        "seeds."
    )
    labels = [label.get_text() for label in figure.figure.axes[0].get_yticklabels()]
    assert labels == ["Chad", "Fiji", "Peru"]
    numbered = build(summary("3", ("1", "2", "3")), TASKS, 0.9, None).figures[0]
    labels = [label.get_text() for label in numbered.figure.axes[0].get_yticklabels()]
    assert labels == ["fold 1", "fold 2", "fold 3"]
    table = table_of(report, "folds-emotion")
    assert table[1][4] == "0.700" and table[2][4] == "–"
    assert table_of(report, "scores-emotion")[0][2] == "90% interval"


def test_what_is_said_of_groups_and_of_the_size_of_their_training() -> None:
    report = build(summary(), TASKS, 0.9, beside())
    (table,) = [table for table in report.tables if table.name == "beside"]
    assert table.header == ["Country", "Known", "Left out", "Difference", "90% interval", "p"]
    assert table.caption == (
        "The same clips by networks that were trained on other speakers of their Country (5 folds by "
        "speaker) and "
        "by networks that were trained on no one of it."
    )
    assert table.notes.endswith("3 of 5 folds of equal size against 1 of 3 groups.")
    assert [shown.number for shown in report.tables] == list(range(1, len(report.tables) + 1))
    (folds,) = [table for table in report.tables if table.name == "folds-emotion"]
    assert folds.caption == (
        "Emotion by fold, the Country of each row left out of training: CCC (higher is better), with 90% "
        "interval "
        "over speakers and seeds."
    )
    found = summary()
    stl, naive = (found.runs[run].tasks["emotion"] for run in ("stl", NAIVE))
    assert report.sentences[0] == (
        f"Emotion, with the Country left out of training: stl has CCC {stl.value:.3f} ({stl.low:.3f} to "
        f"{stl.high:.3f}), the naive predictor {naive.value:.3f}; stl is better than it in 0 of 3 folds. "
        f"Trained "
        "on other speakers of the same Country, stl has 0.500 on the same clips; leaving the Country out "
        "makes a "
        "difference of −0.250 (−0.350 to −0.150, positive: better)."
    )
    for run in ("stl", "mtl"):
        found.runs[run].tasks.pop("age")
    assert build(found, TASKS, 0.9, beside()).sentences[1] == "Age is learnt by none of the runs."
    found = summary()
    found.runs["stl"].tasks.pop("age")
    assert (
        build(found, TASKS, 0.9, None)
        .sentences[1]
        .startswith("Age, with the Country left out of training: mtl")
    )
    page = build(summary(synthetic=True), TASKS, 0.9, beside()).html()
    places = [
        page.index(text)
        for text in (
            '<p class="notice">This corpus is synthetic',
            "303 clips",
            "<p>Emotion, with",
            "<p>Country is not",
            "All clips<",
        )
    ]
    assert places == sorted(places)
    headings = ["All clips", "By fold", "Which run is better?", "Beside folds by speaker"]
    places = [page.index(f">{text}</h2>") for text in headings]
    assert places == sorted(places) and "<title>Folds: toy</title>" in page


def test_the_dagger_is_of_the_run_the_task_and_an_interval_above_zero() -> None:
    found = summary()
    rows = {
        "stl": comparison(0.1, 0.0, 0.2, "stl", contrast="naive", baseline=NAIVE, task="emotion"),
        "mtl": comparison(0.1, 0.01, 0.2, "mtl", contrast="naive", baseline=NAIVE, task="emotion"),
        "age": comparison(0.1, 0.05, 0.2, "stl", contrast="naive", baseline=NAIVE, task="age"),
    }
    table = score_table(replace(found, comparisons=list(rows.values())), "emotion", 0.95)
    assert ["†" in row[1] for row in texts(table.rows)] == [True, False, False]


def test_all_lines_for_the_terminal() -> None:
    found = summary()
    lines = list(score_lines(found, TASKS, 0.9))
    stl = found.runs["stl"].tasks["emotion"]
    folds = [part.value for part in found.runs["stl"].folds["emotion"].values()]
    mean = f"{sum(folds) / 3:.3f} ± 0.003"
    assert lines[0] == "\nScores of the corpus 'toy' over 3 folds (one Country left out at a time)"
    assert lines[1].startswith("All clips: mean over seeds ± sd, [90% interval over speakers and seeds]")
    assert lines[2] == "\nemotion, CCC (higher is better)"
    value = f"{stl.value:.3f} ± {stl.sd:.3f}"
    assert lines[3] == f"  {'stl':17}{value:22}[{stl.low:.3f} to {stl.high:.3f}]    {mean}"
    assert [line.split()[0] for line in lines[3:6]] == ["stl", "mtl", "naive"]
    assert lines[6] == "\nage, MAE (lower is better)"
    assert lines[-3].startswith("\nEach run against the first, on all clips (positive: better)")
    assert lines[-2].split() == "mtl – stl, emotion +0.200 [+0.100, +0.300] p = 0.050".split()
    alone = replace(found, comparisons=[replace(row, p_corrected=None) for row in found.comparisons])
    assert "against" not in "".join(score_lines(alone, TASKS, 0.9))


def test_a_single_run_is_compared_with_nothing() -> None:
    found = summary()
    alone = replace(
        found, runs={run: found.runs[run] for run in ("stl", NAIVE)}, comparisons=found.comparisons[:1]
    )
    names = [table.name for table in build(alone, TASKS, 0.95, None).tables]
    assert "comparison" not in names


def test_lines_for_the_terminal() -> None:
    lines = "\n".join(score_lines(summary(synthetic=True), TASKS, 0.95))
    assert "synthetic voices" in lines
    assert "emotion, CCC (higher is better)" in lines
    assert lines.endswith("−0.200 [−0.400, +0.100]   p = 1.000")
    assert "  mtl – stl, age " in lines
    found = summary()
    clear = [replace(row, p_corrected=0.0002) for row in found.comparisons]
    assert list(score_lines(replace(found, comparisons=clear), TASKS, 0.95))[-1].endswith("   p < 0.001")
