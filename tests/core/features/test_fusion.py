"""Tables side by side against NumPy."""

from pathlib import Path

import numpy as np
import pytest

from stages.core.features.cards import check_card, write_card
from stages.core.features.fusion import fuse_tables
from stages.core.runtime.errors import StageFileError, UserError
from stages.core.runtime.files import digest_of, read_json
from stages.core.runtime.quarantine import Fault
from stages.core.runtime.tables import blocks_of, origin_of, read_features, write_features

MADE = {"preprocess": {"peak_db": -3.0}, "synthetic": True, "corpus": "toy"}


def table(path: Path, clips: list[str], width: int, seed: int, origin: dict | None = None) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(len(clips), width)).astype(np.float32)
    names = [f"v{column}" for column in range(width)]
    write_features(path, clips, names, values, {**MADE, "feature_set": str(seed), **(origin or {})})
    return values


def test_columns_stand_side_by_side_for_the_clips_that_all_have(tmp_path: Path) -> None:
    clips = [f"{number:04d}" for number in range(700)]
    one, two = tmp_path / "one.parquet", tmp_path / "two.parquet"
    first = table(one, clips[:-1], 3, 1)
    second = table(two, clips[2:], 70, 2)
    faults = fuse_tables({"one": one, "two": two}, tmp_path / "both.parquet", "fused-both")
    found, names, values = read_features(tmp_path / "both.parquet")
    assert found == clips[2:-1]
    assert names[:4] == ["one.v0", "one.v1", "one.v2", "two.v0"]
    assert values.tobytes() == np.hstack([first[2:], second[:-1]]).tobytes()
    assert faults == [
        Fault("0000", "fused-both", "not in all sets", "no features of two"),
        Fault("0001", "fused-both", "not in all sets", "no features of two"),
        Fault("0699", "fused-both", "not in all sets", "no features of one"),
    ]
    origin = origin_of(tmp_path / "both.parquet")
    assert blocks_of(origin) == {"one": slice(0, 3), "two": slice(3, 73)}
    assert origin == {
        **MADE,
        "fused": [
            {"set": "one", "columns": 3, "origin": {**MADE, "feature_set": "1"}},
            {"set": "two", "columns": 70, "origin": {**MADE, "feature_set": "2"}},
        ],
    }
    assert blocks_of(origin_of(one)) == {}


def test_three_sets_of_which_each_lacks_another_clip(tmp_path: Path) -> None:
    paths = {name: tmp_path / f"{name}.parquet" for name in "cab"}
    parts = [
        table(paths["c"], ["2", "1", "3", "x"], 1, 1),
        table(paths["a"], ["2", "0", "1", "3"], 2, 2),
        table(paths["b"], ["2", "1", "9", "3"], 4, 3),
    ]
    faults = fuse_tables(paths, tmp_path / "all.parquet", "fused-all")
    found, names, values = read_features(tmp_path / "all.parquet")
    assert found == ["2", "1", "3"]
    assert names == ["c.v0", "a.v0", "a.v1", "b.v0", "b.v1", "b.v2", "b.v3"]
    rows = [part[chosen] for part, chosen in zip(parts, ([0, 1, 2], [0, 2, 3], [0, 1, 3]), strict=True)]
    assert values.tobytes() == np.hstack(rows).tobytes()
    lacking = [(fault.clip_id, fault.detail[-1]) for fault in faults]
    assert lacking == [("0", "c"), ("0", "b"), ("9", "c"), ("9", "a"), ("x", "a"), ("x", "b")]


def test_tables_that_do_not_fit_are_one_sentence(tmp_path: Path) -> None:
    one, two, three = (tmp_path / f"{name}.parquet" for name in ("one", "two", "three"))
    table(one, ["a", "b"], 2, 1)
    table(two, ["c"], 2, 2)
    table(three, ["a", "b"], 2, 3, {"preprocess": {"peak_db": -6.0}})
    with pytest.raises(UserError, match=r"no clip has the features of all of one, two"):
        fuse_tables({"one": one, "two": two}, tmp_path / "both.parquet", "fused-both")
    with pytest.raises(UserError, match=r"features of three were made from other recordings"):
        fuse_tables({"one": one, "three": three}, tmp_path / "both.parquet", "fused-both")
    for other in ({"corpus": "another"}, {"synthetic": False}):
        table(three, ["a", "b"], 2, 3, other)
        with pytest.raises(UserError, match=r"features of three were made from other recordings"):
            fuse_tables({"one": one, "three": three}, tmp_path / "both.parquet", "fused-both")
    table(two, ["b", "a"], 2, 2)
    with pytest.raises(UserError, match=r"in different orders, first at a"):
        fuse_tables({"one": one, "two": two}, tmp_path / "both.parquet", "fused-both")
    assert not (tmp_path / "both.parquet").exists()


def test_a_card_is_of_these_bytes_alone(tmp_path: Path) -> None:
    path, card = tmp_path / "one.parquet", tmp_path / "one.json"
    with pytest.raises(StageFileError, match=r"one\.json does not exist"):
        check_card(card, path)
    table(path, ["a", "b", "c"], 2, 1)
    write_card(card, path)
    before = card.read_bytes()
    assert read_json(card) == {"clips": 3, "columns": 2, "digest": digest_of(path)}
    check_card(card, path)
    with pytest.raises(StageFileError, match=r"two\.parquet does not exist"):
        check_card(card, tmp_path / "two.parquet")
    table(path, ["a", "b", "c"], 2, 2)
    with pytest.raises(StageFileError, match=r"one\.parquet is not the table that .*one\.json describes"):
        check_card(card, path)
    write_card(card, path)
    assert card.read_bytes() != before
