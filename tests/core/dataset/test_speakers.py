import pandas as pd

from stages.core.dataset.speakers import speakers_of


def test_a_clip_without_a_speaker_is_no_speaker_of_its_name() -> None:
    clips = pd.DataFrame({"clip_id": ["A", "B", "C"], "speaker": [None, "A", "A"]})
    assert speakers_of(clips).nunique() == 2


def test_speakers_keep_the_index_of_their_clips() -> None:
    clips = pd.DataFrame({"clip_id": list("abc"), "speaker": ["S", None, "S"]}, index=[7, 3, 5])
    found = speakers_of(clips)
    assert found.index.tolist() == [7, 3, 5]
    assert found[7] == found[5] != found[3]
