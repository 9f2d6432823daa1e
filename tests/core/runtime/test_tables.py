from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.core.runtime import tables
from stages.core.runtime.errors import StageFileError
from stages.core.runtime.tables import (
    FeatureTable,
    origin_of,
    read_features,
    read_table,
    write_features,
    write_table,
)


def test_features_come_back_bit_for_bit(tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=(300, 150)).astype(np.float32)
    values[0, 0] = np.float32(1e13)
    clip_ids, names = [f"{n:05d}" for n in range(300)], [f"feature {n}" for n in range(150)]
    write_features(tmp_path / "f.parquet", clip_ids, names, values)
    got_ids, got_names, got = read_features(tmp_path / "f.parquet")
    assert (got_ids, got_names) == (clip_ids, names)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, values)
    pq.write_table(pq.read_table(tmp_path / "f.parquet"), tmp_path / "groups.parquet", row_group_size=70)
    np.testing.assert_array_equal(read_features(tmp_path / "groups.parquet")[2], values)


def test_a_table_of_several_groups_says_how_it_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 12 rows five to a group; the last group is shorter."""
    monkeypatch.setattr(tables, "_group_size", lambda _: 5)
    path, values = tmp_path / "f.parquet", np.arange(24, dtype=np.float32).reshape(12, 2)
    origin = {"synthetic": True, "preprocess": {"peak_db": -3.0}}
    write_features(path, list("abcdefghijkl"), ["x", "y"], iter(values), origin)
    metadata = pq.read_metadata(path)
    assert [metadata.row_group(group).num_rows for group in range(3)] == [5, 5, 2]
    table = FeatureTable(path)
    assert table.origin == origin_of(path) == origin
    assert table[np.array([11, 4, 5])].tolist() == [[22, 23], [8, 9], [10, 11]]
    assert table[np.array([9])].tolist() == [[18, 19]]
    assert table[np.array([3, 10])].tolist() == [[6, 7], [20, 21]]
    write_features(tmp_path / "none.parquet", [], ["x"], [])
    assert read_features(tmp_path / "none.parquet")[2].shape == (0, 1)
    assert origin_of(tmp_path / "none.parquet") == {}


def test_columns_of_a_table(tmp_path: Path) -> None:
    write_table(tmp_path / "t.parquet", pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [0.5, 1.5]}))
    assert read_table(tmp_path / "t.parquet", ["c", "a"]).to_dict("list") == {"c": [0.5, 1.5], "a": [1, 2]}
    write_table(tmp_path / "t.parquet", pa.table({"a": [3]}))
    assert read_table(tmp_path / "t.parquet").to_dict("list") == {"a": [3]}
    with pytest.raises(StageFileError, match=r"x\.parquet does not exist"):
        origin_of(tmp_path / "x.parquet")


def test_same_rows_same_bytes(tmp_path: Path) -> None:
    table = pd.DataFrame({"clip_id": ["a", "b"], "x": [1.0, None]})
    write_table(tmp_path / "1.parquet", table)
    write_table(tmp_path / "2.parquet", table.copy())
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "2.parquet").read_bytes()
    pd.testing.assert_frame_equal(read_table(tmp_path / "1.parquet"), table)


def test_too_few_rows_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_group_size", lambda _: 7)
    values = np.zeros((50, 3), np.float32)
    write_features(tmp_path / "f.parquet", [f"{n}" for n in range(50)], ["a", "b", "c"], iter(values))
    with pytest.raises(ValueError, match="shorter"):
        write_features(tmp_path / "g.parquet", [f"{n}" for n in range(51)], ["a", "b", "c"], iter(values))
    assert [path.name for path in tmp_path.iterdir()] == ["f.parquet"]


def test_damaged_pages_are_named(tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=(200, 20)).astype(np.float32)
    write_features(tmp_path / "f.parquet", [f"{n}" for n in range(200)], [f"x{n}" for n in range(20)], values)
    write_table(tmp_path / "t.parquet", pd.DataFrame({"x": values[:, 0], "y": ["text"] * 200}))
    for name, read in (("f.parquet", read_features), ("t.parquet", read_table)):
        content = bytearray((tmp_path / name).read_bytes())
        content[4:300] = bytes(296)  # the head of the first page
        (tmp_path / name).write_bytes(content)
        with pytest.raises(StageFileError, match=rf"{name} is damaged \("):
            read(tmp_path / name)


@pytest.mark.parametrize("kind", ["features", "table"])
def test_a_flipped_bit_is_never_read_as_another_number(tmp_path: Path, kind: str) -> None:
    path, rng = tmp_path / "f.parquet", np.random.default_rng(1)
    values = rng.normal(size=(100, 20)).astype(np.float32)
    names = [f"x{n}" for n in range(20)]
    if kind == "features":
        write_features(path, [f"{n:03d}" for n in range(100)], names, values)
    else:
        write_table(path, pd.DataFrame(values, columns=names))

    def read() -> np.ndarray:
        return read_features(path)[2] if kind == "features" else read_table(path).to_numpy()

    content = path.read_bytes()
    pages = len(content) - 8 - int.from_bytes(content[-8:-4], "little")  # the footer follows them
    noticed = 0
    for place in rng.integers(4, pages, 100):
        damaged = bytearray(content)
        damaged[place] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            np.testing.assert_array_equal(read(), values)
        except StageFileError as error:
            assert "is damaged" in str(error)
            noticed += 1
    assert noticed > 80


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    with pytest.raises(StageFileError, match="does not exist"):
        read_table(tmp_path / "x.parquet")
    (tmp_path / "x.parquet").write_text("no")
    with pytest.raises(StageFileError, match="not a Parquet file"):
        read_table(tmp_path / "x.parquet")
    write_table(tmp_path / "y.parquet", pd.DataFrame({"a": [1]}))
    with pytest.raises(StageFileError, match="no column clip_id"):
        read_features(tmp_path / "y.parquet")


def test_rows_of_a_table_in_any_order(tmp_path, monkeypatch):
    values = np.random.default_rng(1).standard_normal((23, 70)).astype(np.float32)
    clips, names = [f"{row:02d}" for row in range(23)], [f"c{column}" for column in range(70)]
    monkeypatch.setattr(tables, "_group_size", lambda _: 5)
    monkeypatch.setattr(tables, "_COLUMNS", 64)
    write_features(tmp_path / "f.parquet", clips, names, values)
    table = FeatureTable(tmp_path / "f.parquet")
    assert (table.clip_ids, table.names, len(table)) == (clips, names, 23)
    for rows in ([22, 0, 7, 7, 3], list(range(5, 15)), [], [4], [0, 2, 4], [10, 0, 12]):
        np.testing.assert_array_equal(table[np.array(rows, int)], values[rows])
    monkeypatch.setattr("os.sysconf", lambda _: 1)  # a machine without memory: the matrix lies in a file
    large = table[np.arange(23)]
    np.testing.assert_array_equal(large, values)
    large[0] = 1  # it is ours
    assert [path.name for path in tmp_path.iterdir()] == ["f.parquet"]
