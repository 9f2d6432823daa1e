from stages.core.reporting.sentences import few_speakers, finding, size_of_corpus, speakers_known
from tests.helpers.results import comparison, results


def test_findings_count_sure_differences_and_name_the_median():
    worse, unsure, better = (
        comparison(-0.2, -0.3, -0.1, "a"),
        comparison(0.0, -0.1, 0.1, "b"),
        comparison(0.2, 0.1, 0.3, "c"),
    )
    assert "does worse in 1 of 2 comparisons and better in none" in finding("emotion", [worse, unsure], 0.95)
    both = finding("emotion", [worse, unsure, better, better], 0.9)
    assert "does better in 2 of 4 comparisons and worse in 1" in both and "90% interval" in both
    assert "the median one, b against compare-stl, differs by +0.000" in both
    neither = finding("emotion", [unsure], 0.95)
    assert "joint learning makes no measurable difference; b against compare-stl differs by" in neither
    assert "in any of 2 comparisons; the median one, b" in finding("x", [unsure] * 2, 0.95)


def test_size_of_corpus_and_a_warning_where_speakers_are_few():
    found = results()
    assert size_of_corpus(found) == (
        "1,003 clips of 43 speakers, 0.02 hours; 1,010 listed, 7 not usable before training."
    )
    assert few_speakers(found) is None
    found.split["test"]["speakers"] = 19
    assert "Only 19 speakers are in test" in few_speakers(found)


def test_runs_of_another_setting_are_named() -> None:
    assert speakers_known(["a", "b"]).endswith("other clips are known: a, b.")
