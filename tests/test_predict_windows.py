"""Windows of a recording, and recordings of one speaker, by a model that takes no time."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stages import predict
from stages.core.config.tasks import Task
from stages.core.runtime.errors import UnusableClipError, UserError


class Recorded:
    """A model of one task, and what it was asked: a window's age is its start, in tenths of a second."""

    tasks = {"age": Task("regression", ("Age",), "mae")}  # noqa: RUF012
    classes: dict[str, list[str]] = {}  # noqa: RUF012
    origin = {"preprocess": {}}  # noqa: RUF012
    seeds, reads_speakers = (1, 2), True

    def __init__(self) -> None:
        self.asked: list[tuple[int, list[int], bool]] = []

    def predict_recordings(self, _, paths, seeds, one_speaker=False, note=None):
        self.asked.append((len(paths), list(seeds), one_speaker))
        assert all(path.exists() for path in paths)
        for path in paths:
            number = int(path.stem) if path.stem.isdigit() else 0
            bad = UnusableClipError("silent", "no sound")
            if number > 3:
                note(path, "late")
            yield path, bad if number == 2 else {"age": np.array([float(number)])}


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """The command in a folder with a recording of seven windows, and a model that takes no time."""
    monkeypatch.chdir(tmp_path)
    soundfile.write("long.wav", np.zeros(32_000), 8_000)
    model = Recorded()
    monkeypatch.setattr(predict.Model, "load", lambda _: model)
    monkeypatch.setattr(predict, "predict_recordings", model.predict_recordings)
    monkeypatch.setattr(predict, "WINDOWS", 3)
    return model


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ([], [(3, [1, 2], False), (3, [1, 2], False), (1, [1, 2], False)]),
        (["--seed", "2"], [(3, [2], False), (3, [2], False), (1, [2], False)]),
        (["--one-speaker"], [(7, [1, 2], True)]),
    ],
)
def test_windows_are_on_disk_a_few_at_a_time_but_those_of_one_speaker_together(
    recorded: Recorded,
    options: list[str],
    asked: list[tuple[int, list[int], bool]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Half a window from each to the next; the third cannot be used."""
    drawn = []
    monkeypatch.setattr("stages.core.figures.timeline.timeline", lambda *given: drawn.append(given))
    monkeypatch.setattr("stages.core.figures.charts.save_png", lambda _, path: drawn.append(path))
    words = ["long.wav", "--model", "m", "--window", "1", "--json", "--plot", "out.png", *options]
    monkeypatch.setattr(sys, "argv", ["predict", *words])
    with pytest.raises(SystemExit) as stopped:
        predict.main()
    assert stopped.value.code == 1 and recorded.asked == asked
    names = [f"long.wav#t={start / 2:g},{start / 2 + 1:g}" for start in range(7)]
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert [entry["file"] for entry in found] == names
    numbers = range(7)
    assert [entry.get("age") for entry in found] == [None if n == 2 else {"Age": n} for n in numbers]
    assert printed.err.splitlines()[-2:] == ["long.wav: late", f"{names[2]}: silent: no sound"]
    assert printed.err.count("late") == 1
    (times, tasks, title), path = drawn
    assert (title, path) == ("long.wav", Path("out.png"))
    assert times == [start / 2 + 0.5 for start in range(7)]
    np.testing.assert_array_equal(tasks["age"]["Age"], [0, 1, np.nan, 3, 4, 5, 6])


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("words", [["."], ["long.wav", "other.wav"]])
def test_a_plot_is_of_one_recording(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("other.wav").write_bytes(Path("long.wav").read_bytes())
    monkeypatch.setattr(sys, "argv", ["predict", *words, "--model", "m", "--window", "1", "--plot", "a.png"])
    with pytest.raises(UserError, match=r"^--plot draws one recording, and there are 2; name one\.$"):
        predict.main()
    assert not Path("a.png").exists()


@pytest.mark.usefixtures("recorded")
def test_notes_name_their_recording(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("00007.wav").write_bytes(Path("long.wav").read_bytes())
    monkeypatch.setattr(sys, "argv", ["predict", "long.wav", "00007.wav", "--model", "m", "--csv"])
    predict.main()
    assert capsys.readouterr().err == "00007.wav: late\n"


def test_one_speaker_is_for_models_that_read_speakers(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["predict", "long.wav", "--model", "m", "--one-speaker", "--csv"])
    predict.main()
    assert recorded.asked == [(1, [1, 2], True)]
    assert capsys.readouterr().out.splitlines() == ["file,error,age.Age", "long.wav,,0.0"]
    recorded.reads_speakers = False
    with pytest.raises(UserError, match="m predicts each recording by itself; leave --one-speaker out"):
        predict.main()
