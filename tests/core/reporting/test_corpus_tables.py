from dataclasses import replace

from stages.core.reporting.corpus_tables import (
    bill_table,
    corpus_table,
    cost_table,
    model_table,
    quarantine_table,
)
from stages.core.scoring.bill import BillRow, Reaching
from tests.helpers.results import results, texts


def test_columns_of_the_corpus_table_are_the_splits_in_order():
    found = results()
    for name, clips in zip(found.split, (5, 7, 0, 12), strict=True):
        found.split[name]["groups"] = {"Country": {"China": {"clips": clips}} if clips else {}}
    table = corpus_table(found)
    assert table.header == ["", "Train", "Validation", "Test", "All"]
    assert texts(table.rows) == [
        ["Duration (HH:MM:SS)", "00:00:09", "00:00:19", "00:00:29", "00:00:39"],
        ["Clips", "1,000", "1,001", "1,002", "1,003"],
        ["Speakers", "40", "41", "42", "43"],
        ["Clips by Country"],
        ["China", "5", "7", "0", "12"],
    ]


def test_cost_shows_exvos_score_where_there_is_one():
    found = results()
    validation, test = (found.runs["compare-stl"].splits[split].exvo for split in ("validation", "test"))
    table = cost_table(found)
    row = ["compare-stl", "1,234,567", "10", "3", "40"]
    assert texts(table.rows)[0] == [*row, f"{validation:.3f}", f"{test:.3f}"]
    for scores in found.runs.values():
        for split, content in scores.splits.items():
            scores.splits[split] = replace(content, exvo=None)
    table = cost_table(found)
    assert texts(table.rows)[0] == row and len(table.header) == 5 and "ExVo" not in table.caption


def test_models_are_described_by_their_networks_and_training():
    rows = {row[0]: row[1:] for row in texts(model_table(results()).rows)}
    assert rows["stl"] == ["one per task", "128, 64", "–", "–"]
    assert rows["mtl2"] == ["one for all tasks", "128, 64", "32", "–"]
    assert rows["other"] == ["one per task", "16", "–", "learning_rate 0.01"]


def test_quarantine_counts_stage_and_reason():
    faults = [("preprocess", "silent"), ("preprocess", "silent"), ("labels", "missing")]
    table = quarantine_table(results(quarantined=faults))
    assert texts(table.rows) == [["labels", "missing", "1"], ["preprocess", "silent", "2"]]
    assert quarantine_table(results()) is None


def test_the_bill_has_a_heading_for_each_pair_and_billions_of_multiply_adds():
    one, other = Reaching(12.04, 1.26, 4.06e9, 1.6e8, 0.5), Reaching(18.26, None, 5e9, None, 0.25)
    rows = [
        BillRow("age", 4.25, "a-stl", "a-mtl", one, other, 1.234),
        BillRow("all tasks", None, "a-stl", "a-mtl", other, one, 0.5),
        BillRow("age", 4.125, "a-stl", "b-mtl", one, one, 1.0),
    ]
    table = bill_table(results(bill=rows))
    assert table.header == [
        "Task", "Score", "Epochs, single", "Epochs, joint", "10⁹, single", "10⁹, joint", "Ratio"
    ]  # fmt: skip
    assert texts(table.rows) == [
        ["a-mtl against a-stl"],
        ["age", "4.250", "12.0 ± 1.3", "18.3", "4.1 ± 0.2", "5.0", "1.23"],
        ["all tasks", "–", "18.3", "12.0 ± 1.3", "5.0", "4.1 ± 0.2", "0.50"],
        ["b-mtl against a-stl"],
        ["age", "4.125", "12.0 ± 1.3", "12.0 ± 1.3", "4.1 ± 0.2", "4.1 ± 0.2", "1.00"],
    ]
    assert bill_table(results()) is None


def test_exvo_on_validation_alone_is_shown():
    found = results()
    for scores in found.runs.values():
        scores.splits["test"] = replace(scores.splits["test"], exvo=None)
    table = cost_table(found)
    assert table.header[5:] == ["ExVo, validation", "ExVo, test"]
    assert [row[6] for row in texts(table.rows)] == ["–"] * 3
