"""What training did is done again for a recording, also with what models said before."""

from pathlib import Path

import numpy as np

from stages.core.bags.assignment import Assigner
from stages.core.bags.codebook import Codebook, Counting
from stages.core.bags.codebook_file import write_codebook
from stages.core.bags.weighting import finish
from stages.core.prediction.extraction import _BagMaker, _preprocessing


def test_what_models_called_trim_silence() -> None:
    shape = {"peak_db": -3.0, "enhance": "none"}
    cut, whole = (_preprocessing({**shape, "trim_silence": value}) for value in (True, False))
    assert (cut.trim, cut.trim_db, whole.trim) == ("energy", -40.0, "none")
    assert _preprocessing({**shape, "trim": "energy", "trim_db": -12.0}).trim_db == -12.0


def test_frames_that_are_not_finite_count_nothing(tmp_path: Path) -> None:
    frames = np.random.default_rng(1).normal(size=(20, 3)).astype(np.float32)
    codebook = Codebook((frames[:5],), (Counting(2),))
    write_codebook(tmp_path / "codebook.txt", codebook)
    text = (tmp_path / "codebook.txt").read_text()
    bags = _BagMaker({"codebook": text, "layout": "joint", "normalize": "frames"}, ["a", "b", "c"])
    expected = finish(Assigner(codebook, [np.arange(3)]).count(frames, np.array([20])), codebook, "frames")[0]
    np.testing.assert_array_equal(bags.bag(frames), expected)
    damaged = np.insert(frames, [3, 20], [[np.nan] * 3, [0.0, np.nan, 0.0]], axis=0)
    np.testing.assert_array_equal(bags.bag(damaged), expected)
