"""A model card: what a model is, how good it is and for whom, and where it must not be used.

The headings follow Mitchell et al., *Model Cards for Model Reporting*, 2019.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stages.core.metrics.metric import METRICS
from stages.core.networks.model import Model

Json = Mapping[str, Any]


def model_card(model: Model, details: Json, corpus: Json, splits: Json, confidence: float) -> str:
    """The card of a model as Markdown.

    Args:
        model: the model.
        details: every figure of all runs (metrics/details.json).
        corpus: facts of the corpus (metrics/corpus.json).
        splits: clips and speakers of each split (metrics/split.json).
        confidence: of the intervals.
    """
    scored = details["runs"][model.description.run]["splits"]
    parts = [
        _opening(model, corpus),
        _features(model),
        _data(corpus, splits),
        _training(model),
        "## Scores\n",
        _scores(scored, details["naive"], confidence),
        *_groups(scored["test"], confidence),
        _limits(model, corpus),
        _licences(corpus),
    ]
    return "\n".join(parts)


def how_features_are_made(model: Model) -> str:
    """What must be done with a recording before the model can read it, in a few sentences."""
    origin = model.origin
    shape = origin["preprocess"]
    peak = f"{shape['peak_db']:g}".replace("-", "−")
    gated = shape.get("enhance") == "spectral"
    steps = " freed of stationary noise by spectral gating (noisereduce)," if gated else ""
    if shape.get("trim") == "energy":
        steps += f" cut at both ends where it is {-shape['trim_db']:g} dB below its loudest 25 ms,"
    elif shape.get("trim") == "vad":
        steps += " cut at both ends where silero-vad hears no voice,"
    text = (
        f"Each recording is mixed down to mono, resampled to 16 kHz,{steps} scaled to a peak of "
        f"{peak} dBFS and rounded to 16 bit. "
    )
    version = model.description.versions["opensmile"]
    origins = [part["origin"] for part in origin["fused"]] if "fused" in origin else [origin]
    parts = [_features_of(part, version) for part in origins]
    beside = "; beside it, in the same row, " if len(parts) > 1 else ""
    return f"{text}From the result, {beside.join(parts)}."


def _features_of(origin: Json, version: str) -> str:
    """What one feature set is."""
    if "feature_set" not in origin:
        options = ", ".join(f"{name} {value}" for name, value in sorted(origin["source"].items()))
        source = f"the source of features with the options {options}"
    else:
        source = f"openSMILE's {origin['feature_set']} (opensmile {version})"
    if "bags" not in origin:
        return f"the functionals of {source} are computed"
    return (
        f"the low-level descriptors and deltas of {source} are assigned to the audio words of a codebook in "
        "openXBOW's text format, which comes with the model, and counted"
    )


def _opening(model: Model, corpus: Json) -> str:
    lines = [f"# {model.description.run}\n"]
    heard = [
        f"{name} ({', '.join(model.classes.get(name, task.columns))})" for name, task in model.tasks.items()
    ]
    lines.append(f"Predicts from one vocal burst: {'; '.join(heard)}.\n")
    if corpus["synthetic"]:
        lines.append(
            "> Trained on **synthetic** voices, with invented labels. It shows that the pipeline works, and "
            "says nothing about people: do not use it on recordings of people.\n"
        )
    return "\n".join(lines)


def _features(model: Model) -> str:
    number = len(model.feature_names)
    return f"""## Use

`python -m stages.predict clip.wav --model FOLDER`, in the project that trained it, goes from recordings to
predictions.

Without the project, `model.onnx` goes from features to predictions: input `features`, float32
[clips, {number}], not scaled, in the order of `feature_names` in its metadata (and in `model.json`); an
output for each task, the mean over {len(model.seeds)} seeds. You must compute the features:

{how_features_are_made(model)}
"""


def _data(corpus: Json, splits: Json) -> str:
    rows = [
        [split, splits[split]["clips"], splits[split]["speakers"], splits[split]["duration"]]
        for split in ("train", "validation", "test")
    ]
    clips = corpus["clips"]
    warnings = "".join(f"- {warning}\n" for warning in corpus["warnings"])
    return (
        f"## Data\n\nCorpus: {corpus['name']}; {clips['used']} of {clips['listed']} clips could be used.\n\n"
        + _table(["split", "clips", "speakers", "duration"], rows)
        + (f"\n{warnings}" if warnings else "")
    )


def _training(model: Model) -> str:
    training, architecture = model.description.training, model.description.architecture
    trunk, head = (", ".join(map(str, part)) or "none" for part in (architecture.trunk, architecture.head))
    networks = "One network for all tasks" if architecture.joint else "One network for each task"
    seeds = ", ".join(map(str, model.seeds))
    return f"""## Training

{networks}; trunk {trunk}; hidden layers of a head: {head}; {model.parameters:,} weights for each of the seeds
{seeds}. {training.optimizer.capitalize()}, learning rate {training.learning_rate:g}, batches of
{training.batch_size}, at most {training.epochs} epochs, stopped after {training.patience} without
improvement on validation. `model.json` has every option.
"""


def _scores(scored: Json, naive: Json, confidence: float) -> str:
    rows = []
    for split in ("validation", "test"):
        for name, task in scored[split]["tasks"].items():
            metric = METRICS[task["score"]]
            arrow = "↑" if metric.higher_is_better else "↓"
            rows.append(
                [
                    split,
                    name,
                    f"{metric.label} {arrow}",
                    _figure(task["ensemble"]),
                    _figure(task),
                    _value(naive[split].get(name, {}).get("value")),
                ]
            )
    header = ["split", "task", "score", "mean prediction of the seeds", "mean of the seeds' scores", "naive"]
    return (
        f"In brackets: {confidence:.0%} intervals over speakers, and over seeds where scores are averaged. "
        "Naive: the same answer for every clip.\n\n" + _table(header, rows)
    )


def _groups(test: Json, confidence: float) -> Iterator[str]:
    rows = [
        [name, group, _figure(figures), figures["clips"]]
        for name, task in test["tasks"].items()
        for group, figures in task.get("groups", {}).get("scores", {}).items()
    ]
    if rows:
        text = f"Test clips, mean of the seeds' scores, with {confidence:.0%} intervals.\n\n"
        yield "## Groups of speakers\n\n" + text + _table(["task", "group", "score", "clips"], rows)


def _limits(model: Model, corpus: Json) -> str:
    lines = [
        f"- It was tested on clips of one corpus ({corpus['name']}). Expect "
        "lower scores with other microphones, rooms, languages and ages.",
        "- It predicts one burst at a time. For speech, music and noise its predictions are meaningless.",
        "- Ratings describe what listeners heard in a sound, not what its speaker felt.",
        "- It is no basis for a decision about a person, and must not be used to identify anybody.",
    ]
    classified = [task for task in model.classes if task in model.tasks]
    if classified:
        lines.append(
            f"- {', '.join(classified)}: it knows only the classes above and always predicts one of them."
        )
    return "## Limits\n\n" + "\n".join(lines) + "\n"


def _licences(corpus: Json) -> str:
    source = (
        "The corpus is computed and contains no recordings of people."
        if corpus["synthetic"]
        else f"The terms of {corpus['name']} on models trained on it apply to this model."
    )
    return (
        f"## Licences\n\n{source} openSMILE, which computes the features, is free for research and "
        "education; commercial use needs a licence of audEERING.\n"
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return (
        "\n".join("| " + " | ".join(str(cell).replace("|", r"\|") for cell in line) + " |" for line in lines)
        + "\n"
    )


def _figure(estimate: Json) -> str:
    return f"{_value(estimate['value'])} [{_value(estimate['low'])}, {_value(estimate['high'])}]"


def _value(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
