"""Predictions of a model whose numbers can be told by hand: task × seed × recording."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.core.config.tasks import Task
from stages.core.prediction import predicting
from stages.core.prediction.formats import csv_lines, decimals, readable, record
from stages.core.prediction.predicting import predict_recordings
from stages.core.prediction.submission import by_file_id, submission
from stages.core.runtime.errors import UnusableClipError, UserError
from tests.helpers.corpora import EMOTIONS


class HandModel:
    """Recording number n has the emotions n/100 + 0, 1, … 9 tenths, the country n mod 3, and the age 20 + n;
    each seed adds itself to the age."""

    tasks = {  # noqa: RUF012
        "emotion": Task(kind="regression", columns=tuple(EMOTIONS), score="ccc"),
        "country": Task(kind="classification", columns=("Country",), score="uar"),
        "age": Task(kind="regression", columns=("Age",), score="mae"),
    }
    classes = {"country": ["A", "B", "C"]}  # noqa: RUF012
    origin: dict[str, Any] = {}  # noqa: RUF012
    seeds = (1, 2, 6)

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.speakers: list[Sequence[str] | None] = []

    def predict(
        self, features: np.ndarray, speakers: Sequence[str] | None = None
    ) -> dict[int, dict[str, np.ndarray]]:
        self.sizes.append(len(features))
        self.speakers.append(speakers)
        number = features[:, :1]
        return {
            seed: {
                "emotion": number / 100 + np.arange(10) / 10,
                "country": np.where(np.arange(3) == number % 3, 0.5, 0.25),
                "age": 20 + number + seed,
            }
            for seed in self.seeds
        }


class HandExtractor:
    """The number in a recording's name; ``bad`` ones cannot be used, and 3 and 25 have a note."""

    note = ""

    def __init__(self, _: object) -> None: ...

    def row(self, path: Path) -> np.ndarray:
        self.note = "odd" if path.stem in ("3", "25") else ""
        if path.stem.startswith("bad"):
            raise UnusableClipError("truncated", "no end")
        return np.array([float(path.stem)], np.float32)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> HandModel:
    monkeypatch.setattr(predicting, "RowExtractor", HandExtractor)
    return HandModel()


NAMES = ["7", "bad1", "3", "12", "bad2", "bad3", "0", "25", "4", "bad4"]
PATHS = [Path(f"in/{name}.wav") for name in NAMES]


@pytest.mark.parametrize("block", [1, 2, 3, 4, 64])
def test_each_recording_gets_its_own_prediction_in_any_block(model: Any, block: int) -> None:
    found = list(predict_recordings(model, PATHS, model.seeds, block))
    assert [path for path, _ in found] == PATHS
    assert max(model.sizes) <= block
    for path, outcome in found:
        if path.stem.startswith("bad"):
            assert isinstance(outcome, UnusableClipError)
            continue
        assert not isinstance(outcome, UnusableClipError)
        number = float(path.stem)
        assert outcome["age"].tolist() == [20 + number + 3]  # the mean of 1, 2 and 6
        assert outcome["country"].argmax() == number % 3
        assert np.allclose(outcome["emotion"], number / 100 + np.arange(10) / 10)


def test_one_seed_and_one_speaker(model: Any) -> None:
    found = dict(predict_recordings(model, PATHS[2:4], [6], block=1))
    assert [found[path]["age"].tolist() for path in PATHS[2:4]] == [[29.0], [38.0]]
    assert model.speakers == [None, None]
    model.sizes.clear()
    list(predict_recordings(model, PATHS, [6], block=2, one_speaker=True))
    assert model.sizes == [6]
    assert len(set(model.speakers[-1])) == 1 and len(model.speakers[-1]) == 6


def test_what_should_be_known_of_recordings_is_told(model: Any) -> None:
    told: list[tuple[Path, str]] = []
    list(predict_recordings(model, PATHS, [6], note=lambda *of: told.append(of)))
    assert told == [(Path("in/3.wav"), "odd"), (Path("in/25.wav"), "odd")]


def test_the_submission_counts_countries_from_zero_and_sorts_by_id(model: Any) -> None:
    paths = [Path("b/[00012].wav"), Path("a/00003.wav"), Path("c/00007.wav")]
    numbered = dict(zip(paths, (12, 3, 7), strict=True))
    outcomes = {
        path: next(iter(predict_recordings(model, [Path(f"{number}.wav")], model.seeds)))[1]
        for path, number in numbered.items()
    }
    lines = submission("exvo-multitask", model.tasks, model.classes, by_file_id(outcomes)).splitlines()
    assert lines[0] == "File_ID,Country,Age," + ",".join(EMOTIONS)
    assert [line.split(",")[:4] for line in lines[1:]] == [
        ["[00003]", "0", "26.0", "0.03"],
        ["[00007]", "1", "30.0", "0.07"],
        ["[00012]", "0", "35.0", "0.12"],
    ]
    with pytest.raises(UserError, match="another recording has the File_ID 00003"):
        by_file_id({**outcomes, Path("d/[00003].flac"): outcomes[paths[1]]})
    with pytest.raises(UserError, match=r"bad\.wav: truncated: no end; a submission needs every clip"):
        by_file_id({**outcomes, Path("bad.wav"): UnusableClipError("truncated", "no end")})


def test_what_is_printed_is_what_is_predicted(model: Any) -> None:
    outcomes = dict(predict_recordings(model, PATHS[:3], model.seeds))
    assert record(model, PATHS[2], outcomes[PATHS[2]]) == {
        "file": "in/3.wav",
        "emotion": {name: round(0.03 + index / 10, 6) for index, name in enumerate(EMOTIONS)},
        "country": {"class": "A", "probabilities": {"A": 0.5, "B": 0.25, "C": 0.25}},
        "age": {"Age": 26.0},
    }
    assert record(model, PATHS[1], outcomes[PATHS[1]]) == {
        "file": "in/bad1.wav",
        "error": "truncated: no end",
    }
    rows = [line.rstrip("\n").split(",") for line in csv_lines(model, outcomes)]
    assert rows[0][:5] == ["file", "error", "country", "emotion.Awe", "emotion.Excitement"]
    assert rows[1][:5] == ["in/7.wav", "", "B", "0.07", "0.17"]
    assert rows[1][-4:] == ["0.25", "0.5", "0.25", "30.0"]
    assert rows[2] == ["in/bad1.wav", "truncated: no end", *[""] * 15]
    text = readable(model, PATHS[0], outcomes[PATHS[0]], 200).splitlines()
    assert text[1].split() == [
        "emotion",
        *(word for index in range(9, -1, -1) for word in (EMOTIONS[index], f"{0.07 + index / 10:.2f}")),
    ]
    assert text[2].split() == ["country", "B", "0.50", "A", "0.25", "C", "0.25"]
    assert text[3].split() == ["age", "30.0"]


def test_values_are_kept_to_six_places(model: Any) -> None:
    content = record(model, PATHS[0], {"age": np.array([31.2345674])})
    assert content == {"file": "in/7.wav", "age": {"Age": 31.234567}}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.5, -0.97], 2),
        ([31.2], 1),
        ([99.0, 0.1], 1),
        ([2500.0], 0),
        ([0.0], 2),
        ([0.02], 3),
        ([10.0], 1),
        ([1000.0], 0),
    ],
)
def test_decimals_follow_the_size_of_the_values(values: list[float], expected: int) -> None:
    assert decimals(np.array(values)) == expected
