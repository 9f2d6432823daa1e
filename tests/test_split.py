import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from stages import preprocess, split
from stages.core.dataset.splitting import SPLITS
from stages.core.runtime.errors import UserError
from stages.core.runtime.tables import write_table


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
