"""The join of recordings, splits and features, under one policy for every stage."""

from collections.abc import Sequence

import pandas as pd

from stages.core.runtime.errors import UserError


def join_clips(
    recordings: pd.DataFrame, splits: pd.DataFrame, clip_ids: Sequence[str] | None = None
) -> pd.DataFrame:
    """Labels, speaker and split of every clip.

    A recording without features is left out: the features stage has put it into the quarantine. Features
    without a recording or a split are an error, since they were made from another corpus.

    Args:
        recordings: one row per usable clip: clip_id, speaker, label columns.
        splits: clip_id, split.
        clip_ids: the clips that have features, in the order of the result; None: all recordings.

    Raises:
        UserError: if a clip has features but no recording, or a recording has no split.
    """
    without = set(recordings["clip_id"]) ^ set(splits["clip_id"])
    if without:
        raise UserError(
            f"recordings and splits are of different corpora: clip {min(without)} is in one alone."
        )
    joined = recordings.merge(splits, on="clip_id", validate="one_to_one")
    if clip_ids is None:
        return joined
    lost = set(clip_ids) - set(joined["clip_id"])
    if lost:
        raise UserError(f"clip {min(lost)} has features but no recording: both are of different corpora.")
    return joined.set_index("clip_id").loc[list(clip_ids)].reset_index()
