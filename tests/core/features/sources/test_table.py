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
from stages.core.features.sources.table import Joined, join

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


def test_an_ending_and_brackets_are_taken_off_the_names_of_files(tmp_path: Path) -> None:
    folder = tmp_path / "table"
    folder.mkdir()
    for name, value in (("00001.wav", 1), ("[00002.wav]", 2), ("00009.wav", 9)):
        text(folder / f"{name}.csv", f"name,energy\nx,{value}\n")
    found = joined(folder, tmp_path, ["00003", "00001", "00002"], ending=".wav")
    assert (found.names, found.found.tolist(), found.others) == (("energy",), [False, True, True], 1)
    assert found.values[1:, 0].tolist() == [1, 2]
    with pytest.raises(SourceError, match=r"set ending: \.wav"):
        joined(folder, tmp_path, ["00003", "00001", "00002"])


def test_the_numbers_of_pandas_rows_are_no_feature(tmp_path: Path) -> None:
    frame = pd.DataFrame({"filename": CLIPS, "energy": VALUES[:, 0], "zeros": VALUES[:, 1]}, [7, 5, 6])
    frame.to_csv(tmp_path / "once.csv")
    pd.read_csv(tmp_path / "once.csv", dtype={"filename": str}).to_csv(tmp_path / "twice.csv", index=False)
    frame.to_parquet(tmp_path / "once.parquet")
    assert "__index_level_0__" in pq.read_schema(tmp_path / "once.parquet").names
    for name in ("once.csv", "twice.csv", "once.parquet"):
        found = joined(tmp_path / name, tmp_path)
        assert found.names == ("energy", "zeros")
        assert found.values.tobytes() == VALUES.tobytes()


def test_parquet_of_many_rows_and_other_types(tmp_path: Path) -> None:
    clips = [f"{number:05d}" for number in range(200)]
    numbers = np.arange(200, dtype=np.int16)
    halves = (numbers / 2).astype(np.float64)
    pq.write_table(pa.table({"whole": numbers, "clip_id": clips, "half": halves}), tmp_path / "t.parquet")
    found = joined(tmp_path / "t.parquet", tmp_path, clips[::-1])
    assert found.names == ("whole", "half")
    assert found.values.tolist() == [[number, number / 2] for number in range(199, -1, -1)]
    halves[150] = np.inf
    pq.write_table(pa.table({"clip_id": clips, "half": halves}), tmp_path / "t.parquet")
    with pytest.raises(SourceError, match=r"t\.parquet, row 151, column half: inf is not a finite number"):
        joined(tmp_path / "t.parquet", tmp_path, clips)
    pq.write_table(pa.table({"clip_id": clips, "yes": halves > 3}), tmp_path / "t.parquet")
    with pytest.raises(SourceError, match=r"column yes: bool is no number; take the column out"):
        joined(tmp_path / "t.parquet", tmp_path, clips)
    content = bytearray((tmp_path / "t.parquet").read_bytes())
    pq.write_table(
        pa.table({"clip_id": clips, "half": halves}), tmp_path / "t.parquet", write_page_checksum=True
    )
    content = bytearray((tmp_path / "t.parquet").read_bytes())
    content[60] ^= 1
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(SourceError, match=r"t\.parquet is damaged \(.*\); copy it again"):
        joined(tmp_path / "t.parquet", tmp_path, clips)


def test_faults_of_a_matrix(tmp_path: Path) -> None:
    folder = matrix(tmp_path / "m")
    text(folder / "ids.txt", " 00001 \n00002\n\n")
    with pytest.raises(SourceError, match=r"x\.npy has 3 rows, but ids\.txt names 2 clips; correct it"):
        joined(folder, tmp_path)
    text(folder / "ids.txt", " 00003 \n00002\n00001\n\n \n")
    assert joined(folder, tmp_path).values.tolist() == VALUES[::-1].tolist()
    np.save(folder / "x.npy", np.array([[1, 2], [3, np.nan], [5, 6]]))
    with pytest.raises(SourceError, match=r"row 2, column value_0001: nan is not a finite number"):
        joined(folder, tmp_path)
    for values, shown in (
        (np.ones(3), r"float64 \[3\]"),
        (np.ones((3, 0)), r"float64 \[3, 0\]"),
        (np.ones((3, 2), bool), r"bool \[3, 2\]"),
    ):
        np.save(folder / "x.npy", values)
        with pytest.raises(SourceError, match=rf"x\.npy is {shown}, not numbers \[clips, columns\]"):
            joined(folder, tmp_path)
    np.save(folder / "x.npy", np.array([[1, 2], [3, 4], [5, 6]], np.uint8))
    assert joined(folder, tmp_path).values.tolist() == [[5, 6], [3, 4], [1, 2]]


def test_a_vector_per_clip(tmp_path: Path) -> None:
    folder = arrays(tmp_path / "a")
    np.save(folder / "00002.npy", VALUES[1:2])
    text(folder / ".hidden.csv", "x")
    text(folder / "notes.md", "about the vectors")
    found = joined(folder, tmp_path)
    assert found.values.tobytes() == VALUES.tobytes()
    assert found.names == ("value_0000", "value_0001")
    np.save(folder / "00002.npy", VALUES[:2])
    with pytest.raises(SourceError, match=r"00002\.npy has 2 rows, but a clip's file has one; correct it"):
        joined(folder, tmp_path)
    text(folder / "t.csv", "x")
    with pytest.raises(
        SourceError, match=r"holds files of 2 kinds \(\.csv, \.npy\); name a folder with a file"
    ):
        joined(folder, tmp_path)


def test_names_of_clips_that_look_alike(tmp_path: Path) -> None:
    folder = bare(tmp_path / "b")  # a cell is left out that repeats the name of the file, or holds text
    text(folder / "00002.csv", "'00002';3;4e-9\n")
    assert joined(folder, tmp_path).values.tobytes() == VALUES.tobytes()
    for clip in CLIPS:
        text(folder / f"{clip}.csv", "7;8\n")
    assert joined(folder, tmp_path).values.tolist() == [[7, 8]] * 3
    for clip in CLIPS:
        text(folder / f"{clip}.csv", "sound;8\n")
    assert joined(folder, tmp_path).values.tolist() == [[8]] * 3


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
    text(folder / "00002.csv", "name;frameTime;zeros;energy\n'x';0;1;2\n")
    with pytest.raises(SourceError, match=r"00002\.csv has other columns than 00001\.csv; correct it"):
        joined(folder, tmp_path)
    text(folder / "00002.csv", "name;frameTime;energy;zeros\n")
    with pytest.raises(SourceError, match=r"00002\.csv has no row; a clip's file has one"):
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
