import numpy as np

from stages.core.figures.timeline import STRONGEST, timeline


def test_a_panel_per_task_and_the_strongest_outputs() -> None:
    outputs = {f"column {index}": np.array([0.0, index / 10, np.nan]) for index in range(8)}
    figure = timeline(
        [0.5, 1.0, 1.5], {"emotion": outputs, "age": {"Age": np.array([20.0, 25.0, 30.0])}}, "long.wav"
    )
    emotion, age = figure.axes
    assert (emotion.get_ylabel(), age.get_ylabel()) == ("emotion", "age")
    drawn = [line.get_label() for line in emotion.get_lines()]
    assert drawn == [f"column {index}" for index in (7, 6, 5, 4, 3)]
    assert len(drawn) == STRONGEST
    for line, index in zip(emotion.get_lines(), (7, 6, 5, 4, 3), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), outputs[f"column {index}"])
    assert figure.get_suptitle() == "long.wav"
    assert (emotion.get_xlabel(), age.get_xlabel()) == ("", "time (s), middle of the window")
    np.testing.assert_array_equal(age.get_lines()[0].get_ydata(), [20, 25, 30])
    np.testing.assert_array_equal(age.get_lines()[0].get_xdata(), [0.5, 1.0, 1.5])


def test_a_task_without_any_prediction_is_empty() -> None:
    assert timeline([0.5], {"age": {"Age": np.array([np.nan])}}, "short.wav").axes[0].get_ylabel() == "age"
