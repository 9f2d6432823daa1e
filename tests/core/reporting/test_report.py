"""The report as a whole: which sentences, tables and figures stand where."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from stages.core.reporting.report import Report, build
from stages.core.scoring.predictions import RunPredictions
from tests.helpers import ROOT
from tests.helpers.corpora import EMOTIONS
from tests.helpers.results import OTHER, RUNS, changed, comparison, groups, results

CONTENT = yaml.safe_load((ROOT / "params.yaml").read_text())
MODELS = {
    **CONTENT["models"],
    "other": OTHER,
    "weighed": {"joint": True, "trunk": [8], "train": {"loss_weighting": "uncertainty"}},
    "slow": {"joint": True, "trunk": [8], "train": {"learning_rate": 0.01}},
}
SEVERAL = {
    **RUNS,
    "egemaps-mtl1": {"features": "egemaps", "model": "mtl1"},
    "compare-weighed": {"features": "compare", "model": "weighed"},
    "compare-slow": {"features": "compare", "model": "slow"},
}


def curves(**shares: list[float]) -> pd.DataFrame:
    """Shares of the loss by run, of emotion, country and age as far as they go; other rows mislead."""
    rows: list[tuple[Any, ...]] = []
    for run, of_run in shares.items():
        for task, share in zip(("emotion", "country", "age"), of_run, strict=False):
            for seed, change in ((1, -0.01), (2, 0.01)):
                rows.append(
                    {"run": run, "seed": seed, "split": "train", "task": task, "share": share + change}
                )
            rows.append({"run": run, "seed": 1, "split": "validation", "task": task, "share": 0.9})
        rows.append({"run": run, "seed": 1, "split": "train", "task": "total", "share": 1.0})
    table = pd.DataFrame(rows).assign(epoch=1, score=0.5)
    table["run"] = table["run"].str.replace("_", "-")
    return table


def section(page: str, title: str) -> str:
    """The text of a section, without markup."""
    part = page.split(f">{title}</h2>")[1].split("<h2", maxsplit=1)[0]
    return re.sub(r"<[^>]+>", " ", part)


def test_shares_of_the_loss_are_of_common_joint_runs_that_learn_all_tasks() -> None:
    table = curves(
        compare_mtl2=[0.1, 0.2, 0.7],
        egemaps_mtl1=[0.2, 0.4, 0.4],
        compare_stl=[0.9, 0.9, 0.9],
        compare_slow=[0.9, 0.9, 0.9],
    )
    found = results(SEVERAL, groups=groups(SEVERAL, models=MODELS))
    text = section(Report(found, table, {}, {}).html(""), "Does multi-task learning help?")
    said = (
        "With equal weights, age makes up 55.0% of the total training loss, country 30.0% and emotion 15.0%."
    )
    assert text.strip() == said
    # A joint run of two tasks has other shares, and counts for nothing.
    fewer = curves(compare_mtl2=[0.1, 0.2, 0.7], egemaps_mtl1=[0.5, 0.5])
    text = section(Report(found, fewer, {}, {}).html(""), "Does multi-task learning help?")
    assert "age makes up 70.0% of the total training loss, country 20.0% and emotion 10.0%." in text
    weighed = groups(SEVERAL, models=MODELS, train={**CONTENT["train"], "loss_weighting": "uncertainty"})
    page = Report(results(SEVERAL, groups=weighed), table, {}, {}).html("")
    assert "makes up" not in page
    unknown = table.assign(share=np.where(table["task"] == "age", np.nan, table["share"]))
    assert "makes up" not in Report(found, unknown, {}, {}).html("")
    alone = table[table["task"].isin(["age", "total"])]
    assert "makes up" not in Report(found, alone, {}, {}).html("")


def test_findings_are_apart_by_how_the_networks_are_trained() -> None:
    rows = [
        comparison(0.11, 0.1, 0.2, "compare-mtl2"),
        comparison(0.12, 0.1, 0.2, "egemaps-mtl1", task="age", score="mae"),
        comparison(0.13, 0.1, 0.2, "compare-weighed"),
        comparison(0.14, 0.1, 0.2, "compare-slow", baseline="compare-other"),
        comparison(0.15, 0.1, 0.2, "compare-mtl2", split="validation"),
    ]
    found = results(SEVERAL, groups=groups(SEVERAL, models=MODELS), comparisons=rows)
    page = Report(found, curves(compare_mtl2=[0.1]), {}, {}).html("")
    sentences = re.findall(
        r"For (\w+), (multi-task learning[^;]*?) is significantly better; for ([\w-]+) against ([\w-]+), the "
        r"difference is \+0\.(\d+)",
        section(page, "Does multi-task learning help?"),
    )
    assert sentences == [
        ("emotion", "multi-task learning", "compare-mtl2", "compare-stl", "110"),
        ("age", "multi-task learning", "egemaps-mtl1", "compare-stl", "120"),
        (
            "emotion",
            "multi-task learning with weighted or scaled losses",
            "compare-weighed",
            "compare-stl",
            "130",
        ),
        (
            "emotion",
            "multi-task learning with other training options",
            "compare-slow",
            "compare-other",
            "140",
        ),
    ]


@pytest.fixture(scope="module")
def built() -> Report:
    """A report with every kind of table and figure."""
    runs = {**RUNS, "egemaps-stl": {"features": "egemaps", "model": "stl"}}
    speakers = {**OTHER, "train": {"scaling": "speaker"}}
    chosen = groups(runs, models={**MODELS, "other": speakers}, explain={"compare-mtl2": {}})
    rows = [
        comparison(0.11, 0.1, 0.2),
        comparison(0.12, 0.1, 0.2, "egemaps-stl", contrast="features"),
        comparison(0.13, 0.1, 0.2, "compare-other", contrast="training"),
        comparison(0.14, 0.1, 0.2, "fused", contrast="fusion"),
    ]
    found = results(runs, groups=chosen, comparisons=rows, quarantined=[("labels", "odd")])
    found.split["test"]["speakers"] = 7
    rng = np.random.default_rng(1)
    labels = pd.DataFrame(rng.integers(1, 50, (30, 10)).astype(float), columns=EMOTIONS).assign(
        clip_id=[f"{row:02d}" for row in range(30)], split=["train"] * 20 + ["test"] * 10, Age=30.0
    )
    names = {f"emotion.{name}": labels[name] for name in EMOTIONS} | {"age.Age": labels["Age"] + 1}
    predicted = RunPredictions({1: pd.DataFrame(names).set_index(labels["clip_id"])})
    table = curves(compare_mtl2=[0.1, 0.2, 0.7]).assign(score=0.4)
    return build(found, labels, table, lambda _: predicted)


def test_every_table_and_figure_has_its_place_and_number(built: Report) -> None:
    assert list(built.tables) == [
        *("headline", "splits", "quarantine", "scores-emotion", "scores-country", "scores-age", "models"),
        *("multi-task", "features", "training", "fusion", "parts-emotion", "parts-country", "cost"),
    ]
    assert [table.number for table in built.tables.values()] == list(range(1, 15))
    assert list(built.figures) == [
        *("network", "multi-task", "features", "training", "columns-emotion", "confusion-country"),
        *("scatter-age", "map-emotion", "groups-emotion", "groups-country", "groups-age", "curves", "cost"),
    ]
    page = built.html("seeds: [1]")
    found = re.findall(
        r'<h2 id="s\d+">([^<]*)</h2>|<p class="caption" id="([\w-]+)-caption">|Figure (\d+)\. ', page
    )
    assert ["".join(words) for words in found] == [
        "headline",
        *("The recordings", "splits", "quarantine"),
        *("The runs", "scores-emotion", "scores-country", "scores-age", "1", "models"),
        *("Does multi-task learning help?", "2", "multi-task"),
        *("Which features?", "3", "features"),
        *("Do other training options help?", "4", "training"),
        *("Several runs as one", "fusion"),
        *("What is recognized", "parts-emotion", "parts-country", "5", "6", "7", "8"),
        *("Scores by group", "9", "10", "11"),
        "What a run hears",
        *("Training and cost", "12", "13", "cost"),
        "Misprints in the paper",
    ]


def test_what_must_be_known_first_stands_first(built: Report) -> None:
    bare = replace(built, figures={})
    page = bare.html("seeds: [1]")
    order = [
        "<h1>State and trait measurement from nonverbal vocalizations: toy</h1>",
        '<p class="notice">This corpus is synthetic: its voices are computed, not recorded.',
        '<p class="lead">1,003 clips of 43 speakers,',
        "<p>On test, the best run is not significantly better",
        'id="headline-caption"',
        "<p>Test has only 7 speakers.",
        "<nav>",
        "In another setting, where it is known which clips are of one speaker: compare-other.",
        '<a href="explain/compare-mtl2/index.html">compare-mtl2</a>',
        "<footer><p>After Baird,",
        "<pre>seeds: [1]</pre>",
    ]
    places = [page.index(text) for text in order]
    assert places == sorted(places)
    digest = re.search(r"Results ([0-9a-f]{12}); `git log -1 -- metrics/details\.json`", page)[1]
    assert digest in bare.html("other")
    real = replace(built.results, corpus={**built.results.corpus, "synthetic": False})
    assert "synthetic" not in replace(bare, results=real, tables={}).html("").split("<nav>")[0]
    other = changed(built.results, "compare-stl", "age", "test", value=9.0)
    assert digest not in replace(bare, results=other).html("")


def test_without_the_paper_s_rows_its_misprints_are_left_out(built: Report) -> None:
    none = replace(built.results, paper={**built.results.paper, "rows": []})
    assert "Misprints" not in replace(built, results=none, figures={}).html("")
