"""What is not the voice: measured in made sounds, and told to a linear model."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import balanced_accuracy_score

from stages.core.config.evaluation import EvaluationOptions
from stages.core.networks.scaling import fit_scaling
from stages.core.relevance import bias
from stages.core.relevance.bias import Recorded, Told, classes_of_clips, told
from stages.core.relevance.exchange import exchanged
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


def test_every_fact_of_a_noisy_clip_by_hand() -> None:
    """As before, with every whole Hz from 10 to 165 around the voice, those of the mains louder."""
    time, loud = np.arange(16_000) / 16_000, {50: 5.0, 60: 3.0, 100: 2.0, 120: 4.0, 20: 2.5, 130: 1.5}
    size = {pitch: 0.0005 * loud.get(pitch, 1.0) for pitch in range(10, 166)}
    hum = sum(one * np.cos(2 * np.pi * pitch * time + pitch**2) for pitch, one in size.items())
    sound = np.round(np.r_[hum[:7680], hum[:320], np.full(8000, 0.5), hum[:240], hum[7680:]] * 32768)
    powers = [np.mean((sound[start : start + 400] / 32768) ** 2) for start in range(0, len(sound) - 399, 160)]
    assert len(powers) == 152

    def over(pitch: int) -> float:
        near = [size.get(other, 0.0) ** 2 for other in range(pitch - 30, pitch + 31)]
        return size[pitch] ** 2 / np.mean(near)

    shares = np.cumsum([one**2 for one in size.values()]) / sum(one**2 for one in size.values())
    assert nuisances(sound.astype(np.int16)) == pytest.approx(
        [
            0.48,
            0.52,
            10 * np.log10(np.mean(sorted(powers)[:15]) / max(powers)),
            10 * np.log10((over(50) + over(100)) / 2),
            10 * np.log10((over(60) + over(120)) / 2),
            10 + np.searchsorted(shares, 0.99),
            100 * 7999 / len(sound),
        ],
        abs=0.03,
    )


def test_what_is_30_db_below_the_loudest_is_silence() -> None:
    """A tenth of a second each of nothing, −28 dB, the voice, and −32 dB."""
    levels = [0.0, 10 ** (-28 / 20), 1.0, 10 ** (-32 / 20)]
    sound = np.r_[np.repeat(levels, 1600) * 0.5, np.zeros(8240 - 6400)]
    found = dict(zip(NAMES, nuisances(np.round(sound * 32768).astype(np.int16)), strict=True))
    assert found["silence before (s)"] == 0.1
    assert found["silence after (s)"] == 0.2  # the last frame that holds some of the voice ends at 5040


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


def test_each_row_of_the_table_is_scikit_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three classes of 60 speakers, one rare, some clips without; test sounds otherwise than training."""
    monkeypatch.setattr(bias, "LABELS_EXCHANGED", 99)
    rng = np.random.default_rng(4)
    speaker = np.repeat(np.arange(60), 4)
    splits = np.array(["train", "validation", "test"])[speaker % 3]
    classes = np.where(speaker // 3 % 10 < 6, 0, np.where(speaker // 3 % 10 < 9, 1, 2))
    facts = np.stack([classes + rng.normal(0, 2, 240), rng.normal(0, 1, 240)], axis=1) * [1.0, 30.0]
    facts[splits == "test"] += [0.5, 20.0]
    classes[rng.random(240) < 0.1] = -1
    of = Recorded(["rate", "noise"], facts, classes, 3, splits)
    train, validation, test = (
        np.flatnonzero((splits == name) & (classes >= 0)) for name in ("train", "validation", "test")
    )
    number = np.unique(speaker[test], return_inverse=True)[1]
    drawn = bootstrap.draws(20, 40, np.random.default_rng(1))
    options = EvaluationOptions(seed=3, confidence=0.8)
    best_on_test, rows = [], told(of, Sampling(number, drawn, options))
    for row, columns in zip(rows, ([0, 1], [0], [1]), strict=True):
        scaled = fit_scaling("quantile", facts[train][:, columns].astype(np.float32))(
            facts[:, columns].astype(np.float32)
        ).astype(np.float64)
        inputs = np.hstack([scaled, scaled**2])
        weights = len(train) / (3 * np.bincount(classes[train])[classes[train]])
        guesses = [
            Ridge(penalty)
            .fit(inputs[train], 2.0 * np.eye(3)[classes[train]] - 1, sample_weight=weights)
            .predict(inputs)
            .argmax(axis=1)
            for penalty in (0.1, 1.0, 10.0, 100.0, 1000.0)
        ]
        chosen, on_test = (
            int(np.argmax([balanced_accuracy_score(classes[clips], guess[clips]) for guess in guesses]))
            for clips in (validation, test)
        )
        best_on_test.append(chosen == on_test)
        guess = guesses[chosen][test]
        uar = balanced_accuracy_score(classes[test], guess)
        assert row.uar == pytest.approx(uar, abs=1e-6)
        replicates = []
        for times in drawn:
            clips = np.repeat(np.arange(len(test)), times[number])
            recalls = [(guess[clips] == one)[classes[test][clips] == one] for one in range(3)]
            replicates.append(np.mean([found.mean() for found in recalls if len(found)]))
        assert (row.low, row.high) == pytest.approx(np.quantile(replicates, [0.1, 0.9]), abs=1e-6)
        assert row.chance == 0.333333
        draws = np.random.default_rng([3, 7])
        by_chance = [
            balanced_accuracy_score(classes[test][exchanged(number, draws)], guess) for _ in range(99)
        ]
        reached = sum(value >= uar - 1e-12 for value in by_chance)
        assert row.p == pytest.approx((1 + reached) / 100, abs=1e-6)
    assert [row.by for row in rows] == ["all together", "rate", "noise"]
    assert not all(best_on_test)


def test_the_smallest_p_is_that_of_the_label_itself() -> None:
    classes = np.arange(180) // 3 % 2
    assert together(recorded(classes + 0.0, classes, SPLITS)).p == 0.001
    more = Recorded(["fact"], classes[:, None] + 0.0, classes, 4, SPLITS)  # two classes have no clip on test
    assert together(more).chance == 0.25


CLIPS = pd.DataFrame(
    {
        "split": ["train", "train", "validation", "test", "test"],
        "Country": ["Peru", "Chad", "Peru", "Chad", "Mali"],
        "Site": ["a", "b", "a", None, None],
        "Room": ["a", "b", "c", "a", "b"],
        "Floor": [None, None, "a", "a", "b"],
        "Age": [20.0, 30.0, 40.0, 50.0, 60.0],
    }
)


def test_classes_are_those_of_the_training_clips() -> None:
    number, classes = classes_of_clips("Country", CLIPS)
    assert (number, classes.tolist()) == (2, [1, 0, 1, 0, -1])


@pytest.mark.parametrize(
    ("column", "problem"),
    [
        ("Town", "column is 'Town', which is no label of the corpus; name one of a task"),
        ("Age", "column is 'Age', which holds numbers; name a column of classes"),
        ("Site", "column is 'Site', but no clip of the test split has such a label"),
        (
            "Room",
            "column is 'Room', but no clip of the validation split has such a label; name another column",
        ),
        ("Floor", "column is 'Floor', but no clip of the train split has such a label"),
    ],
)
def test_columns_that_cannot_be_told(column: str, problem: str) -> None:
    with pytest.raises(OptionError, match=problem):
        classes_of_clips(column, CLIPS)
