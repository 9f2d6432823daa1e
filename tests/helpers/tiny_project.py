"""A project whose first stages are done: 24 speakers with five clips each, features that tell a little."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from stages import evaluate, train
from stages.core.runtime.files import write_json
from stages.core.runtime.tables import write_features, write_table
from tests.helpers import ROOT
from tests.helpers.corpora import EMOTIONS

COUNTRIES = ["China", "South Africa", "United States", "Venezuela"]
SPLITS = ["train", "validation", "test"]
SPACE = {
    "learning_rate": {"low": 0.0001, "high": 0.1, "log": True},
    "batch_size": [8, 40],
    "epochs": {"low": 1, "high": 3},
}
RUNS = {"egemaps-mtl2": {"features": "egemaps", "model": "mtl2"}}


def write_project(speakers: int = 24, clips: int = 5, sets: Sequence[str] = ("egemaps",)) -> pd.DataFrame:
    """Write recordings, splits, features and metrics/corpus.json; return the labels."""
    rng = np.random.default_rng(1)
    number = speakers * clips
    speaker = np.repeat(np.arange(speakers), clips)
    labels = pd.DataFrame(
        {
            "clip_id": [f"{clip:05d}" for clip in range(number)],
            "speaker": [f"S{who:02d}" for who in speaker],
            **{emotion: rng.integers(0, 101, number).astype(np.float64) for emotion in EMOTIONS},
            "Country": [COUNTRIES[who % 4] for who in speaker],
            "Age": 20.0 + speaker * 0.8,
            "seconds": 1.0,
        }
    )
    write_table(Path("data/recordings.parquet"), labels)
    splits = [SPLITS[who // 4 % 3] for who in speaker]
    write_table(Path("data/splits.parquet"), pd.DataFrame({"clip_id": labels["clip_id"], "split": splits}))
    country = np.eye(4)[speaker % 4]
    told = np.column_stack([country, labels["Age"], labels[EMOTIONS]])
    for place, name in enumerate(sets):
        values = told + np.random.default_rng(place).normal(0, told.std(axis=0), told.shape)
        names = [f"feature {column}" for column in range(values.shape[1])]
        write_features(
            Path(f"data/features/{name}.parquet"), list(labels["clip_id"]), names, values.astype(np.float32)
        )
    write_json(Path("metrics/corpus.json"), {"name": "tiny", "synthetic": True})
    return labels


def write_parameters(space: Mapping[str, Any] = SPACE, **sections: Any) -> None:
    """Write the real params.yaml with ``RUNS`` alone and ranges to search; ``sections`` get more entries."""
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    content["train"] |= {"epochs": 2, "seeds": [1, 2]}
    content["runs"], content["search"] = RUNS, space
    for section in ("fused_features", "fused_runs"):
        content[section] = {}
    for section, entries in sections.items():
        content[section] = {**content[section], **entries}
    # Through JSON, so that equal entries are no anchors.
    text = yaml.safe_dump(json.loads(json.dumps(content)), sort_keys=False)
    Path("params.yaml").write_text(text + "# the end\n")


def run_stage(module: ModuleType, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """Run a stage as the command line does."""
    monkeypatch.setattr("sys.argv", ["stage", *arguments])
    module.main()


def build(folder: Path, names: Sequence[str], **sections: Any) -> pd.DataFrame:
    """A project in ``folder`` with trained and evaluated runs ``names``; ``sections`` change params.yaml."""
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    quick = {"train": {"epochs": 2, "seeds": [1, 2]}, "evaluate": {"bootstrap": 50}}
    for section, keys in {**quick, **sections}.items():
        content[section] = keys if section == "runs" else {**content[section], **keys}
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # faster than two on so few clips
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        labels = write_project(sets=sorted({run.split("-")[0] for run in names}))
        for run in names:
            run_stage(train, monkeypatch, run)
            run_stage(evaluate, monkeypatch, run)
    torch.set_num_threads(threads)
    return labels
