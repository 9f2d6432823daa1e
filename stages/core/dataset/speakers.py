"""Who speaks in a clip."""

import pandas as pd


def speakers_of(recordings: pd.DataFrame) -> pd.Series:
    """The speaker of each clip; a clip whose speaker is unknown counts as a speaker of its own.

    Args:
        recordings: n clips: clip_id, speaker (null where unknown).

    Returns:
        Names with the index of ``recordings``, for comparison alone: equal for two clips if and only if
        they have the same speaker.

    >>> clips = pd.DataFrame({"clip_id": ["A", "2", "3", "4"], "speaker": ["A", None, "A", None]})
    >>> speakers_of(clips).nunique()
    3
    """
    names = [
        f"clip {clip_id}" if pd.isna(speaker) else f"speaker {speaker}"
        for clip_id, speaker in zip(recordings["clip_id"], recordings["speaker"], strict=True)
    ]
    return pd.Series(names, index=recordings.index, dtype=object)
