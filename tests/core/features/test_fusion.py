"""Tables side by side against NumPy."""

from pathlib import Path

import numpy as np
import pytest

from stages.core.features.cards import check_card, write_card
from stages.core.features.fusion import fuse_tables
from stages.core.runtime.errors import StageFileError, UserError
from stages.core.runtime.tables import blocks_of, origin_of, read_features, write_features

MADE = {"preprocess": {"peak_db": -3.0}, "synthetic": True}


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
    assert [(fault.clip_id, fault.detail) for fault in faults] == [
        ("0000", "no features of two"),
        ("0001", "no features of two"),
        ("0699", "no features of one"),
    ]
    origin = origin_of(tmp_path / "both.parquet")
    assert blocks_of(origin) == {"one": slice(0, 3), "two": slice(3, 73)}
    assert origin["fused"][1]["origin"]["feature_set"] == "2"
    assert origin["preprocess"] == MADE["preprocess"]
    assert blocks_of(origin_of(one)) == {}


def test_tables_that_do_not_fit_are_one_sentence(tmp_path: Path) -> None:
    one, two, three = (tmp_path / f"{name}.parquet" for name in ("one", "two", "three"))
    table(one, ["a", "b"], 2, 1)
    table(two, ["c"], 2, 2)
    table(three, ["a", "b"], 2, 3, {"preprocess": {"peak_db": -6.0}})
    with pytest.raises(UserError, match=r"no clip has the features of all of one, two"):
        fuse_tables({"one": one, "two": two}, tmp_path / "both.parquet", "fused-both")
    with pytest.raises(UserError, match=r"features of three were made from other recordings"):
        fuse_tables({"one": one, "three": three}, tmp_path / "both.parquet", "fused-both")
    table(three, ["a", "b"], 2, 3, {"corpus": "another"})
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
    table(path, ["a", "b"], 2, 1)
    write_card(card, path)
    before = card.read_bytes()
    check_card(card, path)
    table(path, ["a", "b"], 2, 2)
    with pytest.raises(StageFileError, match=r"one\.parquet is not the table that .*one\.json describes"):
        check_card(card, path)
    write_card(card, path)
    assert card.read_bytes() != before
