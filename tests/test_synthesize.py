import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from stages import synthesize
from stages.core.config.data import CorpusOptions, SynthesisOptions
from stages.core.config.load import load
from stages.core.corpus.reading import read_corpus
from stages.core.synthetic.corpus import plan
from stages.core.synthetic.speakers import COUNTRIES, EMOTIONS, countries_of, draw_emotions, rate_emotions


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def tiny(project: Path, set_parameters: Callable[..., None]) -> Path:
    (project / "link").symlink_to("data")
    set_parameters(
        corpus={"path": f"{project}/link/synthetic"},  # the same folder by another name
        synthesize={"speakers": 8, "clips_per_speaker": 3, "seed": 5},
        compute={"processes": 1},
    )
    synthesize.main()
    return project / "data" / "synthetic"


def test_with_another_corpus_there_is_nothing_to_make(
    project: Path, set_parameters: Callable[..., None]
) -> None:
    set_parameters(corpus={"path": "/another"})
    synthesize.main()
    assert contents(project / "data/synthetic") == {
        "README": b"This corpus was not made, since corpus.path in params.yaml names another one.\n"
    }


def test_the_layout_is_hume_vbs(tiny: Path) -> None:
    table = pd.read_csv(tiny / "data_info.csv")
    assert list(table.columns) == ["File_ID", "Split", "Subject_ID", "Country", "Age", *EMOTIONS]
    assert table["File_ID"].iloc[0] == "[00000]"
    assert len(table) == len(list((tiny / "wav").iterdir())) == 24
    assert table["Age"].between(20.5, 39.5).all()
    assert set(table["Country"]) == set(COUNTRIES)
    assert (table.groupby("Subject_ID")["Split"].nunique() == 1).all()
    assert (table[list(EMOTIONS)].max(axis=1) == 1).all()
    assert json.loads((tiny / "corpus.json").read_text()) == {"name": "synthetic corpus", "synthetic": True}
    assert (tiny / "README").read_text() == synthesize.README
    corpus = read_corpus(CorpusOptions(str(tiny)), load().tasks, "Country")
    assert (len(corpus.clips), len(corpus.faults), list(corpus.warnings)) == (24, 0, [])


def test_recordings_differ_in_rate_and_channels(tiny: Path) -> None:
    infos = [soundfile.info(path) for path in (tiny / "wav").iterdir()]
    assert {info.samplerate for info in infos} == {44_100, 48_000}
    assert all(0.4 < info.duration < 6 for info in infos)


def test_the_same_seed_gives_the_same_bytes(
    tiny: Path, set_parameters: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    first = contents(tiny)
    capsys.readouterr()
    set_parameters(compute={"processes": 2})
    synthesize.main()
    assert contents(tiny) == first
    minutes = sum(soundfile.info(path).duration for path in (tiny / "wav").iterdir()) / 60
    said = f"synthetic corpus: 24 clips of 8 speakers, {minutes:.1f} minutes\n"
    assert capsys.readouterr().out == said
    set_parameters(synthesize={"seed": 6})
    synthesize.main()
    assert contents(tiny) != first


@given(st.integers(4, 2000))
def test_countries_keep_the_papers_proportions(speakers: int) -> None:
    countries = countries_of(speakers)
    assert len(countries) == speakers
    assert set(countries) == set(COUNTRIES)
    for name, clips in COUNTRIES.items():
        assert abs(countries.count(name) / speakers - clips / sum(COUNTRIES.values())) <= 4 / speakers


@given(st.integers(0, 10_000))
def test_ratings_are_graded_mixtures(seed: int) -> None:
    rng = np.random.default_rng(seed)
    felt = draw_emotions(rng)
    assert 1 <= np.count_nonzero(felt) <= 3
    ratings = rate_emotions(felt, rng)
    assert ratings.max() == 1
    assert ratings.min() >= 0


def test_ids_tell_nothing_about_the_speaker() -> None:
    _, clips = plan(SynthesisOptions(speakers=40, clips_per_speaker=5))
    assert [clip.file_id for clip in clips] == [f"{number:05d}" for number in range(200)]
    assert abs(np.corrcoef(range(200), [clip.speaker for clip in clips])[0, 1]) < 0.3
