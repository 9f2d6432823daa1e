from stages.core.reporting.terminal import bill_lines, score_lines
from stages.core.scoring.bill import TOGETHER, BillRow, Reaching
from tests.helpers.results import RUNS, beating, changed, comparison, results


def test_every_number_stands_in_its_column():
    found = results(
        comparisons=[comparison(0.1, 0.05, 0.2), comparison(0.3, 0.2, 0.4, split="validation"), *beating()]
    )
    found = changed(found, "compare-mtl2", "age", "validation", value=10000.5, low=10000.25, high=10000.75)
    lines = list(score_lines(found.summary, found.comparisons, found.tasks, 0.95, {"compare-stl": 12.4}))
    assert lines[0] == "Scores of the corpus 'toy': synthetic voices, so that they say nothing about people"
    tables = "\n".join(lines).split("\n\n")
    assert [table.split(",")[0] for table in tables[1:4]] == ["emotion", "country", "age"]
    for task, table in zip(("emotion", "country", "age"), tables[1:4], strict=True):
        _, header, *rows, naive = table.split("\n")
        starts = [header.index(name) for name in ("validation", "test", "test, ensemble")]
        for run, row in zip(RUNS, rows, strict=True):
            validation, test = (found.runs[run].task(task, split) for split in ("validation", "test"))
            cells = [
                f"{scores.value:.4f} ±{scores.sd:.4f} [{scores.low:.4f}, {scores.high:.4f}]"
                for scores in (validation, test)
            ]
            assert row.split()[0] == run
            assert row[starts[0] :].startswith(cells[0]) and row[starts[1] :].startswith(cells[1])
            assert row[starts[2] :] == f"{test.ensemble.value:.4f}"
        scores = [found.summary.naive[split][task] for split in ("validation", "test")]
        assert naive.split()[:3] == ["naive", *(f"{score.value:.4f}" for score in scores)]
    assert tables[3].startswith("age, MAE (lower is better)")
    cost = tables[4].split("\n")[2].split()
    exvo = [f"{found.runs['compare-stl'].splits[split].exvo:.4f}" for split in ("validation", "test")]
    assert cost == ["compare-stl", "1,234,567", "10", "3", "40", "12.4", *exvo]
    assert " ".join(tables[5].split("\n")[1].split()) == (
        "compare-mtl2 – compare-stl emotion +0.1000 [+0.0500, +0.2000] p = 0.050"
    )
    assert len(tables[5].split("\n")) == 2


def test_the_bill_shows_all_tasks_together_and_shares_of_the_seconds():
    sides = Reaching(12.0, 1.0, 4e9, 1e8, 0.5), Reaching(18.25, None, 5e9, None, 0.25)
    rows = [BillRow(task, None, "compare-stl", "compare-mtl2", *sides, 1.25) for task in ("age", TOGETHER)]
    title, *lines = bill_lines(rows, {"compare-stl": 3.0})
    assert "validation" in title
    assert [" ".join(line.split()) for line in lines] == [
        "compare-mtl2 against compare-stl epochs 12.0 → 18.2 multiply-adds × 1.25 processor seconds 1.5 → –"
    ]
    assert list(bill_lines(rows[:1], {})) == []
