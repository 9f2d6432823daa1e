"""What a model's calibration and its speakers' units do to its predictions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stages.core.networks.calibration import Calibration
from stages.core.networks.data import MultiTaskData, SplitData
from stages.core.networks.model import Model
from stages.core.networks.run import calibrated
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


@pytest.mark.parametrize(
    "calibration",
    [
        {"keys": Calibration((1.0,), (0.0,))},
        {"type": Calibration(temperature=0.0)},
        {"type": Calibration((1.0,), (0.0,))},
        {"mood": Calibration()},
    ],
)
def test_a_calibration_that_does_not_fit_is_damage(
    calibration: dict[str, Calibration], tmp_path: Path
) -> None:
    calibrated_by(calibration).save(tmp_path)
    with pytest.raises(StageFileError, match=r"holds a damaged model \(.*calibration"):
        Model.load(tmp_path)


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
        DESCRIPTION.scales,
    )
    model = calibrated(MODEL, data, FEATURES, SPEAKERS)
    by_seed = model.predict(FEATURES)
    ensemble = (by_seed[4]["keys"].astype(np.float64) + by_seed[2]["keys"]) / 2
    np.testing.assert_allclose(ensemble.mean(axis=0), targets["keys"].mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(ensemble.std(axis=0), targets["keys"].std(axis=0), atol=1e-5)
    assert set(model.description.calibration) == {"type", "keys"}  # the absolute error stays as it is
    assert model.description.calibration["type"].temperature > 1  # random networks are too sure


def test_speaker_units_start_from_normal_quantiles() -> None:
    quantile = Scaling("quantile", SPEAKER_MODEL.scaling.points)
    alone = SPEAKER_MODEL.scaling(FEATURES)
    np.testing.assert_allclose(alone, quantile(FEATURES) * (5 / 6) / np.sqrt(5 / 6), rtol=1e-5, atol=1e-6)
