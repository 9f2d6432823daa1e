"""What a model's calibration and its speakers' units do to its predictions."""

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.core.networks.blending import Blend
from stages.core.networks.calibration import Calibration
from stages.core.networks.data import MultiTaskData, SplitData
from stages.core.networks.description import problem_of
from stages.core.networks.model import Model
from stages.core.networks.run import blended, calibrated
from stages.core.networks.scaling import Scaling, fit_scaling
from stages.core.networks.speakers import whole_speakers
from stages.core.runtime.errors import StageFileError
from tests.core.networks.test_model import DESCRIPTION, MODEL, OUTPUTS, TASKS

RNG = np.random.default_rng(3)
FEATURES = RNG.normal(size=(150, 6)).astype(np.float32)
SPEAKERS = np.array([f"s{number}" for number in RNG.integers(0, 9, 150)])
CALIBRATION = {
    "type": Calibration(temperature=4.0),
    "keys": Calibration((2.0, -3.0), (0.25, 0.5)),
}


def calibrated_by(calibration: dict[str, Calibration]) -> Model:
    return replace(MODEL, description=replace(DESCRIPTION, calibration=calibration))


BLEND = {"type": Blend((0.25, 0.75), temperature=0.5), "train": Blend((0.5, 0.0, 0.5), center=(2.0,))}
LINEAR = {
    "linear-type/columns": np.array([1, 4]),
    "linear-type/weight": RNG.normal(size=(2, 3)).astype(np.float32),
    "linear-type/bias": RNG.normal(size=3).astype(np.float32),
    "linear-train/weight": RNG.normal(size=(6, 1)).astype(np.float32),
    "linear-train/bias": np.zeros(1, np.float32),
}
BLENDED = Model(replace(DESCRIPTION, blend=BLEND), {**MODEL.weights, **LINEAR}, MODEL.scaling)
SPEAKER_MODEL = replace(MODEL, scaling=fit_scaling("speaker", FEATURES))


def test_calibration_maps_ratings_and_cools_classes() -> None:
    before, after = MODEL.predict(FEATURES), calibrated_by(CALIBRATION).predict(FEATURES)
    for seed in (4, 2):
        expected = before[seed]["keys"].astype(np.float64) * [2.0, -3.0] + [0.25, 0.5]
        np.testing.assert_array_equal(after[seed]["keys"], expected.astype(np.float32))
        cooled = before[seed]["type"].astype(np.float64) ** 0.25
        np.testing.assert_allclose(after[seed]["type"], cooled / cooled.sum(axis=1, keepdims=True), rtol=1e-4)
        np.testing.assert_array_equal(after[seed]["train"], before[seed]["train"])


def test_settings_are_saved_and_give_the_same_bits(tmp_path: Path) -> None:
    model = replace(calibrated_by(CALIBRATION), scaling=SPEAKER_MODEL.scaling)
    model.save(tmp_path)
    loaded = Model.load(tmp_path)
    assert loaded.description == model.description
    assert loaded.reads_speakers
    for task in TASKS:
        expected = model.predict(FEATURES, SPEAKERS)[4][task]
        assert loaded.predict(FEATURES, SPEAKERS)[4][task].tobytes() == expected.tobytes()


def test_a_blend_is_a_mean_of_its_members() -> None:
    before, after = MODEL.predict(FEATURES), BLENDED.predict(FEATURES)
    inputs = MODEL.scaling(FEATURES)[:, [1, 4]].astype(np.float64)
    odds = np.exp((inputs @ LINEAR["linear-type/weight"] + LINEAR["linear-type/bias"]) / 0.5)
    linear = odds / odds.sum(axis=1, keepdims=True)
    for seed in (4, 2):
        np.testing.assert_allclose(
            after[seed]["type"], 0.25 * before[seed]["type"] + 0.75 * linear, atol=1e-6
        )
        mean, deviation = DESCRIPTION.scales["train"]
        halfway = (before[seed]["train"] + mean + 2.0 * deviation) / 2  # the naive predictor's 2.0 in years
        np.testing.assert_allclose(after[seed]["train"], halfway, rtol=1e-5)
        np.testing.assert_array_equal(after[seed]["keys"], before[seed]["keys"])


def test_a_blend_is_saved_and_counted(tmp_path: Path) -> None:
    BLENDED.save(tmp_path)
    loaded = Model.load(tmp_path)
    assert loaded.description == BLENDED.description
    for task in TASKS:
        assert loaded.predict(FEATURES)[4][task].tobytes() == BLENDED.predict(FEATURES)[4][task].tobytes()
    assert BLENDED.parameters == MODEL.parameters + 2 * 3 + 3 + 6 + 1
    assert BLENDED.multiply_adds == MODEL.multiply_adds + 2 * 3 + 6


@pytest.mark.parametrize(
    ("blend", "weights", "sentence"),
    [
        ({"type": Blend((0.5, 0.5, 0.0))}, {}, "the blend of task type does not fit its outputs"),
        ({"type": Blend((0.5, 0.5), temperature=0.0)}, {}, "the blend of task type does not fit its outputs"),
        ({"train": Blend((0.5, 0.5, 0.0), center=(1.0, 2.0))}, {}, "the blend of task train does not fit"),
        ({"mood": Blend((0.5, 0.5))}, {}, "the blend of task mood does not fit its outputs"),
        ({"train": Blend((0.5, 0.5), center=(1.0,))}, {}, "the blend of task train does not fit"),
        ({"train": Blend((0.5,))}, {}, "the blend of task train does not fit"),
        ({"type": Blend((0.5, 0.5), temperature=-1.0)}, {}, "the blend of task type does not fit"),
        (
            {},
            {"linear-type/weight": np.zeros((3, 3), np.float32)},
            "linear-type/weight is not float32 of shape",
        ),
        ({}, {"linear-train/bias": np.zeros(1)}, "linear-train/bias is not float32 of shape"),
        ({}, {"linear-type/bias": np.zeros(2, np.float32)}, "linear-type/bias is not float32 of shape"),
        ({}, {"linear-type/columns": np.array([1, 6])}, "names features that there are not"),
        (
            {},
            {"linear-train/weight": np.full((6, 1), np.nan, np.float32)},
            "the linear model of task train has",
        ),
    ],
)
def test_a_blend_that_does_not_fit_is_damage(
    blend: dict[str, Blend], weights: dict[str, np.ndarray], sentence: str, tmp_path: Path
) -> None:
    description = replace(DESCRIPTION, blend={**BLEND, **blend})
    Model(description, {**BLENDED.weights, **weights}, MODEL.scaling).save(tmp_path)
    with pytest.raises(StageFileError, match="holds a damaged model") as error:
        Model.load(tmp_path)
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    "calibration",
    [
        {"keys": Calibration((1.0,), (0.0,))},
        {"type": Calibration(temperature=0.0)},
        {"type": Calibration((1.0,), (0.0,))},
        {"type": Calibration(temperature=-1.0)},
        {"keys": Calibration((1.0, 1.0), (0.0,))},
        {"keys": Calibration((1.0,), (0.0, 0.0))},
        {"keys": Calibration()},
        {"mood": Calibration()},
    ],
)
def test_a_calibration_that_does_not_fit_is_damage(
    calibration: dict[str, Calibration], tmp_path: Path
) -> None:
    calibrated_by(calibration).save(tmp_path)
    with pytest.raises(StageFileError, match=r"holds a damaged model \(.*calibration"):
        Model.load(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"calibration": {"type": Calibration(temperature=math.inf)}},
        {"calibration": {"keys": Calibration((1.0, math.nan), (0.0, 0.0))}},
        {"calibration": {"keys": Calibration((1.0, 1.0), (0.0, math.inf))}},
        {"blend": {**BLEND, "type": Blend((0.5, math.nan))}},
        {"blend": {**BLEND, "type": Blend((0.5, 0.5), temperature=math.inf)}},
        {"blend": {**BLEND, "train": Blend((0.5, 0.5, 0.0), center=(math.inf,))}},
    ],
)
def test_figures_that_are_not_finite_are_damage(changes: dict[str, Any]) -> None:
    """A file that somebody wrote may hold them, though none is saved with them."""
    weights = BLENDED.weights if "blend" in changes else MODEL.weights
    problem = problem_of(replace(DESCRIPTION, **changes), weights, "standard", MODEL.scaling.points)
    assert problem is not None and re.match(
        "the (blend|calibration) of task .* does not fit its outputs", problem
    )


def test_a_prediction_depends_on_the_clips_of_its_speaker_alone() -> None:
    together = SPEAKER_MODEL.predict(FEATURES, SPEAKERS)[4]["keys"]
    rows = np.flatnonzero(SPEAKERS == "s3")
    alone = SPEAKER_MODEL.predict(FEATURES[rows], ["anybody"] * len(rows))[4]["keys"]
    assert alone.tobytes() == together[rows].tobytes()
    backwards = SPEAKER_MODEL.predict(FEATURES[::-1], SPEAKERS[::-1])[4]["keys"][::-1]
    assert backwards.tobytes() == together.tobytes()
    fewer = SPEAKER_MODEL.predict(FEATURES[rows[:-1]], ["anybody"] * (len(rows) - 1))[4]["keys"]
    assert not np.array_equal(fewer, together[rows[:-1]])


def test_without_speakers_each_clip_is_of_another() -> None:
    each = SPEAKER_MODEL.predict(FEATURES, [str(row) for row in range(150)])[4]["keys"]
    assert SPEAKER_MODEL.predict(FEATURES)[4]["keys"].tobytes() == each.tobytes()
    assert not MODEL.reads_speakers
    assert (
        MODEL.predict(FEATURES, SPEAKERS)[4]["keys"].tobytes() == MODEL.predict(FEATURES)[4]["keys"].tobytes()
    )


def test_blocks_part_no_speaker() -> None:
    together = SPEAKER_MODEL.predict(FEATURES, SPEAKERS)[4]["keys"]
    in_blocks = np.empty_like(together)
    blocks = list(whole_speakers(SPEAKERS, 20))
    assert len(blocks) > 3
    assert sorted(np.concatenate(blocks)) == list(range(150))
    for rows in blocks:
        in_blocks[rows] = SPEAKER_MODEL.predict(FEATURES[rows], SPEAKERS[rows])[4]["keys"]
    assert in_blocks.tobytes() == together.tobytes()


def test_the_ensemble_has_the_mean_and_the_sd_of_the_training_labels() -> None:
    targets = {
        "type": RNG.integers(0, 3, 400),
        "keys": RNG.uniform(0, 1, (400, 2)),
        "train": RNG.normal(0, 1, (400, 1)),
    }
    validation = {name: values[:150] for name, values in targets.items()}
    data = MultiTaskData(
        TASKS,
        OUTPUTS,
        SplitData(np.empty((400, 6), np.float32), targets),
        SplitData(FEATURES, validation),
        {**DESCRIPTION.scales, "keys": (5.0, 2.0)},  # targets are in standard units inside the loss
    )
    model = calibrated(MODEL, data)
    by_seed = model.predict(FEATURES)
    ensemble = (by_seed[4]["keys"].astype(np.float64) + by_seed[2]["keys"]) / 2
    np.testing.assert_allclose(ensemble.mean(axis=0), 5 + 2 * targets["keys"].mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(ensemble.std(axis=0), 2 * targets["keys"].std(axis=0), atol=1e-5)
    assert set(model.description.calibration) == {"type", "keys"}  # the absolute error stays as it is
    assert model.description.calibration["type"].temperature > 1  # random networks are too sure


def test_where_features_tell_little_the_naive_predictor_counts() -> None:
    targets = {
        "type": np.argmax(FEATURES[:, :3], axis=1),  # a linear model knows it, random networks do not
        "keys": np.column_stack([FEATURES[:, 3], FEATURES[:, 4]]).astype(np.float64),
        "train": np.random.default_rng(8).normal(size=(150, 1)),
    }
    half = SplitData(FEATURES[:75], {name: values[:75] for name, values in targets.items()})
    rest = SplitData(FEATURES[75:], {name: values[75:] for name, values in targets.items()})
    data = MultiTaskData(TASKS, OUTPUTS, half, rest, DESCRIPTION.scales)
    made = blended(MODEL, data, SPEAKERS[75:])
    shares = {name: blend.shares for name, blend in made.description.blend.items()}
    assert all(sum(of_task) == pytest.approx(1) for of_task in shares.values())
    assert shares["type"][1] > 0.5
    assert shares["keys"][1] > 0.8
    assert shares["train"][2] > 0.4
    assert made.description.blend["train"].center == (np.median(targets["train"][:75]),)
    assert "linear-train/weight" in made.weights


def test_speaker_units_start_from_normal_quantiles() -> None:
    quantile = Scaling("quantile", SPEAKER_MODEL.scaling.points)
    alone = SPEAKER_MODEL.scaling(FEATURES)
    np.testing.assert_allclose(alone, quantile(FEATURES) * (5 / 6) / np.sqrt(5 / 6), rtol=1e-5, atol=1e-6)
