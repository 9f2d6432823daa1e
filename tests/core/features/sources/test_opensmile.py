"""Configurations of one's own against the package."""

from pathlib import Path

import numpy as np
import opensmile
import pytest

from stages.core.config.sources import OpenSmileConfig
from stages.core.features.sources.source import SourceError, open_source

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
    assert found.descriptors.shape[1] == 25


def test_what_does_not_fit_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"none\.conf is no file"):
        open_source(OpenSmileConfig(str(tmp_path / "none.conf")))
    junk = tmp_path / "junk.conf"
    junk.write_text("[not an openSMILE configuration]\n")
    with pytest.raises(SourceError, match=r"openSMILE cannot run .*junk\.conf with level func"):
        open_source(OpenSmileConfig(str(junk)))
    with pytest.raises(SourceError, match=r"level lld gives \d+ rows of a clip of 1\.00 s"):
        open_source(OpenSmileConfig(CONFIG, "lld")).extract(noise())
