"""Configurations of one's own against the package."""

from pathlib import Path

import numpy as np
import opensmile
import pandas as pd
import pytest

from stages.core.config.sources import OpenSmileConfig, OpenSmileSet
from stages.core.features.sources.opensmile import Configuration
from stages.core.features.sources.source import SourceError, open_source
from stages.core.runtime.errors import UnusableClipError

CONFIG = (
    str(Path(opensmile.__file__).parent / "core/config" / opensmile.FeatureSet.eGeMAPSv02.value) + ".conf"
)


def noise(seconds: float = 1.0) -> np.ndarray:
    return np.random.default_rng(1).integers(-9000, 9000, int(seconds * 16000)).astype(np.int16)


def test_a_configuration_gives_what_the_package_gives() -> None:
    source = open_source(OpenSmileConfig(CONFIG, "func", "lld"))
    package = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    found = source.extract(noise())
    theirs = package.process_signal((noise() / 32768).astype(np.float32), 16000).to_numpy()[0]
    assert source.names == tuple(package.feature_names)
    assert found.functionals.tobytes() == theirs.tobytes()
    frames = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.LowLevelDescriptors)
    expected = frames.process_signal((noise() / 32768).astype(np.float32), 16000).to_numpy(np.float32)
    assert source.frame_names == tuple(frames.feature_names)
    assert found.descriptors.tobytes() == expected.tobytes()
    alone = open_source(OpenSmileConfig(CONFIG, "func"))
    assert alone.frame_names == () and alone.extract(noise()).descriptors.size == 0


def test_level_frames_file_and_version_are_in_the_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    def fingerprint(*options: str | None) -> str:
        return Configuration(OpenSmileConfig(*options)).fingerprint

    prints = [
        fingerprint(CONFIG, "func"),
        fingerprint(CONFIG, "lld"),
        fingerprint(CONFIG, "func", "lld"),
        fingerprint(str(Path(CONFIG).parents[1] / "v01a/eGeMAPSv01a.conf"), "func"),
    ]
    assert fingerprint(CONFIG, "func") == prints[0]
    monkeypatch.setattr(opensmile, "__version__", "0")
    assert len({*prints, fingerprint(CONFIG, "func")}) == 5


@pytest.mark.parametrize(
    ("rows", "frames", "message"),
    [
        ([[1, np.nan, np.nan]], [[1, 2]], "NaN: 2 of the values are NaN"),
        ([[1, 2, 3]], [[np.nan, 1], [np.nan, np.nan]], "NaN: 3 of the frames' values are NaN"),
        (np.empty((0, 3)), [[1, 2]], "too short: openSMILE gives nothing of 800 samples"),
    ],
)
def test_clips_that_a_configuration_makes_nothing_of(
    rows: list, frames: list, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Configuration(OpenSmileConfig(CONFIG, "func", "lld"))
    levels = {"func": pd.DataFrame(rows), "lld": pd.DataFrame(frames)}
    monkeypatch.setattr(opensmile.Smile, "process_signal", lambda smile, *_: levels[smile.feature_level])
    with pytest.raises(UnusableClipError) as caught:
        source.extract(noise(0.05))
    assert str(caught.value) == message


def test_a_set_of_another_name_is_one_sentence() -> None:
    with pytest.raises(
        SourceError, match=r"openSMILE has no feature set 'eGeMAPS2' \(did you mean eGeMAPS\?\)\.$"
    ):
        open_source(OpenSmileSet("eGeMAPS2"))


def test_what_does_not_fit_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"none\.conf is no file"):
        open_source(OpenSmileConfig(str(tmp_path / "none.conf")))
    junk = tmp_path / "junk.conf"
    junk.write_text("[not an openSMILE configuration]\n")
    with pytest.raises(SourceError, match=r"openSMILE cannot run .*junk\.conf with level func"):
        open_source(OpenSmileConfig(str(junk)))
    with pytest.raises(SourceError, match=r"level lld gives \d+ rows of a clip of 1\.00 s"):
        open_source(OpenSmileConfig(CONFIG, "lld")).extract(noise())
