"""All that is found of a small run, against its own predictions on clips whose splits and speakers differ."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from stages.core.config.evaluation import EvaluationOptions
from stages.core.config.explanation import ExplainOptions
from stages.core.config.tasks import Task
from stages.core.config.training import Architecture, TrainingConfig
from stages.core.metrics.metric import METRICS
from stages.core.networks.description import ModelDescription, NetworkSummary, parameter_shapes
from stages.core.networks.model import Model
from stages.core.networks.scaling import fit_scaling
from stages.core.networks.speakers import in_speaker_units
from stages.core.relevance import by_family, conditional, explaining
from stages.core.relevance.by_family import ALONE, GIVEN_REST, WHOLE
from stages.core.relevance.conditional import Kernels
from stages.core.relevance.exchange import exchanged
from stages.core.relevance.explaining import Corpus, explain
from stages.core.relevance.explanation import Explanation
from stages.core.runtime.errors import UserError

NAMES = [
    "F0final_sma_amean",
    "jitterLocal_sma_amean",
    "mfcc_sma[1]_amean",
    "F0final_sma_de_stddev",
    "extra 1",
]
FAMILIES = {"pitch": [0, 3], "MFCC": [2], "voice quality": [1], "own": [4]}
TASKS = {
    "mood": Task("regression", ("Awe", "Fear"), "ccc"),
    "country": Task("classification", ("Country",), "uar"),
    "age": Task("regression", ("Age",), "mae"),
}
OUTPUTS = {"mood": 2, "country": 2, "age": 1}
CLASSES = {"country": ["Chad", "Peru"]}
OPTIONS = ExplainOptions(permutations=3, families={"own": "^extra"})
EVALUATION = EvaluationOptions(bootstrap=30, confidence=0.9, seed=5)
RNG = np.random.default_rng(2)
SPEAKER = RNG.permutation(np.repeat(np.arange(22), 4))  # clips in no order
CLIPS = len(SPEAKER)
SPLIT = np.array(["train", "validation", "test"])[np.where(SPEAKER < 9, 0, np.where(SPEAKER < 13, 1, 2))]
FEATURES = (RNG.normal(size=(CLIPS, 5)) * [40, 1, 9, 5, 2] + RNG.normal(size=(22, 5))[SPEAKER]).astype(
    np.float32
)
FEATURES[SPLIT == "test"] += [20, 0, 5, 0, 1]
LABELS = pd.DataFrame(
    {
        "clip_id": [f"c{clip:02d}" for clip in range(CLIPS)],
        "speaker": [None if who == 20 else f"s{who}" for who in SPEAKER],  # each clip of S20 is of a stranger
        "split": SPLIT,
        "Awe": FEATURES[:, 0] / 40 + RNG.normal(0, 1, CLIPS),
        "Fear": FEATURES[:, 2] / 9 + RNG.normal(0, 1, CLIPS),
        "Country": np.where((SPEAKER + (RNG.random(CLIPS) < 0.2)) % 2 == 0, "Chad", "Peru"),
        "Age": (30 + SPEAKER * 7 % 22 + RNG.integers(0, 9, CLIPS)).astype(float),
    }
)
LABELS.loc[[5, 50], "Age"] = np.nan
TRAIN, TEST = np.flatnonzero(SPLIT == "train"), np.flatnonzero(SPLIT == "test")
QUANTITIES = RNG.normal(size=(CLIPS, 13))


def model_of(joint: bool) -> Model:
    architecture = Architecture(joint, (6,))
    config = TrainingConfig(seeds=(7, 3), scaling="speaker", batch_size=5)
    groups = [list(TASKS)] if joint else [[name] for name in TASKS]
    networks, weights, rng = [], {}, np.random.default_rng(8)
    for group in groups:
        for seed in (7, 3):
            name = f"{seed} {' '.join(group)}"
            networks.append(NetworkSummary(name, seed, group, 1, 1, {}))
            for part, shape in parameter_shapes(5, {task: OUTPUTS[task] for task in group}, architecture):
                weights[f"{name}/{part}"] = rng.normal(size=shape).astype(np.float32)
    scales = {"mood": (0.0, 1.0), "country": (0.0, 1.0), "age": (40.0, 6.0)}
    description = ModelDescription(
        "r", "f", "m", {}, NAMES, TASKS, OUTPUTS, CLASSES, scales, architecture, config, {}, networks, {}
    )
    return Model(description, weights, fit_scaling("speaker", FEATURES[TRAIN]))


def corpus(**changes: Any) -> Corpus:
    return replace(Corpus(LABELS, FEATURES, "Country", QUANTITIES), **changes)


def whole(model: Model, given: Corpus) -> Explanation:
    return explain("r", model, given, OPTIONS, EVALUATION, threads=2)


@pytest.fixture(scope="module", autouse=True)
def few_exchanges() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(by_family, "LABELS_EXCHANGED", 9)
        yield


@pytest.fixture(scope="module")
def joint() -> Explanation:
    return whole(model_of(joint=True), corpus())


def scaled(rows: np.ndarray) -> np.ndarray:
    """Quantiles of the training split in the units of each speaker."""
    model = model_of(joint=True)
    speakers = [f"clip {clip}" if who == 20 else f"s{who}" for clip, who in enumerate(SPEAKER)]
    quantiles = replace(model.scaling, kind="quantile")(FEATURES[rows])
    return in_speaker_units(quantiles, [speakers[row] for row in rows])


def truth_of(task: str, rows: np.ndarray) -> np.ndarray:
    if task == "country":
        return (LABELS["Country"].to_numpy()[rows] == "Peru").astype(int)
    return LABELS[list(TASKS[task].columns)].to_numpy()[rows]


def groups_of(rows: np.ndarray) -> dict[str, np.ndarray]:
    ages, low, high = LABELS["Age"].to_numpy(), *np.nanquantile(LABELS["Age"], [1 / 3, 2 / 3])
    bounds = (np.nanmin(ages), low, high, np.nanmax(ages))
    form = ".0f" if all(bound == round(bound) for bound in bounds) else "#.4g"
    names = [f"Age {bounds[0]:{form}} to {low:{form}}", f"Age above {low:{form}} to {high:{form}}"]
    names.append(f"Age above {high:{form}} to {bounds[3]:{form}}")
    thirds = (ages <= low, (ages > low) & (ages <= high), ages > high)
    masks = {name: (LABELS["Country"] == name).to_numpy() for name in ("Chad", "Peru")}
    masks |= dict(zip(names, thirds, strict=True))
    return {name: mask[rows] for name, mask in masks.items()}


def test_what_it_is_about(joint: Explanation) -> None:
    assert (joint.run, joint.confidence, joint.scores) == (
        "r",
        0.9,
        {"mood": "ccc", "country": "uar", "age": "mae"},
    )
    strangers = int((SPEAKER == 20).sum())
    assert (joint.clips, joint.speakers) == (len(TEST), 8 + strangers)
    told = Kernels.of({name: np.array(of) for name, of in FAMILIES.items()}, scaled(TRAIN), scaled(TEST), 1)
    assert [(row.name, row.columns) for row in joint.families] == [
        ("pitch", 2),
        ("MFCC", 1),
        ("voice quality", 1),
        ("own", 1),
    ]
    for row in joint.families:
        share = told.told_by_the_rest(row.name, np.array(FAMILIES[row.name])).share
        assert row.told == pytest.approx(share, abs=1e-6)


def test_relevance_is_what_the_models_own_predictions_lose(joint: Explanation) -> None:
    model, seen = model_of(joint=True), scaled(TEST)
    names = [f"clip c{clip:02d}" if SPEAKER[clip] == 20 else f"speaker s{SPEAKER[clip]}" for clip in TEST]
    number = np.unique(names, return_inverse=True)[1]
    ring = np.random.default_rng([5, 2])
    donors = [exchanged(number, ring) for _ in range(3)]
    as_it_is = model.predict_scaled(seen)
    values = {
        (row.family, row.task, row.part, row.group): row.value for row in joint.relevance if row.kind == ALONE
    }
    assert len(values) == len(FAMILIES) * (3 + 3 + 2) * 6 - len(FAMILIES) * 2 * 3
    for family, columns in FAMILIES.items():
        changed = []
        for rows in donors:
            moved = seen.copy()
            moved[:, columns] = seen[rows][:, columns]
            changed.append(model.predict_scaled(moved))
        for task in TASKS:
            metric, truth = METRICS[TASKS[task].score], truth_of(task, TEST)
            for group, inside in {"": np.ones(len(TEST), bool), **groups_of(TEST)}.items():
                if task == "country" and group in CLASSES["country"]:
                    continue  # clips of one country have one class
                before, after = (
                    np.mean(
                        [
                            metric.compute(truth[inside], by[seed][task][inside])
                            for by in of
                            for seed in (7, 3)
                        ]
                    )
                    for of in ([as_it_is], changed)
                )
                loss = metric.gain(float(after), float(before))
                assert values[family, task, WHOLE, group] == pytest.approx(loss, abs=2e-5)


def test_features_are_chosen_on_training_and_judged_on_test(joint: Explanation) -> None:
    of = [(row.name, row.correlation) for row in joint.features if (row.task, row.part) == ("mood", "Fear")]
    fear = LABELS["Fear"].to_numpy()
    strength = [abs(spearmanr(FEATURES[TRAIN, column], fear[TRAIN]).statistic) for column in range(5)]
    # Of both functionals of pitch the stronger stands alone.
    order = [
        column for column in np.argsort(strength)[::-1] if column != (0 if strength[0] < strength[3] else 3)
    ]
    assert [name for name, _ in of] == [NAMES[column] for column in order]
    for column, (_, value) in zip(order, of, strict=True):
        assert value == pytest.approx(spearmanr(FEATURES[TEST, column], fear[TEST]).statistic, abs=1e-6)
    assert [(row.task, row.part) for row in joint.features[::4]] == [
        ("mood", "Awe"),
        ("mood", "Fear"),
        ("country", "Chad"),
        ("country", "Peru"),
        ("age", "Age"),
    ]


def test_gaps_between_groups_of_other_columns(joint: Explanation) -> None:
    groups, predicted = groups_of(TEST), model_of(joint=True).predict_scaled(scaled(TEST))
    thirds = [name for name in groups if name.startswith("Age")]
    expected = []
    for task in TASKS:
        expected += [(task, "Country", "Chad", "Peru")] if task != "country" else []
        expected += [(task, "Age", *pair) for pair in combinations(thirds, 2)] if task != "age" else []
    assert [(gap.task, gap.column, gap.first, gap.second) for gap in joint.gaps] == expected
    for gap in joint.gaps:
        metric, truth = METRICS[TASKS[gap.task].score], truth_of(gap.task, TEST)
        first, second = (
            np.mean(
                [
                    metric.compute(truth[groups[name]], predicted[seed][gap.task][groups[name]])
                    for seed in (7, 3)
                ]
            )
            for name in (gap.first, gap.second)
        )
        assert gap.value == pytest.approx(metric.gain(float(second), float(first)), abs=2e-5)


def test_joint_networks_share_gradients_and_others_trunks(joint: Explanation) -> None:
    pairs = list(combinations(TASKS, 2))

    def measures(found: Explanation) -> list[tuple[str, str, str]]:
        return [(row.measure, row.first, row.second) for row in found.shared]

    both = [(measure, *pair) for pair in pairs for measure in ("families", "features")]
    assert measures(joint) == both + [
        (measure, *pair) for pair in pairs for measure in ("gradients", "conflicts")
    ]
    profiles = {}
    for task in ("mood", "age"):
        labels = truth_of(task, TEST)
        known = ~np.isnan(labels[:, 0])
        profiles[task] = [
            np.mean(
                [abs(spearmanr(FEATURES[TEST, column][known], label).statistic) for label in labels[known].T]
            )
            for column in range(5)
        ]
    (alike,) = (
        row.value
        for row in joint.shared
        if (row.measure, row.first, row.second) == ("features", "mood", "age")
    )
    assert alike == pytest.approx(spearmanr(profiles["mood"], profiles["age"]).statistic, abs=1e-6)
    apart = whole(model_of(joint=False), corpus(quantities=None))
    assert measures(apart) == [
        *both,
        *(("trunks", task, task) for task in TASKS),
        *(("trunks", *pair) for pair in pairs),
    ]
    assert list(apart.recovery) == []
    # Gradients are of the training clips, the rest is of the test clips; validation decides nothing.
    for split, same in (
        ("validation", {"gradients", "features"}),
        ("test", {"gradients"}),
        ("train", {"features"}),
    ):
        inside = split == SPLIT
        other = FEATURES.copy()
        other[inside] = other[inside][::-1] + 0.5
        changed = whole(model_of(joint=True), corpus(features=other))
        kept = {
            measure
            for measure in ("gradients", "features")
            if [row.value for row in joint.shared if row.measure == measure]
            == [row.value for row in changed.shared if row.measure == measure]
        }
        assert kept == same
        if split == "validation":
            assert changed == joint


def test_recovery_ranks_all_clips_by_the_weights_of_the_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditional, "CLIPS", 20)  # that families tell each other by
    rng = np.random.default_rng(9)
    weights = {(part, name): float(rng.random()) for part in ("Awe", "Fear", "Age") for name in FAMILIES}
    del weights["Fear", "own"]
    asked: list[Any] = []

    def generator_weights(*given: Any) -> dict[tuple[str, str], float]:
        asked.extend(given)
        return weights

    monkeypatch.setattr(explaining, "generator_weights", generator_weights)
    found = whole(model_of(joint=True), corpus())
    families, kernels, learnt, seen = asked
    assert len(kernels.clips) == 20 < len(TRAIN)
    assert list(families) == list(FAMILIES)
    np.testing.assert_array_equal(learnt, QUANTITIES[TRAIN[kernels.clips]])
    np.testing.assert_array_equal(seen, QUANTITIES[TEST])
    assert [(row.kind, row.task, row.cells) for row in found.recovery] == [
        (kind, task, cells) for kind in (ALONE, GIVEN_REST) for task, cells in (("mood", 7), ("age", 4))
    ]
    for row in found.recovery:
        measured = [
            (one.value, weights[one.part, one.family])
            for one in found.relevance
            if (one.kind, one.task, one.group) == (row.kind, row.task, "")
            and (one.part, one.family) in weights
        ]
        assert row.value == pytest.approx(spearmanr(*zip(*measured, strict=True)).statistic, abs=1e-6)


def test_tasks_without_labels_on_test_are_left_out_and_a_run_without_any_is_refused() -> None:
    test = LABELS["split"] == "test"
    labels = LABELS.assign(Age=LABELS["Age"].where(~test), Country=LABELS["Country"].where(~test))
    found = whole(model_of(joint=True), corpus(labels=labels, group_column=None))
    assert list(found.scores) == ["mood"] and {row.task for row in found.relevance} == {"mood"}
    assert {row.group for row in found.relevance} == {""} and list(found.gaps) == []
    assert {row.task for row in found.features} == {"mood"}
    labels.loc[test, ["Awe", "Fear"]] = np.nan
    with pytest.raises(UserError, match="run r has no labelled clip in the test split, so nothing can be"):
        whole(model_of(joint=True), corpus(labels=labels))
