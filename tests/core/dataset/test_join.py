import pandas as pd
import pytest

from stages.core.dataset.join import join_clips
from stages.core.runtime.errors import UserError

RECORDINGS = pd.DataFrame(
    {"clip_id": list("cabd"), "speaker": ["S", "T", None, "S"], "Age": [1.0, 2.0, 3.0, 4.0]}
)
SPLITS = pd.DataFrame({"clip_id": list("dabc"), "split": ["test", "train", "validation", "train"]})


def rows(joined: pd.DataFrame) -> dict[str, tuple[float, str]]:
    assert list(joined.columns) == ["clip_id", "speaker", "Age", "split"]
    assert joined.index.tolist() == list(range(len(joined)))
    return {row.clip_id: (row.Age, row.split) for row in joined.itertuples()}


def test_each_clip_has_its_own_split_in_the_order_of_the_features() -> None:
    everything = rows(join_clips(RECORDINGS, SPLITS))
    assert everything == {"c": (1, "train"), "a": (2, "train"), "b": (3, "validation"), "d": (4, "test")}
    assert list(everything) == list("cabd")
    some = rows(join_clips(RECORDINGS, SPLITS, ["d", "c", "b"]))  # a is in quarantine
    assert list(some.items()) == [("d", (4, "test")), ("c", (1, "train")), ("b", (3, "validation"))]
    assert rows(join_clips(RECORDINGS, SPLITS, [])) == {}


@pytest.mark.parametrize(
    ("recordings", "splits", "clip_ids", "sentence"),
    [
        (
            RECORDINGS[2:],
            SPLITS,
            None,
            "recordings and splits are of different corpora: clip a is in one alone.",
        ),
        (
            RECORDINGS,
            SPLITS[2:],
            ["c"],
            "recordings and splits are of different corpora: clip a is in one alone.",
        ),
        (
            RECORDINGS,
            SPLITS,
            ["c", "y", "x"],
            "clip x has features but no recording: both are of different corpora.",
        ),
    ],
)
def test_tables_of_different_corpora(
    recordings: pd.DataFrame, splits: pd.DataFrame, clip_ids: list[str] | None, sentence: str
) -> None:
    with pytest.raises(UserError) as caught:
        join_clips(recordings, splits, clip_ids)
    assert str(caught.value) == sentence


def test_a_clip_that_stands_twice_is_no_clip() -> None:
    twice = pd.concat([SPLITS, SPLITS[:1]])
    with pytest.raises(pd.errors.MergeError):
        join_clips(RECORDINGS, twice)
