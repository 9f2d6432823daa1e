import pandas as pd

from stages.core.dataset.speakers import speakers_of


def test_a_clip_without_a_speaker_is_no_speaker_of_its_name() -> None:
    clips = pd.DataFrame({"clip_id": ["A", "B", "C"], "speaker": [None, "A", "A"]})
    assert speakers_of(clips).nunique() == 2
