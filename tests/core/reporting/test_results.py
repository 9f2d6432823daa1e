"""What several parts of the report ask of the results."""

import pytest

from tests.helpers.results import RUNS, changed, comparison, groups, results


@pytest.mark.parametrize(("low", "beats"), [(0.001, True), (0.0, False), (-0.1, False), (None, False)])
def test_a_run_beats_the_naive_predictor_where_all_of_the_interval_is_above_zero(low, beats):
    row = comparison(0.1, low, 0.2, contrast="naive")
    found = results(comparisons=[row, comparison(0.3, 0.2, 0.4)])
    assert found.beats_naive("compare-mtl2", "emotion", "test") is beats
    for other in (("compare-stl", "emotion", "test"), ("compare-mtl2", "age", "test")):
        assert not found.beats_naive(*other)
    assert not found.beats_naive("compare-mtl2", "emotion", "validation")
    assert found.on_test("naive") == ([row] if low is not None else [])
    assert [shown.difference for shown in found.on_test("multi-task")] == [0.3]


def test_what_is_shown_is_the_paper_s_pair_and_the_run_that_is_best_on_validation():
    found = results()
    assert found.corpus_name == "the toy" and found.confidence == 0.95
    assert found.shown_runs("emotion") == ["compare-stl", "compare-mtl2", "compare-other"]
    assert found.shown_runs("age") == ["compare-stl", "compare-mtl2"]
    found = changed(found, "compare-other", "age", "validation", value=0.0)
    assert found.best("age") == "compare-other"
    for run in RUNS:
        found.runs[run].splits["validation"].tasks.pop("country")
    assert found.best("country") is None and list(found.tasks) == ["emotion", "country", "age"]
    assert found.shown_runs("country") == ["compare-stl", "compare-mtl2"]


def test_without_the_paper_s_pair_that_of_the_best_joint_run_is_shown():
    """Numbers rise from run to run: the last of two joint runs has the highest CCC."""
    runs = {
        "egemaps-stl": {"features": "egemaps", "model": "stl"},
        "egemaps-mtl1": {"features": "egemaps", "model": "mtl1"},
        "boaw-stl": {"features": "boaw", "model": "stl"},
        "boaw-mtl1": {"features": "boaw", "model": "mtl1"},
        "boaw-mtl2": {"features": "boaw", "model": "mtl2"},
    }
    found = results(runs, groups=groups(runs))
    assert found.shown_runs("emotion") == ["boaw-stl", "boaw-mtl2"]
    assert found.shown_runs("age") == ["egemaps-stl", "egemaps-mtl1"]
    better = changed(found, "boaw-mtl1", "emotion", "validation", value=5.0)
    assert better.shown_runs("emotion") == ["boaw-stl", "boaw-mtl1"]
