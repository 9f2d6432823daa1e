from pathlib import Path

import pandas as pd
import pytest

from stages import import_emogator
from stages.core.config.data import CorpusOptions
from stages.core.config.load import load
from stages.core.corpus.reading import read_corpus
from stages.core.runtime.errors import UserError
from stages.import_emogator import CATEGORIES, EMOTION_OF, import_corpus
from tests.helpers import ROOT, SHARED
from tests.helpers.corpora import EMOTIONS


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source" / "data" / "mp3"
    folder.mkdir(parents=True)
    for speaker in (1, 2):
        for category in range(1, 31):
            (folder / f"{speaker:06d}-{category:02d}-1.mp3").write_bytes(b"sound")
    (folder / "notes.mp3").touch()
    return tmp_path / "source"


def test_ratings_where_categories_correspond(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["import_emogator", str(source), str(tmp_path / "corpus")])
    import_emogator.main()
    assert capsys.readouterr().out == (
        f"60 clips; set corpus.path in params.yaml to {tmp_path}/corpus\n"
        f"labels: {', '.join(EMOTIONS)}, Category; declare under tasks which of them are learnt\n"
    )
    table = pd.read_csv(tmp_path / "corpus/data_info.csv", dtype={"Subject_ID": str})
    assert sorted(table["Category"].unique()) == sorted(CATEGORIES)
    labelled = table.dropna(subset=EMOTIONS)
    assert set(labelled["Category"]) == set(EMOTION_OF)
    assert (labelled[EMOTIONS].sum(axis=1) == 1).all()
    assert all(row[EMOTION_OF[row["Category"]]] == 1 for _, row in labelled.iterrows())
    corpus = read_corpus(CorpusOptions(str(tmp_path / "corpus")), load(ROOT / "params.yaml").tasks)
    assert corpus.name == "EmoGator"
    assert (len(corpus.clips), corpus.clips["speaker"].nunique()) == (60, 2)


def test_folders_that_do_not_fit(source: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="name EmoGator's top folder"):
        import_corpus(tmp_path / "nothing", tmp_path / "out")
    with pytest.raises(UserError, match="exists; name a new folder"):
        import_corpus(source, tmp_path)
    for category in ("31", "00"):
        path = source / f"data/mp3/000001-{category}-1.mp3"
        path.touch()
        with pytest.raises(UserError) as caught:
            import_corpus(source, tmp_path / "out")
        assert str(caught.value) == f"{path.name} names category {category}; EmoGator's run from 01 to 30."
        path.unlink()
    assert not (tmp_path / "out").exists()


def test_what_is_written_of_a_recording(tmp_path: Path) -> None:
    folder = tmp_path / "data/mp3"
    folder.mkdir(parents=True)
    for name in ("000012-09-3", "000007-04-2", "000012-30-1", "000007-13-1"):
        (folder / f"{name}.mp3").write_bytes(name.encode())
    assert import_corpus(tmp_path, tmp_path / "out") == 4
    assert (tmp_path / "out/data_info.csv").read_text() == (
        "File_ID,Subject_ID,Awe,Excitement,Amusement,Awkwardness,Fear,Horror,Distress,Triumph,Sadness,Surprise,"
        "Category\n"
        "000007-04-2,000007,1,0,0,0,0,0,0,0,0,0,Awe\n"
        "000007-13-1,000007,0,1,0,0,0,0,0,0,0,0,Elation\n"
        "000012-09-3,000012,,,,,,,,,,,Disappointment\n"
        "000012-30-1,000012,0,0,0,0,0,0,0,1,0,0,Triumph\n"
    )
    assert (tmp_path / "out/wav/000012-09-3.mp3").read_bytes() == b"000012-09-3"
    assert len(list((tmp_path / "out/wav").iterdir())) == 4


@pytest.mark.skipif(not (SHARED / "emogator").is_dir(), reason="needs the EmoGator slice")
def test_the_real_slice(tmp_path: Path) -> None:
    assert import_corpus(SHARED / "emogator", tmp_path / "corpus") == 2700
