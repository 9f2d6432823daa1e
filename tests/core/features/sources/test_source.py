from pathlib import Path

import numpy as np
import pytest

from stages.core.config.sources import OpenSmileSet, TableSource
from stages.core.features.extractor import Features
from stages.core.features.sources import source as module
from stages.core.features.sources.source import (
    SourceError,
    existing_file,
    extract_from,
    needed,
    open_source,
    vector_only,
)
from stages.core.runtime.errors import UnusableClipError
from tests.core.features.test_extractor import voice


def test_a_vector_without_frames() -> None:
    found = vector_only(np.array([1.0, 2.5, -3.0])[::-1])
    assert (found.functionals.tolist(), found.functionals.dtype) == ([-3.0, 2.5, 1.0], np.float32)
    assert (found.descriptors.shape, found.descriptors.dtype) == ((0, 0), np.float32)
    for values in ([np.nan, 1, np.inf], [1, np.inf, -np.inf], [1, np.nan, np.nan], [1e39, 1, -1e39]):
        with pytest.raises(UnusableClipError, match=r"^NaN: 2 of 3 values are not finite$"):
            vector_only(np.array(values))


def test_a_source_is_opened_once_for_each_of_its_options() -> None:
    one, other = open_source(OpenSmileSet("GeMAPSv01b")), open_source(OpenSmileSet("eGeMAPSv02"))
    assert open_source(OpenSmileSet("GeMAPSv01b")) is one is not other
    assert (len(one.names), len(other.names)) == (62, 88)
    with pytest.raises(
        SourceError, match=r"^the features of t\.csv were made elsewhere; new recordings have none\.$"
    ):
        open_source(TableSource("t.csv"))


def test_a_clip_or_why_it_cannot_be_used() -> None:
    found = extract_from(OpenSmileSet("GeMAPSv01b"), voice(0.3))
    assert isinstance(found, Features) and found.functionals.shape == (62,)
    fault = extract_from(OpenSmileSet("GeMAPSv01b"), voice()[:7])
    assert isinstance(fault, UnusableClipError)
    assert str(fault) == "too short: openSMILE gives no features of 7 samples at 16 kHz"


def test_what_is_missing_is_one_sentence(tmp_path: Path) -> None:
    assert needed("stages.core.features.sources.source", "x", "y") is module
    with pytest.raises(
        SourceError,
        match=r"^kind x needs the package no_package, which is not installed; `pip install -r a\.txt`\.$",
    ):
        needed("no_package", "x", "-r a.txt")
    assert existing_file(str(tmp_path / __file__)) == Path(__file__)
    with pytest.raises(SourceError, match=r"is no file; correct it, or put the file there\.$"):
        existing_file(str(tmp_path))
    assert str(SourceError("it ends.")) == str(SourceError("it ends")) == "it ends."
