"""What the report shows: which figures, of which runs, with captions that say what to see.

Each function takes metrics/details.json (``details``) or a table and returns figures, or none where the
corpus or the runs have nothing to show.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stages.core.config.tasks import Task
from stages.core.dataset.labels import targets_of
from stages.core.figures import charts as figures
from stages.core.figures.charts import Interval
from stages.core.figures.confusion import Matrix, figure_of
from stages.core.reporting.sentences import best_run, tasks_of

Json = Mapping[str, Any]
OTHER_CAUSES = {  # of a gap between groups
    "ccc": ", or come of labels that vary less in a group",
    "mae": ", or come of labels that lie farther from the mean of training",
    "uar": "",
}
MAP_CLIPS = 2000  # more would hide each other, and a page of 20,000 marks opens slowly


@dataclass(frozen=True)
class Exhibit:
    """A figure with its file name, a caption, and a text for those who do not see it."""

    name: str
    figure: Figure
    caption: str
    alternative: str


def emotion_map(
    labels: pd.DataFrame, predictions: pd.DataFrame, tasks: Mapping[str, Task], run: str
) -> Iterator[Exhibit]:
    """The paper's figure 1, for each task that rates clips on three columns or more.

    t-SNE (van der Maaten and Hinton, 2008) of the normalized ratings of the training split, coloured by the
    strongest rating and by the strongest prediction.

    Args:
        labels: clip_id, split and label columns.
        predictions: of ``run``: clip_id, seed and ``TASK.COLUMN``.
        tasks: the tasks of the run.
        run: whose predictions they are.
    """
    from sklearn.manifold import TSNE

    for name, task in tasks.items():
        if task.kind != "regression" or len(task.columns) < 3:
            continue
        columns = list(task.columns)
        train = labels[labels["split"] == "train"].dropna(subset=columns).sort_values("clip_id")
        train = train.iloc[:: max(1, -(-len(train) // MAP_CLIPS))]
        if len(train) < 10:
            continue
        ratings = targets_of(name, task, train)
        # Repeated rows would collapse onto each other; the perplexity must stay below their number.
        perplexity = min(30.0, (len(ratings) - 1) / 3)
        map_ = TSNE(init="pca", perplexity=perplexity, random_state=1, n_jobs=1).fit_transform(ratings)
        by_clip = predictions.groupby("clip_id")[[f"{name}.{column}" for column in columns]].mean()
        predicted = by_clip.loc[train["clip_id"]].to_numpy()
        panels = {
            "rated": [columns[place] for place in ratings.argmax(axis=1)],
            f"predicted by {run}": [columns[place] for place in predicted.argmax(axis=1)],
        }
        agree = np.mean([a == b for a, b in zip(*panels.values(), strict=True)])
        yield Exhibit(
            f"map-{name}",
            figures.maps(map_, panels, columns),
            f"t-SNE of the {name} ratings of {len(train):,} training clips, coloured by the strongest rating "
            f"(left) and by the strongest prediction of {run}, mean of its seeds (right); both agree "
            f"on {agree:.0%} of these clips, which the networks were trained on. Islands of one colour are "
            f"clips with one clear {name}; mixtures lie between them.",
            f"Two maps of training clips by {name} rating, one coloured by rating, one by prediction.",
        )


def differences(rows: Sequence[Json], first: str, second: str, what: str, name: str) -> Iterator[Exhibit]:
    """Forest plot of paired differences on the test split; ``rows`` have intervals."""
    panels: dict[str, list[Interval]] = {}
    axes: dict[str, str] = {}
    references: dict[str, set[str]] = {}
    for row in rows:
        references.setdefault(row["task"], set()).add(row[first])
    same = all(len(runs) == 1 for runs in references.values())  # then a panel's title names it once
    for row in rows:
        title = f"{row['task']}, against {row[first]}" if same else row["task"]
        label = row[second] if same else f"{row[second]} − {row[first]}"
        panels.setdefault(title, []).append(Interval(label, row["difference"], row["low"], row["high"]))
        axes[title] = "years of MAE saved" if row["score"] == "mae" else f"gain in {row['score'].upper()}"
    if panels:
        names = list(dict.fromkeys(interval.name for panel in panels.values() for interval in panel))
        yield Exhibit(
            name,
            figures.forest(panels, axes, names),
            f"{what.capitalize()}: paired differences on the same test clips, mean over seeds, with "
            "intervals over speakers and seeds. Right of the dotted line is better; a filled mark stands "
            "where the interval leaves out zero.",
            f"Forest plot: {what}.",
        )


def confusions(details: Json, pairs: Sequence[tuple[str, str]], corpus: str) -> Iterator[Exhibit]:
    """The paper's figure 3: confusion matrices of a single-task and a multi-task run side by side."""
    for task, score in tasks_of(details).items():
        if score != "uar":
            continue
        chosen = _pair(details, pairs, task)
        found = [(run, details["runs"][run]["splits"]["test"]["tasks"].get(task)) for run in chosen]
        matrices = [
            Matrix(
                f"{run}, UAR {figures_['value']:.3f}",
                figures_["confusion"]["classes"],
                np.array(figures_["confusion"]["counts"]),
            )
            for run, figures_ in found
            if figures_
        ]
        if matrices:
            yield Exhibit(
                f"confusion-{task}",
                figure_of(matrices),
                f"Test clips of {corpus} by actual and predicted {task}, the seed best on validation. "
                "Rows add up to 100 %; the diagonal is the recall, whose mean is the UAR.",
                f"Confusion matrices of {task}: {' and '.join(matrix.title for matrix in matrices)}.",
            )


def columns(details: Json, pairs: Sequence[tuple[str, str]]) -> Iterator[Exhibit]:
    """Score of each column of a task with several (CCC of each emotion), single-task and multi-task."""
    for task, score, series in _parts(details, pairs, "columns"):
        yield Exhibit(
            f"columns-{task}",
            figures.dots(series, f"test {figures.axis_label(score)}"),
            f"Test {score.upper()} of each {task}, with intervals over speakers: which are heard, and "
            "which are not.",
            f"{score.upper()} of each {task} for {' and '.join(series)}.",
        )


def groups(details: Json, pairs: Sequence[tuple[str, str]]) -> Iterator[Exhibit]:
    """Scores of groups of speakers apart: whether a model works as well for all of them."""
    for task, score, series in _parts(details, pairs, "groups"):
        yield Exhibit(
            f"groups-{task}",
            figures.dots(series, f"test {figures.axis_label(score)} of {task}"),
            f"{task.capitalize()} by group of speakers, test {score.upper()} with intervals over "
            f"speakers. A gap may be a bias that the average hides{OTHER_CAUSES[score]}.",
            f"Scores of {task} by group of speakers for {' and '.join(series)}.",
        )


def learning_curves(table: pd.DataFrame, details: Json) -> Exhibit:
    """Validation scores by epoch; ``table`` has run, seed, epoch, split, task and score."""
    features = {run: content["features"] for run, content in details["runs"].items()}
    return Exhibit(
        "curves",
        figures.curves(table.assign(features=table["run"].map(features)), tasks_of(details)),
        "Validation score after each epoch, mean over the seeds that still train. Early stopping ends a "
        "network; the weights of its best epoch are kept.",
        "Learning curves of all runs, a panel a task and feature set.",
    )


def cost(details: Json) -> Exhibit:
    """Test score against multiply-adds."""
    points = pd.DataFrame(
        {
            "run": run,
            "features": content["features"],
            "multiply_adds": content["cost"]["multiply_adds"],
            **{
                task: content["splits"]["test"]["tasks"].get(task, {}).get("value")
                for task in tasks_of(details)
            },
        }
        for run, content in details["runs"].items()
    )
    return Exhibit(
        "cost",
        figures.cost(points, tasks_of(details)),
        "What a prediction of all tasks costs, and what it scores on test. A single-task run needs a network "
        "for each task, a multi-task run one for all.",
        "Test score against multiply-adds a clip, a panel a task.",
    )


def _pair(details: Json, pairs: Sequence[tuple[str, str]], task: str) -> list[str]:
    """The runs to show for a task: ComParE's STL and MTL 2 as in the paper, else the best comparable ones."""
    runs = details["runs"]
    for pair in pairs:
        if [(runs[run]["features"], runs[run]["model"]) for run in pair] == [
            ("compare", "stl"),
            ("compare", "mtl2"),
        ]:
            return list(pair)
    multi = best_run(details, [multi for _, multi in pairs], task, "validation")
    if multi:
        return [*next(pair for pair in pairs if pair[1] == multi)]
    best = best_run(details, list(runs), task, "validation")
    return [best] if best else []


def _parts(
    details: Json, pairs: Sequence[tuple[str, str]], kind: str
) -> Iterator[tuple[str, str, dict[str, list[Interval]]]]:
    """Tasks whose score has parts (``columns`` or ``groups``): task, score, run → the parts' intervals."""
    for task, score in tasks_of(details).items():
        found = {run: _intervals(details, run, task, kind) for run in _pair(details, pairs, task)}
        series = {run: intervals for run, intervals in found.items() if len(intervals) > 1}
        if series:
            yield task, score, series


def _intervals(details: Json, run: str, task: str, kind: str) -> list[Interval]:
    figures_ = details["runs"][run]["splits"]["test"]["tasks"].get(task, {})
    return [
        Interval(name, each["value"], each["low"], each["high"])
        for name, each in figures_.get(kind, {}).items()
        if each["value"] is not None and each["low"] is not None
    ]
