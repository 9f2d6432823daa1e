import numpy as np
import pandas as pd

from stages.core.config.tasks import Task
from stages.core.reporting.exhibits import emotion_map

COLUMNS = ["Awe", "Fear", "Sadness"]
TASKS = {"emotion": Task("regression", tuple(COLUMNS), "ccc", scale="row-max")}


def places_of(ratings: np.ndarray) -> np.ndarray:
    """Where the map of figure 1 puts the clips with these ratings."""
    clips = [f"{place:03d}" for place in range(len(ratings))]
    labels = pd.DataFrame({"clip_id": clips, "split": "train", **dict(zip(COLUMNS, ratings.T, strict=True))})
    predictions = pd.DataFrame(
        {"clip_id": clips, **{f"emotion.{name}": ratings[:, place] for place, name in enumerate(COLUMNS)}}
    )
    (exhibit,) = emotion_map(labels, predictions, TASKS, "a-run")
    return np.concatenate([dots.get_offsets() for dots in exhibit.figure.axes[0].collections])


def test_the_map_is_of_normalized_ratings_as_in_the_paper() -> None:
    ratings = np.random.default_rng(1).integers(1, 50, (40, 3)).astype(np.float64)
    loudness = np.where(np.arange(40) % 2, 2.0, 1.0)[:, None]
    np.testing.assert_array_equal(places_of(ratings), places_of(ratings * loudness))
