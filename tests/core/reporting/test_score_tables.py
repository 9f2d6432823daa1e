from stages.core.reporting.score_tables import (
    comparison_table,
    corpus_table,
    cost_table,
    quarantine_table,
    score_table,
)
from tests.helpers.results import RUNS, changed, comparison, results, texts


def strong(table):
    return [
        (row[0], column)
        for row in table.rows
        for column, cell in enumerate(row)
        if getattr(cell, "strong", False)
    ]


def test_every_number_of_a_score_table_stands_in_its_column():
    found = results()
    table = score_table("single", "caption", found, list(RUNS), None)
    columns = [(task, split) for task in ("emotion", "country", "age") for split in ("validation", "test")]
    labels = {"emotion": "Emotion CCC", "country": "Country UAR", "age": "Age MAE"}
    assert table.header == ["", *(f"{labels[task]}, {split}" for task, split in columns)]
    rows = texts(table.rows)
    for first, run in zip(range(0, len(rows), 4), RUNS, strict=False):
        scores = [found.runs[run].task(task, split) for task, split in columns]
        assert rows[first] == [run, *(f"{s.value:.4f} ± {s.sd:.4f}" for s in scores)]
        assert rows[first + 1] == [" 95% interval", *(f"{s.low:.3f} to {s.high:.3f}" for s in scores)]
        assert rows[first + 2] == [" ensemble of the seeds", *(f"{s.ensemble.value:.4f}" for s in scores)]
        ensembles = [s.ensemble for s in scores]
        assert rows[first + 3] == [" 95% interval", *(f"{e.low:.3f} to {e.high:.3f}" for e in ensembles)]
    naive = [found.summary.naive[split][task] for task, split in columns]
    assert rows[-1] == ["naive predictor", *(f"{score.value:.4f}" for score in naive)]


def test_the_best_run_on_test_is_strong_and_errors_are_better_below():
    # Numbers rise from run to run: the last has the highest CCC and UAR, the first the lowest MAE.
    assert strong(score_table("x", "c", results(), list(RUNS), None)) == [
        ("compare-stl", 6),
        ("compare-other", 2),
        ("compare-other", 4),
    ]
    worse = changed(results(), "compare-other", "emotion", "test", value=-1.0)
    assert ("compare-mtl2", 2) in strong(score_table("x", "c", worse, list(RUNS), None))
    other = changed(results(), "compare-other", "emotion", "validation", value=-1.0)
    assert ("compare-other", 2) in strong(score_table("x", "c", other, list(RUNS), None))


def test_the_papers_values_stand_below_its_runs():
    rows = texts(score_table("x", "c", results(), ["compare-stl"], 2).rows)
    assert rows[4][:3] == [" the paper", "0.4435 ± 0.0041", "0.4490 ± 0.0046"]
    assert rows[4][5:] == ["4.1127 ± 0.0041", "4.3538 ± 0.0046"]
    assert [row[0] for row in texts(score_table("x", "c", results(), ["compare-stl"], 3).rows)][4:] == [
        "naive predictor"
    ]


def test_undefined_scores_are_dashes_and_minus_signs_are_minus_signs():
    found = changed(results(), "compare-stl", "emotion", "test", value=-0.00001, low=-0.25, high=0.5, sd=None)
    found = changed(found, "compare-stl", "age", "test", value=None, low=None, high=None)
    rows = texts(score_table("x", "c", found, ["compare-stl"], None).rows)
    assert (rows[0][2], rows[1][2]) == ("0.0000", "−0.250 to 0.500")
    assert (rows[0][6], rows[1][6]) == ("–", "–")
    found.runs["compare-stl"].splits["validation"].tasks.pop("country")
    assert texts(score_table("x", "c", found, ["compare-stl"], None).rows)[0][3] == "–"


def test_comparison_table_marks_what_leaves_out_zero():
    table = comparison_table("x", "caption", [comparison(-0.2, -0.3, -0.1), comparison(0.1, -0.1, 0.3)])
    assert table.header[2:4] == ["Single-task", "Multi-task"]
    assert texts(table.rows)[0] == [
        "compare-mtl2 against compare-stl",
        "emotion",
        "0.5000",
        "0.3000",
        "−0.200",
        "−0.300 to −0.100",
        "0.040",
    ]
    assert strong(table) == [("compare-mtl2 against compare-stl", 4)]


def test_columns_of_the_corpus_table_are_the_splits_in_order():
    found = results()
    for name, clips in zip(found.split, (5, 7, 0, 12), strict=True):
        found.split[name]["countries"] = {"China": {"clips": clips}} if clips else {}
    table = corpus_table(found)
    assert table.header == ["", "Train", "Validation", "Test", "All"]
    rows = texts(table.rows)
    assert rows[0][1:] == ["00:00:09", "00:00:19", "00:00:29", "00:00:39"]
    assert rows[1] == ["Clips", "1,000", "1,001", "1,002", "1,003"]
    assert rows[2] == ["Speakers", "40", "41", "42", "43"]
    assert rows[3] == [" clips, China", "5", "7", "0", "12"]


def test_cost_and_quarantine_tables():
    found = results()
    validation, test = (found.runs["compare-stl"].splits[split].exvo for split in ("validation", "test"))
    assert texts(cost_table("cost", "c", found).rows)[0] == [
        "compare-stl",
        "1,234,567",
        "10",
        "3",
        "40",
        f"{validation:.4f}",
        f"{test:.4f}",
    ]
    faults = [("preprocess", "silent"), ("preprocess", "silent"), ("labels", "missing")]
    assert texts(quarantine_table(faults).rows) == [["labels", "missing", "1"], ["preprocess", "silent", "2"]]
