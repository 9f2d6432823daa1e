"""Tables of features: each format, each fault."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import opensmile
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.config.sources import TableSource
from stages.core.features.sources.source import SourceError
from stages.core.features.sources.table import Joined, id_of, join

CLIPS = ["00001", "00002", "00003"]
VALUES = np.array([[1.5, -2.0], [3.0, 4e-9], [5.0, 6.25]], np.float32)


def text(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def lines(separator: str, header: bool, first: str = "clip_id", brackets: bool = False) -> str:
    rows = [[first, "energy", "zeros"]] if header else []
    for clip, row in zip(CLIPS, VALUES, strict=True):
        rows.append([f"[{clip}]" if brackets else clip, *(repr(float(value)) for value in row)])
    return "".join(separator.join(row) + "\n" for row in rows)


def arff(path: Path) -> Path:
    head = "@relation features\n\n@attribute name string\n@attribute frameTime numeric\n"
    head += "@attribute energy numeric\n@attribute 'zeros' real\n@attribute class {a,b}\n\n@data\n"
    rows = [
        f"'{clip}',0.0,{row[0]!s},{row[1]!s},?\n" for clip, row in zip(CLIPS, VALUES.tolist(), strict=True)
    ]
    return text(path, head + "% a comment\n" + "".join(rows))


def parquet(path: Path) -> Path:
    columns = {"File_ID": CLIPS, "energy": VALUES[:, 0], "zeros": VALUES[:, 1].astype(np.float64)}
    pq.write_table(pa.table(columns), path)
    return path


def matrix(folder: Path) -> Path:
    folder.mkdir()
    np.save(folder / "x.npy", VALUES)
    text(folder / "ids.txt", "\n".join(CLIPS) + "\n")
    return folder


def hume(folder: Path) -> Path:
    """A file per clip with a header, the name and the time before the features, as HUME-VB has them."""
    folder.mkdir()
    for clip, row in zip(CLIPS, VALUES.tolist(), strict=True):
        text(folder / f"{clip}.csv", f"name;frameTime;energy;zeros\n'{clip}';0.000000;{row[0]};{row[1]}\n")
    return folder


def bare(folder: Path) -> Path:
    """A file per clip without a header, as bags have them."""
    folder.mkdir()
    for clip, row in zip(CLIPS, VALUES.tolist(), strict=True):
        text(folder / f"{clip}.csv", f"{clip};{row[0]};{row[1]}\n")
    return folder


def arrays(folder: Path) -> Path:
    folder.mkdir()
    for clip, row in zip(CLIPS, VALUES, strict=True):
        np.save(folder / f"{clip}.npy", row)
    return folder


LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "comma": lambda folder: text(folder / "t.csv", lines(",", True)),
    "semicolon": lambda folder: text(folder / "t.csv", lines(";", True, "File_ID", brackets=True)),
    "no header": lambda folder: text(folder / "t.csv", lines(",", False)),
    "no header, semicolon": lambda folder: text(folder / "t.csv", lines(";", False, brackets=True)),
    "windows": lambda folder: text(folder / "t.csv", "\ufeff" + lines(",", True).replace("\n", "\r\n")),
    "arff": lambda folder: arff(folder / "t.arff"),
    "parquet": lambda folder: parquet(folder / "t.parquet"),
    "matrix": lambda folder: matrix(folder / "m"),
    "hume": lambda folder: hume(folder / "h"),
    "bare": lambda folder: bare(folder / "b"),
    "arrays": lambda folder: arrays(folder / "a"),
}


def joined(path: Path, tmp_path: Path, clips: list[str] = CLIPS, **options: str) -> Joined:
    return join(TableSource(str(path), **options), clips, tmp_path / "scratch")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_gives_the_same_rows(layout: str, tmp_path: Path) -> None:
    found = joined(LAYOUTS[layout](tmp_path), tmp_path)
    assert found.found.all()
    assert found.values.tobytes() == VALUES.tobytes()
    assert not list((tmp_path / "scratch").iterdir())
    if layout in ("comma", "semicolon", "windows", "arff", "parquet", "hume"):
        assert found.names == ("energy", "zeros")
    else:
        assert len(set(found.names)) == 2


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rows_go_by_id_not_by_position_and_missing_clips_are_known(layout: str, tmp_path: Path) -> None:
    found = joined(LAYOUTS[layout](tmp_path), tmp_path, ["00003", "00009", "00001"])
    assert found.found.tolist() == [True, False, True]
    assert found.values[[0, 2]].tobytes() == VALUES[[2, 0]].tobytes()
    assert found.others == 1


def test_what_pandas_and_opensmile_write_is_read(tmp_path: Path) -> None:
    frame = pd.DataFrame(VALUES, index=CLIPS)
    frame.to_csv(tmp_path / "pandas.csv")
    assert joined(tmp_path / "pandas.csv", tmp_path).values.tobytes() == VALUES.tobytes()
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    noise = np.random.default_rng(1).standard_normal(16000).astype(np.float32) / 9
    row = smile.process_signal(noise, 16000, file="00001")
    row.to_csv(tmp_path / "smile.csv")
    found = joined(tmp_path / "smile.csv", tmp_path, ["00001"])
    assert found.names == tuple(smile.feature_names)
    assert found.values[0].tobytes() == row.to_numpy()[0].tobytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "clip_id,energy\n00001,1\n00002,loud\n",
            r"t\.csv, line 3, column energy: loud is not a finite number",
        ),
        ("clip_id,energy\n00001,nan\n", r"line 2, column energy: nan is not a finite number"),
        ("clip_id,energy\n00001,\n", r"line 2, column energy: empty is not a finite number"),
        ("clip_id,energy\n00001,1e39\n", r"line 2, column energy: 1e39 is not a finite number"),
        ("clip_id,energy\n00001,-inf\n", r"line 2, column energy: -inf is not"),
        ("clip_id,energy\n00001,1\n00001,2\n", r"several rows of clip 00001, one of them line 3; keep one"),
        ("clip_id,energy,zeros\n00001,1\n", r"line 2: 2 cells, but the first line has 3"),
        ("clip_id,energy,energy\n00001,1,2\n", r"two columns named energy; rename one"),
        ("energy,zeros\n1,2\n", r"no column of clip ids; name it clip_id"),
        ("clip_id,energy\n00001.wav,1\n", r"with the ending \.wav \(00001\.wav\).*; set ending: \.wav"),
        ("clip_id,energy\nwav/00001.wav,1\n", r"by their path \(wav/00001\.wav\); write the clip id alone"),
        ("clip_id,energy\n1,1\n2,4\n", r"lost the leading zeros"),
        ("clip_id,energy\nother,1\n", r"rows of other clips alone, such as other; the corpus has .* 00001"),
        ("clip_id,energy\n", r"t\.csv has no rows; name the table of this corpus"),
        ("", r"t\.csv is empty"),
        ("clip_id\n00001\n", r"no columns beside the clip ids|no column of clip ids|empty"),
    ],
)
def test_what_does_not_fit_is_one_sentence(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=message):
        joined(text(tmp_path / "t.csv", content), tmp_path)


def test_an_ending_is_taken_off(tmp_path: Path) -> None:
    path = text(tmp_path / "t.csv", "file,energy\n00001.wav,1\n")
    assert joined(path, tmp_path, ending=".wav").found.tolist() == [True, False, False]


def test_faults_of_folders_and_other_formats(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"none\.csv does not exist; correct it"):
        joined(tmp_path / "none.csv", tmp_path)
    with pytest.raises(SourceError, match=r"t\.xlsx is of no known kind; a table is \.csv"):
        joined(text(tmp_path / "t.xlsx", "x"), tmp_path)
    with pytest.raises(SourceError, match=r"not a Parquet file"):
        joined(text(tmp_path / "t.parquet", "x"), tmp_path)
    with pytest.raises(SourceError, match=r"has no @data"):
        joined(text(tmp_path / "t.arff", "@relation x\n"), tmp_path)
    np.save(tmp_path / "alone.npy", VALUES)
    with pytest.raises(SourceError, match=r"says nothing of its clips; move it to a folder .* ids\.txt"):
        joined(tmp_path / "alone.npy", tmp_path)
    words = matrix(tmp_path / "words")
    np.save(words / "x.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(SourceError, match=r"no NumPy array of numbers"):
        joined(words, tmp_path)
    short = matrix(tmp_path / "short")
    text(short / "ids.txt", "00001\n")
    with pytest.raises(SourceError, match=r"has 3 rows, but ids\.txt names 1 clips"):
        joined(short, tmp_path)
    pq.write_table(pa.table({"clip_id": CLIPS, "mood": ["a", "b", "c"]}), tmp_path / "text.parquet")
    with pytest.raises(SourceError, match=r"row 1, column mood: string is no number"):
        joined(tmp_path / "text.parquet", tmp_path)
    holes = pa.table({"clip_id": CLIPS, "energy": [1.0, None, 2.0]})
    pq.write_table(holes, tmp_path / "holes.parquet")
    with pytest.raises(SourceError, match=r"row 2, column energy: nan is not a finite number"):
        joined(tmp_path / "holes.parquet", tmp_path)


def test_faults_of_a_file_per_clip_name_the_file(tmp_path: Path) -> None:
    folder = hume(tmp_path / "h")
    text(folder / "00002.csv", "name;frameTime;energy;zeros\n'x';0;1;2\n'x';1;1;2\n")
    with pytest.raises(SourceError, match=r"00002\.csv has several rows; a clip's file has one"):
        joined(folder, tmp_path)
    text(folder / "00002.csv", "name;frameTime;energy\n'x';0;1\n")
    with pytest.raises(SourceError, match=r"00002\.csv has other columns than 00001\.csv"):
        joined(folder, tmp_path)
    text(folder / "00002.csv", "name;frameTime;energy;zeros\n'x';0;1;?\n")
    with pytest.raises(SourceError, match=r"00002\.csv, line 2, column zeros: \? is not a finite number"):
        joined(folder, tmp_path)
    with pytest.raises(SourceError, match=r"rows of other clips alone, such as 00001"):
        joined(folder, tmp_path, ["a"])
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(SourceError, match=r"holds no table"):
        joined(empty, tmp_path)


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=300), ending=st.sampled_from(["csv", "arff", "parquet"]))
def test_junk_is_a_table_or_one_sentence(
    content: bytes, ending: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("junk")
    path = folder / f"t.{ending}"
    path.write_bytes(content)
    try:
        joined(path, folder)
    except SourceError as error:
        assert "\n" not in str(error)


@settings(max_examples=200, deadline=None)
@given(
    content=st.text(alphabet="0123;,.'\"[]\nab@{}- ", max_size=80), ending=st.sampled_from(["csv", "arff"])
)
def test_nearly_tables_are_tables_or_one_sentence(
    content: str, ending: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("nearly")
    head = "@attribute name string\n@attribute x real\n@data\n" if ending == "arff" else ""
    try:
        found = joined(text(folder / f"t.{ending}", head + content), folder, ["0", "1", "00001"])
        assert np.isfinite(found.values[found.found]).all()
    except SourceError as error:
        assert str(error).endswith(".")


def test_ids_are_found_in_quotes_and_brackets() -> None:
    assert id_of(" '[007]' ") == id_of("[007]") == id_of('"007"') == "007"
