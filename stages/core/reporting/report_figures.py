"""Which figures the report shows, of which runs, with captions that say what to see.

Each function returns figures, or none where the corpus or the runs have nothing to show.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stages.core.config.tasks import Task
from stages.core.dataset.labels import targets_of
from stages.core.figures import charts
from stages.core.figures.charts import Interval
from stages.core.figures.confusion import Matrix, figure_of
from stages.core.metrics.metric import METRICS
from stages.core.reporting.results import Results
from stages.core.scoring.comparison import Comparison
from stages.core.scoring.run_scores import best_run

MAP_CLIPS = 2000  # more would hide each other, and a page of 20,000 marks opens slowly


@dataclass(frozen=True)
class ReportFigure:
    """A figure with its file name, a caption, and a text for those who do not see it."""

    name: str
    figure: Figure
    caption: str
    alternative: str


def rating_map(
    labels: pd.DataFrame, predictions: pd.DataFrame, name: str, task: Task, run: str
) -> Iterator[ReportFigure]:
    """The paper's figure 1, for a task that rates clips on three columns or more.

    t-SNE (van der Maaten and Hinton, 2008) of the normalized ratings of the training split, coloured by the
    strongest rating and by the strongest prediction.

    Args:
        labels: clip_id, split and label columns.
        predictions: of ``run``: clip_id, seed and ``TASK.COLUMN``.
        name: of the task.
        task: the task.
        run: whose predictions they are.
    """
    from sklearn.manifold import TSNE

    columns = list(task.columns)
    train = labels[labels["split"] == "train"].dropna(subset=task.label_columns).sort_values("clip_id")
    train = train.iloc[:: max(1, -(-len(train) // MAP_CLIPS))]
    if len(train) < 10:
        return
    ratings = targets_of(name, task, train)
    # Repeated rows would collapse onto each other; the perplexity must stay below their number.
    perplexity = min(30.0, (len(ratings) - 1) / 3)
    map_ = TSNE(init="pca", perplexity=perplexity, random_state=1, n_jobs=1).fit_transform(ratings)
    by_clip = predictions.groupby("clip_id")[[f"{name}.{column}" for column in columns]].mean()
    predicted = by_clip.loc[train["clip_id"]].to_numpy()
    panels = {
        "rated": [columns[index] for index in ratings.argmax(axis=1)],
        f"predicted by {run}": [columns[index] for index in predicted.argmax(axis=1)],
    }
    agree = np.mean([a == b for a, b in zip(*panels.values(), strict=True)])
    yield ReportFigure(
        f"map-{name}",
        charts.maps(map_, panels, columns),
        f"t-SNE of the {name} ratings of {len(train):,} training clips, coloured by the strongest rating "
        f"(left) and by the strongest prediction of {run}, mean of its seeds (right); both agree "
        f"on {agree:.0%} of these clips, which the networks were trained on. Islands of one colour are "
        f"clips with one clear {name}; mixtures lie between them.",
        f"Two maps of training clips by {name} rating, one coloured by rating, one by prediction.",
    )


def differences(rows: Sequence[Comparison], name: str, what: str) -> Iterator[ReportFigure]:
    """Forest plot of paired differences on the test split; ``rows`` have intervals."""
    panels: dict[str, list[Interval]] = {}
    axes: dict[str, str] = {}
    baselines: dict[str, set[str]] = {}
    for row in rows:
        baselines.setdefault(row.task, set()).add(row.baseline)
    same = all(len(runs) == 1 for runs in baselines.values())  # then a panel's title names it once
    for row in rows:
        title = f"{row.task}, against {row.baseline}" if same else row.task
        label = row.candidate if same else f"{row.candidate} − {row.baseline}"
        panels.setdefault(title, []).append(_shown(label, row.difference, row.low, row.high))
        metric = METRICS[row.score]
        axes[title] = f"{'gain in' if metric.higher_is_better else 'reduction of'} {metric.label}"
    if panels:
        names = list(dict.fromkeys(interval.name for panel in panels.values() for interval in panel))
        yield ReportFigure(
            name,
            charts.forest(panels, axes, names),
            f"{what}: paired differences on the same test clips, mean over seeds, with "
            "intervals over speakers and seeds. Right of the dotted line is better; a filled mark stands "
            "where the interval leaves out zero.",
            f"Forest plot: {what}.",
        )


def confusions(results: Results) -> Iterator[ReportFigure]:
    """The paper's figure 3: confusion matrices of a single-task and a multi-task run side by side."""
    for task in results.metrics:
        matrices = [
            Matrix(
                f"{run}, UAR {scores.value:.3f}", scores.confusion.classes, np.array(scores.confusion.counts)
            )
            for run in _shown_runs(results, task)
            if (scores := results.runs[run].task(task, "test")) and scores.confusion
        ]
        if matrices:
            yield ReportFigure(
                f"confusion-{task}",
                figure_of(matrices),
                f"Test clips of {results.corpus_name} by actual and predicted {task}, the seed best on "
                "validation. Rows add up to 100 %; the diagonal is the recall, whose mean is the UAR.",
                f"Confusion matrices of {task}: {' and '.join(matrix.title for matrix in matrices)}.",
            )


def columns(results: Results) -> Iterator[ReportFigure]:
    """Score of each column of a task with several (CCC of each emotion), single-task and multi-task."""
    for task, score, series in _parts(results, "columns"):
        label = METRICS[score].label
        yield ReportFigure(
            f"columns-{task}",
            charts.dots(series, f"test {charts.axis_label(score)}"),
            f"Test {label} of each {task}, with intervals over speakers: which are recognized, and "
            "which are not.",
            f"{label} of each {task} for {' and '.join(series)}.",
        )


def groups(results: Results) -> Iterator[ReportFigure]:
    """Scores of groups of speakers apart: whether a model works as well for all of them."""
    for task, score, series in _parts(results, "groups"):
        metric = METRICS[score]
        other = ", or come of labels that vary less in a group" if metric.kind == "regression" else ""
        yield ReportFigure(
            f"groups-{task}",
            charts.dots(series, f"test {charts.axis_label(score)} of {task}"),
            f"{task.capitalize()} by group of speakers, test {metric.label} with intervals over "
            f"speakers. A gap may be a bias that the average hides{other}.",
            f"Scores of {task} by group of speakers for {' and '.join(series)}.",
        )


def learning_curves(table: pd.DataFrame, results: Results) -> ReportFigure:
    """Validation scores by epoch; ``table`` has run, seed, epoch, split, task and score."""
    features = {run: scores.features for run, scores in results.runs.items()}
    return ReportFigure(
        "curves",
        charts.curves(table.assign(features=table["run"].map(features)), results.metrics),
        "Validation score after each epoch, mean over the seeds that still train. Early stopping ends a "
        "network; the weights of its best epoch are kept.",
        "Learning curves of all runs, a panel per task and feature set.",
    )


def cost(results: Results) -> ReportFigure:
    """Test score against multiply-adds."""
    points = pd.DataFrame(
        {
            "run": run,
            "features": scores.features,
            "multiply_adds": scores.cost.multiply_adds,
            **{
                task: found.value if (found := scores.task(task, "test")) else None
                for task in results.metrics
            },
        }
        for run, scores in results.runs.items()
    )
    return ReportFigure(
        "cost",
        charts.cost(points, results.metrics),
        "What a prediction of all tasks costs, and what it scores on test. A single-task run needs a network "
        "for each task, a multi-task run one for all.",
        "Test score against multiply-adds per clip, a panel per task.",
    )


def _shown_runs(results: Results, task: str) -> list[str]:
    """The runs to show for a task: ComParE's STL and MTL 2 as in the paper, else the best comparable ones."""
    pairs = list(results.groups.multi_task_pairs())
    models = {run: (scores.features, scores.model) for run, scores in results.runs.items()}
    for pair in pairs:
        if (models[pair.baseline], models[pair.candidate]) == (("compare", "stl"), ("compare", "mtl2")):
            return [pair.baseline, pair.candidate]
    best = best_run(results.runs, [pair.candidate for pair in pairs], task, "validation")
    if best:
        return next([pair.baseline, best] for pair in pairs if pair.candidate == best)
    best = best_run(results.runs, results.runs, task, "validation")
    return [best] if best else []


def _parts(
    results: Results, kind: Literal["columns", "groups"]
) -> Iterator[tuple[str, str, dict[str, list[Interval]]]]:
    """Tasks whose score has parts: task, metric, run → the parts' intervals."""
    for task, score in results.metrics.items():
        series: Mapping[str, list[Interval]] = {
            run: [
                _shown(name, part.value, part.low, part.high)
                for name, part in ((getattr(scores, kind) if scores else None) or {}).items()
                if part.value is not None and part.low is not None
            ]
            for run in _shown_runs(results, task)
            for scores in [results.runs[run].task(task, "test")]
        }
        several = {run: intervals for run, intervals in series.items() if len(intervals) > 1}
        if several:
            yield task, score, several


def _shown(name: str, value: float | None, low: float | None, high: float | None) -> Interval:
    """An interval that is known, to draw."""
    return Interval(name, float(value or 0), float(low or 0), float(high or 0))
