from stages.core.reporting.sentences import (
    few_speakers,
    finding,
    groups_not_shown,
    size_of_corpus,
    speakers_known,
    verdict,
)
from stages.core.scoring.run_scores import Groups, PartScore
from tests.helpers.results import RUNS, beating, changed, comparison, groups, results


def test_findings_count_significant_differences_and_name_the_median():
    worse, unsure, better = (
        comparison(-0.2, -0.3, -0.1, "a"),
        comparison(0.0, -0.1, 0.1, "b"),
        comparison(0.2, 0.1, 0.3, "c"),
    )
    uncorrected = comparison(0.2, 0.1, 0.3, "c", p_corrected=0.06)
    found = results()
    text = finding("joint learning", "emotion", [worse, unsure], found)
    assert text.startswith(
        "For emotion, joint learning is significantly worse in 1 of 2 comparisons; in the median"
    )
    both = finding("x", "emotion", [worse, unsure, better, better], found)
    assert "is significantly better in 2 of 4 comparisons, worse in 1;" in both
    assert "b against compare-stl, the difference is +0.000 CCC (95% interval −0.100 to 0.100" in both
    for rows in ([unsure], [uncorrected]):
        assert "x makes no significant difference; " in finding("x", "emotion", rows, found)
    assert "in any of 2 comparisons; in the median comparison, b" in finding(
        "x", "emotion", [unsure] * 2, found
    )


def test_a_finding_says_which_comparison_and_which_way_is_better():
    age = {"task": "age", "score": "mae"}
    rows = [
        comparison(0.4, 0.3, 0.5, "d", **age),
        comparison(-0.2, -0.3, -0.1, "a", **age, p=0.0004, p_corrected=0.002),
        comparison(0.1, -0.1, 0.2, "c", **age, p=0.3),
        comparison(0.0, -0.2, 0.3, "b", baseline="other", **age, p=0.12345, p_corrected=0.9),
    ]
    found = results(groups=groups(evaluate={"bootstrap": 9, "confidence": 0.9, "seed": 1}))
    assert finding("joint learning", "age", rows, found) == (
        "For age, joint learning is significantly worse in 1 of 4 comparisons, better in 1; in the median "
        "comparison, b against other, the difference is +0.000 MAE (positive: a smaller error; 90% interval "
        "−0.200 to 0.300, p = 0.123, corrected 0.900)."
    )
    assert finding("joint learning", "age", rows[1:2], found) == (
        "For age, joint learning is significantly worse; for a against compare-stl, the difference is −0.200 "
        "MAE (positive: a smaller error; 90% interval −0.300 to −0.100, p < 0.001, corrected 0.002)."
    )


def test_a_classification_needs_two_classes_in_a_group():
    found = results()
    for run in RUNS:
        parts = {"old": PartScore(None, None, None, 3), "young": PartScore(0.5, 0.4, 0.6, 9)}
        found = changed(found, run, "country", "test", groups=Groups("Age", False, parts))
    assert groups_not_shown(found) == [
        "Groups are not scored for country: fewer than two groups have clips of two speakers and two classes "
        "(old has 3 clips, young has 9 clips)."
    ]


def test_the_verdict_names_the_tasks_that_beat_the_naive_predictor():
    assert verdict(results()) == (
        "On test, the best run is significantly better than the naive predictor for emotion, country and age."
    )
    # The best run on validation decides: the last for CCC and UAR, the first for MAE.
    rows = beating(but=[("compare-stl", "age", "test"), ("compare-stl", "emotion", "test")])
    assert verdict(results(comparisons=rows)).endswith("predictor for emotion and country, but not for age.")
    rows = beating(but=[("compare-stl", "age", "validation")])
    assert verdict(results(comparisons=rows)).endswith("for emotion, country and age.")
    assert verdict(results(comparisons=[])) == (
        "On test, the best run is not significantly better than the naive predictor for emotion, country or "
        "age."
    )


def test_size_of_corpus_and_a_warning_where_speakers_are_few():
    found = results()
    assert size_of_corpus(found) == (
        "1,003 clips of 43 speakers, 0.02 hours. 7 of the 1,010 clips in the label files cannot be used."
    )
    assert few_speakers(found) is None
    found.split["test"]["speakers"] = 20
    assert few_speakers(found) is None
    found.split["test"]["speakers"] = 19
    assert "Test has only 19 speakers." in few_speakers(found)


def test_runs_of_another_setting_are_named() -> None:
    assert speakers_known(["a", "b"]).endswith("clips are of one speaker: a, b.")


def test_a_task_without_two_groups_says_why():
    found = results()
    assert groups_not_shown(found) == []
    for run in RUNS:
        parts = {"China": PartScore(None, None, None, 1203), "Venezuela": PartScore(0.5, 0.4, 0.6, 9)}
        found = changed(found, run, "age", "test", groups=Groups("Country", True, parts))
        found = changed(found, run, "emotion", "test", groups=None)
    assert groups_not_shown(found) == [
        "Groups are not scored for emotion: no group has labelled clips.",
        "Groups are not scored for age: fewer than two groups have clips of two speakers "
        "(China has 1,203 clips, Venezuela has 9 clips).",
    ]
    without = results(groups=groups(split={"method": "balanced", "balance": None, "seed": 1}))
    assert groups_not_shown(without) == ["No groups are compared, since split.balance names no column."]
