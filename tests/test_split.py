import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from stages import preprocess, split
from stages.core.dataset.splitting import SPLITS
from stages.core.runtime.errors import UserError
from stages.core.runtime.tables import write_table
from tests.helpers.corpora import EMOTIONS


@pytest.mark.usefixtures("corpus")
@pytest.mark.parametrize("alone_in", ["validation", "test"])
def test_a_class_that_is_not_in_training_stops_before_anything_is_extracted(
    set_parameters: Callable[..., None], alone_in: str
) -> None:
    preprocess.main()
    set_parameters(split={"method": "official"})
    table = pd.read_parquet("data/recordings.parquet")
    there = table["source_split"] == alone_in
    write_table(
        Path("data/recordings.parquet"), table.assign(Country=table["Country"].where(~there, "Norway"))
    )
    with pytest.raises(
        UserError, match=r"'Norway' never occurs in the training split; .* split\.balance: Country"
    ):
        split.main()


@pytest.mark.usefixtures("corpus")
def test_the_stage_writes_table_1(project: Path) -> None:
    preprocess.main()
    split.main()
    table = json.loads((project / "metrics/split.json").read_text())
    assert set(table) == {"train", "validation", "test", "total"}
    assert table["total"]["clips"] == 24
    assert table["total"]["speakers"] == 12
    assert table["total"]["duration"] == "00:00:12"
    assert sum(table[name]["groups"]["Country"]["China"]["clips"] for name in SPLITS) == 6
    assert list(pd.read_parquet(project / "data/splits.parquet").columns) == ["clip_id", "split"]


@pytest.mark.usefixtures("corpus")
def test_an_option_is_named_with_its_section(set_parameters: Callable[..., None]) -> None:
    preprocess.main()
    table = pd.read_parquet("data/recordings.parquet")
    write_table(Path("data/recordings.parquet"), table.assign(speaker=None))
    with pytest.raises(UserError, match=r"^params\.yaml: split\.method is balanced, but 24 clips have no"):
        split.main()
    set_parameters(split={"method": "official"})
    split.main()
    assert json.loads(Path("metrics/split.json").read_text())["total"]["speakers"] == 24


def write_recordings(countries: str, splits: str) -> None:
    """Ten speakers, each with as many clips of 61 s as its number modulo three, and one more."""
    number = [place % 3 + 1 for place in range(10)]
    rows = [(place, clip) for place, clips in enumerate(number) for clip in range(clips)]
    names = {"a": "Chad", "b": "Peru", "c": "Togo", "-": None}
    who = [place for place, _ in rows]
    table = {
        "clip_id": [f"{place}-{clip}" for place, clip in rows],
        "speaker": [f"S{place}" for place in who],
        **{emotion: [float(place * clip) for place, clip in rows] for emotion in EMOTIONS},
        "Fear": 5.0,
        "Country": pd.Series([names[countries[place]] for place in who], dtype="str"),
        "Age": 30.0,
        "seconds": 61.0,
        "source_split": [{"t": "train", "v": "validation", "x": "test"}[splits[place]] for place in who],
    }
    write_table(Path("data/recordings.parquet"), pd.DataFrame(table))


@pytest.mark.usefixtures("project")
def test_all_that_is_said_of_official_splits(
    set_parameters: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    set_parameters(split={"method": "official"})
    write_recordings("ababab-bab", "ttttvvxxxx")
    split.main()
    # clips of each speaker: 1 2 3 1 2 3 1 2 3 1
    assert capsys.readouterr().out == (
        "note: task emotion has no two different labels in the validation split, where its score is not "
        "defined\n"
        "train      00:07:07       7 clips      4 speakers\n"
        "validation 00:05:05       5 clips      2 speakers\n"
        "test       00:07:07       7 clips      4 speakers\n"
        "total      00:19:19      19 clips     10 speakers\n"
    )
    splits = pd.read_parquet("data/splits.parquet")
    assert splits["split"].tolist() == ["train"] * 7 + ["validation"] * 5 + ["test"] * 7
    assert splits["clip_id"].tolist() == pd.read_parquet("data/recordings.parquet")["clip_id"].tolist()
    table = json.loads(Path("metrics/split.json").read_text())
    assert table["test"] == {
        "clips": 7,
        "speakers": 4,
        "seconds": 427.0,
        "duration": "00:07:07",
        "groups": {"Country": {"Chad": {"clips": 3, "speakers": 1}, "Peru": {"clips": 3, "speakers": 2}}},
    }


@pytest.mark.usefixtures("project")
def test_classes_that_are_not_in_training_are_named(
    set_parameters: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    set_parameters(split={"method": "official"})
    write_recordings("aaaabcbcaa", "ttttvvxxxx")
    with pytest.raises(UserError) as caught:
        split.main()
    assert str(caught.value) == (
        "task country: Country 'Peru', 'Togo' never occurs in the training split; take those clips out of "
        "data_info.csv, or split the speakers in another way (split.method: balanced, split.balance: Country "
        "or another split.seed)."
    )
    assert not Path("data/splits.parquet").exists()
    capsys.readouterr()
    set_parameters(split={"method": "folds", "folds": "Country", "fold": 2})
    write_recordings("aaabbbcccc", "ttttvvxxxx")
    split.main()
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note: task country")]
    assert notes == [
        "note: task country has one class alone, Chad, in the training split",
        "note: task country: Country 'Peru', 'Togo' never occurs in the training split of a fold, which "
        "cannot recognize it",
    ]
    found = pd.read_parquet("data/splits.parquet")["split"].tolist()
    assert found == ["train"] * 6 + ["test"] * 6 + ["validation"] * 7
