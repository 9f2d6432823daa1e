"""What is not the voice: measured in made sounds, and told to a linear model."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from stages.core.config.evaluation import EvaluationOptions
from stages.core.networks.scaling import fit_scaling
from stages.core.relevance.bias import Recorded, Told, classes_of_clips, told
from stages.core.relevance.nuisance import NAMES, nuisances
from stages.core.runtime.errors import OptionError
from stages.core.scoring import bootstrap
from stages.core.scoring.sampling import Sampling


def clip(before: float = 0.3, after: float = 0.5, hum: float = 50.0, peak: float = 0.7) -> np.ndarray:
    """A tone of half a second between two silences with noise and hum, int16."""
    rng = np.random.default_rng(1)
    time = np.arange(round(16_000 * (before + 0.5 + after))) / 16_000
    voice = np.where((time >= before) & (time < before + 0.5), np.sin(2 * np.pi * 440 * time), 0)
    sound = voice + 0.003 * np.sin(2 * np.pi * hum * time) + 0.001 * rng.normal(size=len(time))
    return (np.clip(peak * sound, -0.7, 0.7) * 32767).astype(np.int16)


def test_what_surrounds_the_voice_is_measured() -> None:
    found = dict(zip(NAMES, nuisances(clip()), strict=True))
    assert found["silence before (s)"] == pytest.approx(0.3, abs=0.03)
    assert found["silence after (s)"] == pytest.approx(0.5, abs=0.03)
    assert found["noise floor (dB)"] < -45
    assert found["hum at 50 Hz (dB)"] > found["hum at 60 Hz (dB)"] + 6
    other = dict(zip(NAMES, nuisances(clip(hum=60.0)), strict=True))
    assert other["hum at 60 Hz (dB)"] > other["hum at 50 Hz (dB)"] + 6


def test_clipping_is_measured() -> None:
    clipped = dict(zip(NAMES, nuisances(clip(peak=2.0)), strict=True))
    assert (
        clipped["clipped samples (%)"]
        > 10
        > dict(zip(NAMES, nuisances(clip()), strict=True))["clipped samples (%)"]
    )


@pytest.mark.parametrize(
    "samples", [np.zeros(16_000, np.int16), np.ones(100, np.int16), np.ones(1, np.int16)]
)
def test_odd_clips_have_finite_numbers(samples: np.ndarray) -> None:
    assert np.isfinite(nuisances(samples)).all()


def test_a_fact_that_tells_is_found_and_noise_is_not() -> None:
    rng = np.random.default_rng(3)
    speaker = np.repeat(np.arange(90), 3)
    classes = speaker % 3
    facts = np.stack([classes + rng.normal(0, 0.5, 270), rng.normal(size=270)], axis=1)
    splits = np.array(["train", "validation", "test"])[speaker // 3 % 3]
    recorded = Recorded(["rate", "noise"], facts, classes, 3, splits)
    number = np.unique(speaker[recorded.rows("test")], return_inverse=True)[1]
    drawn = bootstrap.draws(30, 200, np.random.default_rng(1))
    found = {row.by: row for row in told(recorded, Sampling(number, drawn, EvaluationOptions()))}
    assert list(found) == ["all together", "rate", "noise"]
    for by in ("all together", "rate"):
        assert (found[by].low or 0) > 0.5 and found[by].p < 0.01
    assert (found["noise"].low or 1) < 1 / 3 < (found["noise"].high or 0) and found["noise"].p > 0.05


def test_facts_of_a_clip_by_hand() -> None:
    """Half a second of a constant amid a hum of 50 Hz, of which exactly a second lies outside the voice.

    Frames begin every 160 samples and last 400: the first that holds some of samples 8000 to 16,000 begins at
    7680, the last ends at 16,240.
    """
    hum = 0.01 * np.sin(2 * np.pi * 50 * np.arange(16_000) / 16_000)
    sound = np.r_[hum[:7680], hum[:320], np.full(8000, 0.5), hum[:240], hum[7680:]]
    found = dict(zip(NAMES, nuisances(np.round(sound * 32768).astype(np.int16)), strict=True))
    assert found["silence before (s)"] == 0.48
    assert found["silence after (s)"] == 0.52
    assert found["noise floor (dB)"] == pytest.approx(10 * np.log10(0.01**2 / 2 / 0.5**2), abs=0.7)
    # One of 61 lines has all power, 61 times their mean; near the overtone are rounding errors alone.
    assert found["hum at 50 Hz (dB)"] == pytest.approx(10 * np.log10((61 + 1) / 2), abs=0.6)
    assert found["bandwidth of the noise (Hz)"] == 50


def test_samples_as_loud_as_the_loudest_are_clipped_but_for_one() -> None:
    assert nuisances(np.array([1, 9, -9, 9], np.int16))[-1] == 50
    assert nuisances(np.array([1, 9, -8, 8], np.int16))[-1] == 0


def recorded(facts: np.ndarray, classes: np.ndarray, splits: np.ndarray) -> Recorded:
    return Recorded(["fact"], facts[:, None], classes, 2, splits)


def together(of: Recorded) -> Told:
    """What all facts tell; each labelled test clip is of a speaker of its own."""
    clips = len(of.rows("test"))
    drawn = bootstrap.draws(clips, 50, np.random.default_rng(1))
    return told(of, Sampling(np.arange(clips), drawn, EvaluationOptions()))[0]


SPLITS = np.tile(["train", "validation", "test"], 60)


def test_a_fact_that_is_middling_for_one_class_tells_it() -> None:
    fact = np.random.default_rng(4).uniform(-1, 1, 180)
    assert (together(recorded(fact, (np.abs(fact) > 0.5).astype(np.int64), SPLITS)).uar or 0) > 0.75


def test_a_rare_class_weighs_as_much_as_the_other() -> None:
    rng = np.random.default_rng(5)
    classes = (np.arange(180) % 30 < 3).astype(np.int64)  # 6 of the 60 clips of each split
    found = together(recorded(classes + rng.normal(0, 0.7, 180), classes, SPLITS))
    assert (found.uar or 0) > 0.65
    assert found.chance == 0.5


def test_labels_are_exchanged_between_speakers_not_clips() -> None:
    """The class of four of six speakers is told; were their 60 clips independent, that could be no chance."""
    of_speaker, said = np.repeat([0, 0, 0, 1, 1, 1], 10), np.repeat([0, 0, 1, 1, 1, 0], 10)
    learnt = np.tile([0, 1], 20)
    classes, fact = np.r_[learnt, of_speaker], np.r_[learnt, said].astype(float)
    splits = np.repeat(["train", "validation", "test"], [20, 20, 60])
    speaker = np.repeat(np.arange(6), 10)
    drawn = bootstrap.draws(6, 50, np.random.default_rng(1))
    found = told(recorded(fact, classes, splits), Sampling(speaker, drawn, EvaluationOptions()))[0]
    assert found.uar == pytest.approx(2 / 3, abs=1e-6)
    assert found.p > 0.05


def test_clips_without_a_label_count_nothing() -> None:
    rng = np.random.default_rng(6)
    classes = rng.integers(0, 2, 180)
    fact = classes + rng.normal(0, 0.5, 180)
    more = recorded(
        np.r_[fact, rng.normal(9, 9, 60)], np.r_[classes, np.full(60, -1)], np.r_[SPLITS, SPLITS[:60]]
    )
    assert together(more) == together(recorded(fact, classes, SPLITS))


def test_a_fact_that_never_changes_tells_nothing() -> None:
    """Each exchange of labels reaches the one half of a constant guess."""
    found = together(recorded(np.ones(180), np.arange(180) // 3 % 2, SPLITS))
    assert (found.uar, found.chance, found.p) == (0.5, 0.5, 1.0)


def test_the_penalty_is_the_best_on_validation() -> None:
    """The classes of all clips but those of training are what the largest penalty says of them."""
    rng = np.random.default_rng(7)
    facts, train = rng.normal(size=(180, 10)), SPLITS == "train"
    scaled = fit_scaling("quantile", facts[train].astype(np.float32))(facts.astype(np.float32))
    inputs = np.hstack([scaled, scaled**2]).astype(np.float64)
    classes = np.arange(180) // 3 % 2
    says = Ridge(1000.0).fit(inputs[train], 2.0 * classes[train] - 1).predict(inputs)
    classes = np.where(train, classes, (says > 0).astype(np.int64))
    names = [f"fact {number}" for number in range(10)]
    assert together(Recorded(names, facts, classes, 2, SPLITS)).uar == 1


CLIPS = pd.DataFrame(
    {
        "split": ["train", "train", "validation", "test", "test"],
        "Country": ["Peru", "Chad", "Peru", "Chad", "Mali"],
        "Site": ["a", "b", "a", None, None],
        "Age": [20.0, 30.0, 40.0, 50.0, 60.0],
    }
)


def test_classes_are_those_of_the_training_clips() -> None:
    number, classes = classes_of_clips("Country", CLIPS)
    assert (number, classes.tolist()) == (2, [1, 0, 1, 0, -1])


@pytest.mark.parametrize(
    ("column", "problem"),
    [
        ("Town", "column is 'Town', which is no label of the corpus"),
        ("Age", "column is 'Age', which holds numbers; name a column of classes"),
        ("Site", "column is 'Site', but no clip of the test split has such a label"),
    ],
)
def test_columns_that_cannot_be_told(column: str, problem: str) -> None:
    with pytest.raises(OptionError, match=problem):
        classes_of_clips(column, CLIPS)
