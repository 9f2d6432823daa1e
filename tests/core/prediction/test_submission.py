"""Submission files beside the example lines of the organizers' READMEs."""

from collections.abc import Mapping

import numpy as np
import pytest
import yaml

from stages.core.config.data import ChallengeName
from stages.core.config.presets import presets
from stages.core.config.tasks import Task
from stages.core.prediction.submission import chosen_track, file_name, submission, tracks_of
from stages.core.runtime.errors import UserError
from stages.core.scoring.challenges import CHALLENGES, EMOTIONS

HIGH = """\
File_ID,Awe,Excitement,Amusement,Awkwardness,Fear,Horror,Distress,Triumph,Sadness,Surprise
[10119],0.62710214,0.49645486,0.49803686,0.23848177,0.08278237,0.07724878,0.23759936,0.09026498,0.21404977,0.51422143
"""
TWO = """\
File_ID,Valence,Arousal
[10119],0.7631676,0.76780826
"""
CULTURE = """\
File_ID,China_Awe,China_Excitement,China_Amusement,China_Awkwardness,China_Fear,China_Horror,China_Distress,China_Triumph,China_Sadness,United States_Awe,United States_Excitement,United States_Amusement,United States_Awkwardness,United States_Fear,United States_Horror,United States_Distress,United States_Triumph,United States_Sadness,South Africa_Awe,South Africa_Excitement,South Africa_Amusement,South Africa_Awkwardness,South Africa_Fear,South Africa_Horror,South Africa_Distress,South Africa_Triumph,SouthAfrica_Sadness,Venezuela_Awe,Venezuela_Excitement,Venezuela_Amusement,Venezuela_Awkwardness,Venezuela_Fear,Venezuela_Horror,Venezuela_Distress,Venezuela_Triumph,Venezuela_Sadness,China_Surprise,United States_Surprise,South Africa_Surprise,Venezuela_Surprise
[10119],0.038061377,0.291698,0.124653086,0.022536684,0.0474591,0.066204384,0.3504715,0.053055067,0.1332495,0.4656132,0.16915916,0.20210153,0.12418566,0.058694307,0.05223605,0.17013761,0.036202025,0.14283837,0.27895436,0.22023943,0.27663407,0.14329503,0.06129282,0.051026355,0.14811155,0.043002,0.12653029,0.47265163,0.07118222,0.093341954,0.04070308,0.051994443,0.049771238,0.09662901,0.03959408,0.18467966,0.24399953,0.27347636,0.23664658,0.2085441
"""  # noqa: E501
TYPE = """\
File_ID,Voc_Type
[10119],Gasp
"""
EXVO = """\
File_ID,Country,Age,Awe,Excitement,Amusement,Awkwardness,Fear,Horror,Distress,Triumph,Sadness,Surprise
[58712],1,32.2,0.109,0.258,0.159,0.181,0.605,0.591,0.462,0.071,0.16,0.52
"""
COUNTRIES = ["China", "South Africa", "United States", "Venezuela"]
BURSTS = ["Cry", "Gasp", "Groan", "Grunt", "Laugh", "Other", "Pant", "Scream"]


def tasks_of(track: str) -> dict[str, Task]:
    """The tasks of a preset."""
    content = yaml.safe_load(presets()[track].text)["tasks"]
    return {name: Task(task["kind"], tuple(task["columns"]), task["score"]) for name, task in content.items()}


def outputs(text: str, tasks: Mapping[str, Task]) -> tuple[str, dict[str, np.ndarray]]:
    """File_ID and what a model would predict for the line of an example."""
    header, line, _ = text.split("\n")
    cells = dict(zip(header.replace("SouthAfrica", "South Africa").split(","), line.split(","), strict=True))
    found = {
        name: np.array([float(cells[column]) for column in task.columns], np.float32)
        for name, task in tasks.items()
        if task.kind == "regression"
    }
    if "Country" in cells:
        found["country"] = np.eye(4)[int(cells["Country"])]
    if "Voc_Type" in cells:
        found["type"] = np.eye(8)[BURSTS.index(cells["Voc_Type"])]
    return cells["File_ID"].strip("[]"), found


@pytest.mark.parametrize(
    ("track", "example"),
    [
        ("exvo-multitask", EXVO),
        ("a-vb-high", HIGH),
        ("a-vb-two", TWO),
        ("a-vb-culture", CULTURE),
        ("a-vb-type", TYPE),
    ],
)
def test_the_organizers_example_byte_for_byte(track: ChallengeName, example: str) -> None:
    tasks = tasks_of(track)
    clip_id, predicted = outputs(example, tasks)
    classes = {"country": COUNTRIES, "type": BURSTS}
    known = {name: names for name, names in classes.items() if name in tasks}
    assert submission(track, tasks, known, {clip_id: predicted}) == example
    assert chosen_track(tasks, None) == track
    assert CHALLENGES[track].tasks(tasks) == tasks


def test_rows_are_in_the_order_of_their_ids_and_zeros_stay() -> None:
    predicted = {"two": np.zeros(2, np.float32)}
    names = ["100", "00012", "9", "b", "a"]
    text = submission("a-vb-two", tasks_of("a-vb-two"), {}, dict.fromkeys(names, predicted))
    assert [line.split(",")[0] for line in text.splitlines()[1:]] == ["[9]", "[00012]", "[100]", "[a]", "[b]"]


def test_countries_that_are_numbers_keep_theirs() -> None:
    tasks = tasks_of("exvo-multitask")
    clip_id, predicted = outputs(EXVO, tasks)
    text = submission(
        "exvo-multitask", tasks, {"country": ["0.0", "2.0", "3.0", "4.0"]}, {clip_id: predicted}
    )
    assert text.splitlines()[1].startswith("[58712],2,32.2,")


def test_which_challenge_a_model_is_for() -> None:
    both = {**tasks_of("a-vb-high"), **tasks_of("a-vb-type")}
    assert tracks_of(both) == ["a-vb-high", "a-vb-type"]
    with pytest.raises(UserError, match="fits a-vb-high and a-vb-type; name one with --track"):
        chosen_track(both, None)
    assert chosen_track(both, "a-vb-type") == "a-vb-type"
    with pytest.raises(UserError, match="which no challenge asks for"):
        chosen_track({"age": Task("regression", ("Age",), "mae")}, None)
    with pytest.raises(
        UserError, match="a-vb-two asks for Valence, Arousal, which this model does not predict"
    ):
        chosen_track(both, "a-vb-two")
    many = tuple(f"{country}_Awe" for country in ("China", "Venezuela"))
    few = {"few": Task("regression", EMOTIONS[:4], "ccc"), "other": Task("regression", many, "ccc")}
    with pytest.raises(
        UserError,
        match=r"^a-vb-high asks for Fear, Horror, Distress, Triumph, Sadness and others, which this model "
        r"does not predict; it predicts few, other\.$",
    ):
        chosen_track(few, "a-vb-high")
    five = {"five": Task("regression", EMOTIONS[5:], "ccc")}
    with pytest.raises(UserError, match="asks for Awe, Excitement, Amusement, Awkwardness, Fear, which"):
        chosen_track(five, "a-vb-high")
    with pytest.raises(
        UserError, match="predicts five, which no challenge asks for; the challenges are exvo"
    ):
        chosen_track(five, None)
    assert file_name("exvo-multitask", "us", 3) == "ExVo-Multi_us_3.csv"
