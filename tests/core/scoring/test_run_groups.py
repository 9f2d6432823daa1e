from stages.core.config.load import load
from stages.core.scoring.run_groups import Pair, RunGroups


def test_pairs_of_the_paper_and_of_the_regularized_models(project):
    assert project
    groups = RunGroups(load())
    papers = [
        Pair("multi-task", f"{features}-stl", f"{features}-mtl{number}")
        for features in ("compare", "boaw")
        for number in (1, 2, 3)
    ]
    (regularized,) = [run for run in groups.trained_otherwise if run.startswith("egemaps-")]
    name = regularized.removeprefix("egemaps-").removesuffix("-stl")
    others = [
        Pair("multi-task", "compare-stl", "compare-mtl2-relative"),
        Pair("multi-task", f"compare-{name}-stl", f"compare-{name}-mtl"),
    ]
    assert set(groups.multi_task_pairs()) == {*papers, *others}
    assert len(list(groups.multi_task_pairs())) == 8
    assert groups.common == [*groups.single_task, *groups.multi_task]
    assert groups.single_task == ["egemaps-stl", "compare-stl", "boaw-stl"]
    assert set(groups.multi_task) == {pair.candidate for pair in papers}


def test_single_and_multi_task_runs_must_share_features_and_training(set_parameters):
    models = {
        "other": {"joint": True, "trunk": [16], "train": {"learning_rate": 0.01}},
        "weighed": {"joint": True, "trunk": [16], "train": {"loss_weighting": "uncertainty"}},
        "scaled": {"joint": True, "trunk": [16], "train": {"target_scale": "standard"}},
        "lone": {"joint": False, "trunk": [16], "train": {"learning_rate": 0.01}},
    }
    runs = {
        "single": {"features": "egemaps", "model": "stl"},
        "elsewhere": {"features": "compare", "model": "mtl2"},
        "faster": {"features": "egemaps", "model": "other"},
        "weighed": {"features": "egemaps", "model": "weighed"},
        "scaled": {"features": "egemaps", "model": "scaled"},
        "lone": {"features": "egemaps", "model": "lone"},
        "far": {"features": "compare", "model": "scaled"},
    }
    set_parameters(models=models, runs=runs)
    groups = RunGroups(load())
    pairs = [pair for pair in groups.multi_task_pairs() if {pair.baseline, pair.candidate} <= set(runs)]
    assert pairs == [
        Pair("multi-task", "single", "weighed"),
        Pair("multi-task", "single", "scaled"),
        Pair("multi-task", "lone", "faster"),
    ]
    among = [pair for pair in groups.feature_pairs() if {pair.baseline, pair.candidate} <= set(runs)]
    assert among == [Pair("features", "scaled", "far")]
    assert [run for run in groups.trained_otherwise if run in runs] == [
        "faster",
        "weighed",
        "scaled",
        "lone",
        "far",
    ]


def test_a_joint_network_of_one_task_is_no_multi_task_network(set_parameters):
    models = {
        "lone": {"joint": True, "trunk": [16], "tasks": ["age"]},
        "pair": {"joint": True, "trunk": [16], "tasks": ["age", "country"]},
    }
    runs = {f"egemaps-{model}": {"features": "egemaps", "model": model} for model in models}
    set_parameters(models=models, runs=runs)
    groups = RunGroups(load())
    assert "egemaps-lone" in groups.single_task and "egemaps-pair" in groups.multi_task
    assert Pair("multi-task", "egemaps-stl", "egemaps-pair") in groups.multi_task_pairs()
    assert Pair("multi-task", "egemaps-lone", "egemaps-pair") in groups.multi_task_pairs()
    assert all(pair.candidate != "egemaps-lone" for pair in groups.multi_task_pairs())


def test_runs_that_know_speakers_are_told_apart(set_parameters):
    models = {"known": {"joint": True, "trunk": [16], "train": {"scaling": "speaker"}}}
    set_parameters(models=models, runs={"known": {"features": "egemaps", "model": "known"}})
    assert RunGroups(load()).in_speaker_units == ["known"]


def test_what_a_model_changes_is_in_words(set_parameters):
    weights = {"train": {"loss_weighting": {"emotion": 10, "age": 0.5}, "epochs": 3}}
    models = {"weighed": {"joint": True, "trunk": [16], **weights}}
    set_parameters(models=models, runs={"mine": {"features": "egemaps", "model": "weighed"}})
    groups = RunGroups(load())
    words = groups.changes("mine")
    assert set(words.split(", ", 1)) == {"epochs 3", "loss_weighting (emotion 10.0, age 0.5)"}
