from stages.core.reporting.network_figure import network
from tests.helpers.results import OTHER, RUNS, groups, results


def drawn(shown) -> list[str]:
    return [text.get_text().replace("\n", ", ") for text in shown.figure.axes[0].texts if text.get_text()]


def test_the_network_of_a_multi_task_run_shares_its_trunk():
    (shown,) = network(results())
    assert drawn(shown) == [
        "compare, all columns",
        "128 units, layer norm, Leaky ReLU",
        "64 units, layer norm, Leaky ReLU",
        "32 units, Leaky ReLU",
        "emotion, 10 × sigmoid",
        "32 units, Leaky ReLU",
        "country, 2 × softmax",
        "32 units, Leaky ReLU",
        "age, 1 × linear",
    ]
    assert shown.caption == (
        "The networks of compare-mtl2: one network for 3 tasks, which share the blue layers. "
        "Every layer is fully connected."
    )
    assert [row[1:] for row in shown.rows if row[0] == "country"] == [(1, 128), (2, 64), (3, 32), (4, "2")]


def test_single_task_networks_are_drawn_apart_with_what_training_leaves_out():
    other = {**OTHER, "dropout": 0.5, "input_dropout": 0.2, "train": {"columns": 1000}}
    runs = {"compare-other": RUNS["compare-other"]}
    (shown,) = network(results(runs, groups=groups(runs, models={"other": other})))
    assert drawn(shown) == [
        "compare, 1,000 columns",
        "16 units, layer norm, Leaky ReLU",
        "emotion, 10 × sigmoid",
        "16 units, layer norm, Leaky ReLU",
        "country, 2 × softmax",
        "16 units, layer norm, Leaky ReLU",
        "age, 1 × linear",
    ]
    assert shown.caption == (
        "The networks of compare-other: one network per task. Every layer is fully connected. "
        "Dropout in training: 20% of the features and 50% of the units of the blue layers."
    )


def test_a_run_of_one_task_has_one_network_and_its_own_columns():
    other = {**OTHER, "joint": True, "head": [8, 4], "tasks": ["age"], "train": {"columns": {"compare": 12}}}
    runs = {"compare-other": RUNS["compare-other"]}
    found = results(runs, groups=groups(runs, models={"other": other}))
    for split in found.runs["compare-other"].splits.values():
        for task in ("emotion", "country"):
            split.tasks.pop(task)
    (shown,) = network(found)
    assert drawn(shown) == [
        "compare, chosen columns",
        "16 units, layer norm, Leaky ReLU",
        "8 units, Leaky ReLU",
        "4 units, Leaky ReLU",
        "age, 1 × linear",
    ]
    assert shown.caption.startswith("The networks of compare-other: one network. Every layer")
    assert shown.header == ["task", "layer", "units"]
    assert shown.rows == [("age", 1, 16), ("age", 2, 8), ("age", 3, 4), ("age", 4, "1")]
    assert shown.alternative == "Layers of the networks of compare-other, from compare to age."
