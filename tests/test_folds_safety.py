"""What the stages learn on a fold: nothing of the clips that it tests, and no task whose classes it lacks."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages import boaw, codebook, split, train
from stages.core.runtime.tables import read_features, read_table, write_features, write_table
from tests.helpers.corpora import EMOTIONS
from tests.helpers.descriptors import write_clips
from tests.helpers.tiny_project import run_stage, write_project

RUNS = {
    "compare-own": {"features": "compare", "model": "own"},
    "boaw-mtl2": {"features": "boaw", "model": "mtl2"},
}
# Learnt from clips: columns, quantiles, class weights, the scale of targets, calibration, epochs.
OWN = {
    "joint": True,
    "trunk": [8],
    "recipe": "regularized",
    "train": {"columns": 6, "calibration": "match", "epochs": 3, "seeds": [1, 2]},
}


def learnt() -> dict[str, bytes]:
    """All that is learnt from clips."""
    files = [
        Path("data/codebook.txt"),
        *sorted(path for path in Path("data/models").rglob("*") if path.is_file()),
    ]
    return {str(path): path.read_bytes() for path in files}


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(("of", "seed"), [(4, 1), ("Country", 2)])
def test_no_clip_of_a_test_fold_reaches_what_is_learnt(
    of: int | str, seed: int, set_parameters: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_parameters(
        split={"method": "folds", "folds": of, "fold": 2},
        codebook={"size": 20, "frames": 200},
        boaw={"assignments": 3, "idf": True, "standardize_output": True},
        train={"epochs": 2, "seeds": [1]},
        models={"own": OWN},
        runs=RUNS,
        compute={"processes": 1},
    )
    labels = write_project(sets=["compare"])
    split.main()
    splits = read_table(Path("data/splits.parquet"))
    rng = np.random.default_rng(seed)
    columns = ("F0_sma", "mfcc_sma[1]", "F0_sma_de", "mfcc_sma_de[1]")
    frames = {clip_id: rng.normal(0, 1, (20, 4)) for clip_id in labels["clip_id"]}

    def learn() -> dict[str, bytes]:
        write_clips(Path("data/lld/compare"), frames, columns)
        codebook.main()
        boaw.main()
        for run in RUNS:
            run_stage(train, monkeypatch, run)
        return learnt()

    before = learn()
    assert {name.split("/")[2] for name in before if "models" in name} == set(RUNS)
    tested = (splits["split"] == "test").to_numpy()
    assert 0.15 < tested.mean() < 0.35
    clip_ids, names, values = read_features(Path("data/features/compare.parquet"))
    values[tested] = 10.0 ** rng.integers(-3, 9) * rng.standard_normal(values[tested].shape)
    write_features(Path("data/features/compare.parquet"), clip_ids, names, values)
    labels.loc[tested, EMOTIONS] = rng.random((tested.sum(), len(EMOTIONS))) * 100
    labels.loc[tested, "Age"] = rng.choice([np.nan, 0.0, 119.0], tested.sum())
    labels.loc[tested, "Country"] = rng.choice(["Atlantis", "China"], tested.sum())
    write_table(Path("data/recordings.parquet"), labels)
    for clip_id in labels.loc[tested, "clip_id"]:
        frames[clip_id] = 1000 * rng.standard_normal((rng.integers(1, 50), 4))
    assert learn() == before
    # The same change of a single clip of training changes every network.
    clip = int(np.flatnonzero(splits["split"] == "train")[0])
    values[clip] += 1.0
    write_features(Path("data/features/compare.parquet"), clip_ids, names, values)
    frames[clip_ids[clip]] = frames[clip_ids[clip]] + 1.0
    after = learn()
    assert {name for name in before if name.endswith("safetensors") and after[name] == before[name]} == set()
    assert after["data/codebook.txt"] != before["data/codebook.txt"]


def test_a_network_leaves_out_a_task_whose_classes_training_does_not_have(
    project: Path, set_parameters: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    set_parameters(
        split={"method": "folds", "folds": "Country"},
        train={"epochs": 1, "seeds": [1]},
        compute={"processes": 1},
    )
    write_project()
    split.main()
    run_stage(train, monkeypatch, "egemaps-stl")
    said = capsys.readouterr().out
    assert (
        "note: task country: Country 'China', 'South Africa' never occurs in the training split of a fold"
        in said
    )
    assert "egemaps-stl: task country has no class of the validation split in the training split" in said
    described = json.loads((project / "data/models/egemaps-stl/model.json").read_text())
    assert set(described["tasks"]) == {"emotion", "age"}
