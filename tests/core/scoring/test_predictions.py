"""The table of predictions: its order, and what is read from it."""

import numpy as np
import pandas as pd

from stages.core.scoring.predictions import RunPredictions, mean_over_seeds, to_table

LABELS = pd.DataFrame({"clip_id": ["b", "a"], "split": ["test", "train"]})
PREDICTIONS = {
    seed: {"mood": np.array([[seed + 0.1, seed + 0.2], [seed + 0.3, seed + 0.4]], np.float32)}
    for seed in (9, 2)
}
PARTS = {"mood": ("Fear", "Awe")}


def test_rows_stand_by_seed_and_clip() -> None:
    table = to_table(LABELS, PREDICTIONS, PARTS)
    assert table["seed"].tolist() == [2, 2, 9, 9]
    assert table["clip_id"].tolist() == ["a", "b", "a", "b"]
    assert table["split"].tolist() == ["train", "test", "train", "test"]
    np.testing.assert_allclose(table["mood.Fear"], [2.3, 2.1, 9.3, 9.1], rtol=1e-6)
    np.testing.assert_allclose(table["mood.Awe"], [2.4, 2.2, 9.4, 9.2], rtol=1e-6)


def test_columns_and_clips_are_found_by_name() -> None:
    found = RunPredictions.of(to_table(LABELS, PREDICTIONS, PARTS).iloc[::-1])
    by_seed = found.of_task("mood", ("Awe", "Fear"), ["b", "a"])
    np.testing.assert_allclose(by_seed[9], [[9.2, 9.1], [9.4, 9.3]], rtol=1e-6)
    means = mean_over_seeds(by_seed.values())
    np.testing.assert_allclose(means, [[5.7, 5.6], [5.9, 5.8]], rtol=1e-6)
    assert (by_seed[9].dtype, means.dtype) == (np.float32, np.float64)
    assert found.has("mood", ("Awe",)) and not found.has("mood", ("Horror",)) and not found.has("mood", ())
