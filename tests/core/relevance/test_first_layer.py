"""A network parted after the sums of its first layer predicts what it predicts as a whole."""

from pathlib import Path

import numpy as np
import pytest

from stages.core.networks.model import Model
from stages.core.relevance.first_layer import FirstLayer
from stages.core.runtime.tables import read_features
from tests.helpers.tiny_project import build


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Separate and joint networks, of some columns, and blended with linear models."""
    folder = tmp_path_factory.mktemp("parted")
    models = {
        "plain": {"joint": True, "trunk": [16, 8], "head": [8]},
        "blended": {"joint": False, "trunk": [16], "train": {"blend": "validation", "columns": 9}},
    }
    runs = {f"egemaps-{name}": {"features": "egemaps", "model": name} for name in models}
    build(folder, list(runs), models=models, runs=runs)
    return folder


@pytest.mark.parametrize("run", ["egemaps-plain", "egemaps-blended"])
def test_parted_and_whole_predict_the_same(project: Path, run: str) -> None:
    model = Model.load(project / "data/models" / run)
    _, names, features = read_features(project / "data/features/egemaps.parquet")
    whole, scaled = model.predict(features), model.scaling(features)
    halves = np.array_split(np.arange(len(names)), 2)
    for network in model.networks:
        layer = FirstLayer.of(model, network)
        sums = layer.bias + sum(layer.added(scaled, columns) for columns in halves)
        for task, values in layer.predict(sums).items():
            assert values == pytest.approx(whole[network.seed][task], rel=1e-5, abs=1e-5)
