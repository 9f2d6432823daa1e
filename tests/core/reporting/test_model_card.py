"""A model card from numbers that all differ, read as a whole."""

from types import SimpleNamespace
from typing import Any

import pytest

from stages.core.config.tasks import Task
from stages.core.config.training import Architecture, TrainingConfig
from stages.core.reporting.model_card import how_features_are_made, model_card
from stages.core.scoring.run_scores import to_json
from tests.helpers.results import Numbers, run_scores

CORPUS = {
    "name": "toy|box",
    "synthetic": False,
    "clips": {"used": 120, "listed": 134},
    "warnings": ["one thing", "another"],
}
SPLITS = {
    split: {"clips": 10 * place, "speakers": place, "duration": f"00:00:0{place}"}
    for place, split in enumerate(("train", "validation", "test", "total"), 1)
}
ORIGIN = {"preprocess": {"peak_db": -3.0, "trim": "none"}, "feature_set": "eGeMAPSv02"}


def model(origin: dict[str, Any] = ORIGIN, joint: bool = True) -> Any:
    tasks = {
        "emotion": Task("regression", ("Awe", "Fear", "Horror"), "ccc"),
        "country": Task("classification", ("Country",), "uar"),
        "age": Task("regression", ("Age",), "mae"),
    }
    return SimpleNamespace(
        origin=origin,
        tasks=tasks,
        classes={"country": ["China", "Venezuela"]},
        seeds=(1, 2, 5),
        parameters=1_234_567,
        feature_names=["f"] * 88,
        description=SimpleNamespace(
            run="compare-x",
            versions={"opensmile": "2.5"},
            training=TrainingConfig(epochs=30, patience=4, learning_rate=0.002, batch_size=8),
            architecture=Architecture(joint, (64, 32), ()),
        ),
    )


def card(**changes: Any) -> str:
    numbers = Numbers()
    runs = {
        "other": to_json(run_scores(numbers, "a", "b")),
        "compare-x": to_json(run_scores(numbers, "a", "c")),
    }
    naive = {
        "validation": {"emotion": {"value": 0.011}, "country": {"value": 0.25}, "age": {"value": 9.5}},
        "test": {"emotion": {"value": 0.022}, "age": {"value": None}},
    }
    given = {"model": model(), "corpus": CORPUS, **changes}
    details = {"runs": runs, "naive": naive}
    return model_card(given["model"], details, given["corpus"], SPLITS, 0.9)


def test_every_figure_is_of_its_run_split_task_and_column() -> None:
    numbers = Numbers()
    run_scores(numbers, "a", "b")
    run = run_scores(numbers, "a", "c")
    naive = {"validation": ("0.011", "0.250", "9.500"), "test": ("0.022", "–", "–")}
    labels = {"emotion": "CCC ↑", "country": "UAR ↑", "age": "MAE ↓"}
    lines = card().splitlines()
    start = lines.index(
        "| split | task | score | mean prediction of the seeds | mean of the seeds' scores | naive |"
    )
    assert lines[start + 1] == "| --- | --- | --- | --- | --- | --- |"
    expected = []
    for split in ("validation", "test"):
        for (task, label), guess in zip(labels.items(), naive[split], strict=True):
            scores = run.task(task, split)
            cells = [
                f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
                for found in (scores.ensemble, scores)
            ]
            expected.append(f"| {split} | {task} | {label} | {cells[0]} | {cells[1]} | {guess} |")
    assert lines[start + 2 : start + 8] == expected
    assert lines[start - 2].startswith("In brackets: 90% intervals over speakers, and over seeds where")
    start = lines.index("| task | group | score | clips |")
    groups = [
        f"| {task} | {name} | {part.value:.3f} [{part.low:.3f}, {part.high:.3f}] | 7 |"
        for task in labels
        for name, part in run.task(task, "test").groups.scores.items()
    ]
    assert lines[start + 2 : start + 8] == groups
    assert lines[start - 2] == "Test clips, mean of the seeds' scores, with 90% intervals."


def test_what_it_is_made_of_and_where_it_ends() -> None:
    text = card()
    assert text.startswith(
        "# compare-x\n\nPredicts from one vocal burst: emotion (Awe, Fear, Horror); country (China, "
        "Venezuela); "
        "age (Age).\n"
    )
    assert "[clips, 88], not scaled" in text and "the mean over 3 seeds" in text
    assert "## Data\n\nCorpus: toy|box; 120 of 134 clips could be used.\n" in text
    table = [line for line in text.splitlines() if line.startswith("| ") and "00:00" in line]
    assert table == [
        "| train | 10 | 1 | 00:00:01 |",
        "| validation | 20 | 2 | 00:00:02 |",
        "| test | 30 | 3 | 00:00:03 |",
    ]
    assert "\n- one thing\n- another\n" in text
    assert (
        "One network for all tasks; trunk 64, 32; hidden layers of a head: none; 1,234,567 weights for "
        "each of "
        "the seeds\n1, 2, 5. Adam, learning rate 0.002, batches of\n8, at most 30 epochs, stopped after 4 "
        "without"
    ) in text
    assert "- country: it knows only the classes above and always predicts one of them." in text
    assert "The terms of toy|box on models trained on it apply to this model." in text
    assert "synthetic" not in text
    headings = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert headings == ["Use", "Data", "Training", "Scores", "Groups of speakers", "Limits", "Licences"]
    other = card(model=model(joint=False), corpus={**CORPUS, "synthetic": True, "warnings": []})
    assert "One network for each task; trunk" in other and "- one thing" not in other
    assert "Trained on **synthetic** voices" in other
    assert "The corpus is computed and contains no recordings of people." in other


@pytest.mark.parametrize(
    ("preprocess", "steps"),
    [
        ({"peak_db": -3.0}, ""),
        ({"peak_db": -3.0, "trim": "vad"}, " cut at both ends where silero-vad hears no voice,"),
        (
            {"peak_db": -3.0, "trim": "energy", "trim_db": -35.5, "enhance": "spectral"},
            " freed of stationary noise by spectral gating (noisereduce), cut at both ends where it is "
            "35.5 dB "
            "below its loudest 25 ms,",
        ),
    ],
)
def test_how_features_are_made(preprocess: dict[str, Any], steps: str) -> None:
    found = how_features_are_made(model({**ORIGIN, "preprocess": preprocess}))
    assert found == (
        f"Each recording is mixed down to mono, resampled to 16 kHz,{steps} scaled to a peak of −3 dBFS and "
        "rounded to 16 bit. From the result, the functionals of openSMILE's eGeMAPSv02 (opensmile 2.5) are "
        "computed."
    )


def test_fused_sets_and_bags_and_other_sources_are_told_apart() -> None:
    parts = [
        {"feature_set": "ComParE_2016", "bags": {}},
        {"source": {"kind": "pitch", "floor": 75}, "fingerprint": "x"},
    ]
    origin = {"preprocess": {"peak_db": -6.5}, "fused": [{"origin": part} for part in parts]}
    found = how_features_are_made(model(origin))
    assert "a peak of −6.5 dBFS" in found
    assert found.endswith(
        "From the result, the low-level descriptors and deltas of openSMILE's ComParE_2016 (opensmile 2.5) "
        "are "
        "assigned to the audio words of a codebook in openXBOW's text format, which comes with the model, "
        "and "
        "counted; beside it, in the same row, the functionals of the source of features with the options "
        "floor "
        "75, kind pitch are computed."
    )
