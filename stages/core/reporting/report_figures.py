"""Which figures the report shows, of which runs, with captions that say what to see.

Each function returns figures, or none where the corpus or the runs have nothing to show.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stages.core.dataset.labels import labelled, targets_of
from stages.core.figures import charts
from stages.core.figures.charts import Interval, svg
from stages.core.figures.confusion import Matrix, figure_of
from stages.core.figures.tsne import tsne
from stages.core.metrics.metric import METRICS
from stages.core.reporting.html import figure
from stages.core.reporting.numbers import capitalized
from stages.core.reporting.results import Results
from stages.core.reporting.sentences import listed
from stages.core.reporting.tables import download
from stages.core.runtime.files import csv_text
from stages.core.scoring.predictions import RunPredictions
from stages.core.scoring.run_groups import Contrast
from stages.core.scoring.run_scores import Interval as Scored
from stages.core.scoring.run_scores import PartScore

MAP_CLIPS = 800  # more would hide each other, and a page of 20,000 marks opens slowly
SCATTER_CLIPS = 2000
SCATTER_COLUMNS = 4

Predictions = Callable[[str], RunPredictions]
"""Reads the predictions of a run."""


@dataclass(frozen=True)
class ReportFigure:
    """A figure with its file name, a caption, a text for those who do not see it, and its numbers.

    Attributes:
        header: names of the columns of numbers.
        rows: the numbers that are drawn.
    """

    name: str
    figure: Figure
    caption: str
    alternative: str
    header: Sequence[str]
    rows: Sequence[Sequence[object]]

    def csv(self) -> str:
        """The numbers as CSV."""
        return csv_text(self.header, self.rows)

    def html(self, number: int) -> str:
        """The figure as HTML, with its number and a link to its data."""
        data = download(self.name, "csv", self.csv())
        return figure(svg(self.figure), f"Figure {number}. {self.caption}", self.alternative, data)


def rating_map(results: Results, labels: pd.DataFrame, predictions: Predictions) -> Iterator[ReportFigure]:
    """The paper's figure 1, for the first task that rates clips on three columns or more.

    t-SNE (van der Maaten and Hinton, 2008) of the normalized ratings of the training split, coloured by the
    strongest rating and by the strongest prediction.

    Args:
        results: of all stages.
        labels: clip_id, split and label columns.
        predictions: of a run.
    """
    name = next((name for name, task in results.tasks.items() if len(task.columns) >= 3), None)
    run = name and results.best(name)
    if not name or not run:
        return
    columns = list(results.tasks[name].columns)
    rated = results.tasks[name].label_columns
    train = labels[labels["split"] == "train"].dropna(subset=rated).sort_values("clip_id")
    train = train.iloc[:: max(1, -(-len(train) // MAP_CLIPS))]
    if len(train) < 10:
        return
    ratings = targets_of(results.tasks[name], train)
    # Repeated rows would collapse onto each other; the perplexity must stay below their number.
    perplexity = min(30.0, (len(ratings) - 1) / 3)
    map_ = tsne(ratings, perplexity)
    predicted = np.mean(list(predictions(run).of_task(name, columns, train["clip_id"]).values()), axis=0)
    panels = {
        "rated": [columns[index] for index in ratings.argmax(axis=1)],
        f"predicted by {run}": [columns[index] for index in predicted.argmax(axis=1)],
    }
    agree = np.mean([a == b for a, b in zip(*panels.values(), strict=True)])
    yield ReportFigure(
        f"map-{name}",
        charts.maps(map_, panels, columns),
        f"t-SNE of the {name} ratings of {len(train):,} training clips, coloured by the strongest rating "
        f"(left) and by the strongest prediction of {run}, mean of its seeds (right); the two agree "
        f"on {agree:.0%} of these clips, which the networks were trained on. Islands of one colour are "
        f"clips with one clear {name}; mixtures lie between them.",
        f"Two maps of training clips by {name} rating, one coloured by rating, one by prediction.",
        ["x", "y", *panels],
        [
            (round(float(x), 2), round(float(y), 2), *names)
            for (x, y), *names in zip(map_, *panels.values(), strict=True)
        ],
    )


def scatter(results: Results, labels: pd.DataFrame, predictions: Predictions) -> Iterator[ReportFigure]:
    """Predicted against true labels of each regression with few columns, best run, mean of its seeds."""
    for name, task in results.tasks.items():
        run = results.best(name)
        if task.kind != "regression" or len(task.columns) > SCATTER_COLUMNS or run is None:
            continue
        of_run = predictions(run)
        test = labels[(labels["split"] == "test") & labels["clip_id"].isin(of_run.clip_ids)]
        truth = targets_of(task, test)
        known = labelled(truth)
        step = max(1, -(-int(known.sum()) // SCATTER_CLIPS))
        test, truth = test[known].iloc[::step], truth[known][::step]
        if not len(test):
            continue
        predicted = np.mean(list(of_run.of_task(name, task.columns, test["clip_id"]).values()), axis=0)
        panels = dict(zip(task.columns, zip(truth.T, predicted.T, strict=True), strict=True))
        rows = [
            (column, round(float(t), 3), round(float(p), 3))
            for column, (true, guess) in panels.items()
            for t, p in zip(true, guess, strict=True)
        ]
        yield ReportFigure(
            f"scatter-{name}",
            charts.scatter(panels),
            f"Predicted against true {name} of {len(test):,} test clips, {run}, mean of its seeds. "
            "Predictions on the dotted line are exact; predictions that vary less than the labels make a "
            "flatter cloud.",
            f"Scatter plot of predicted against true {name}.",
            ["column", "true", "predicted"],
            sorted(rows),
        )


def differences(results: Results, contrast: Contrast, what: str) -> Iterator[ReportFigure]:
    """Forest plot of paired differences on the test split."""
    rows = results.on_test(contrast)
    panels: dict[str, list[Interval]] = {}
    axes: dict[str, str] = {}
    baselines: dict[str, set[str]] = {}
    for row in rows:
        baselines.setdefault(row.task, set()).add(row.baseline)
    same = all(len(runs) == 1 for runs in baselines.values())  # then a panel's title names it once
    for row in rows:
        title = f"{row.task}, against {row.baseline}" if same else row.task
        label = row.candidate if same else f"{row.candidate} − {row.baseline}"
        if row.difference is not None and row.low is not None and row.high is not None:
            interval = Interval(label, row.difference, row.low, row.high, results.is_sure(row))
            panels.setdefault(title, []).append(interval)
        metric = METRICS[row.score]
        axes[title] = f"{'gain in' if metric.higher_is_better else 'reduction of'} {metric.label}"
    if panels:
        names = list(dict.fromkeys(interval.name for panel in panels.values() for interval in panel))
        yield ReportFigure(
            contrast,
            charts.forest(panels, axes, names),
            f"{what}: paired differences on the same test clips, mean over seeds, with "
            f"{results.confidence:.0%} "
            "intervals over speakers and seeds. Right of the dotted line is better; a mark is filled where "
            "the "
            "difference is significant after Holm's correction.",
            f"Forest plot: {what}.",
            ["task", "candidate", "baseline", "difference", "low", "high"],
            [(row.task, row.candidate, row.baseline, row.difference, row.low, row.high) for row in rows],
        )


def confusions(results: Results) -> Iterator[ReportFigure]:
    """The paper's figure 3: confusion matrices side by side."""
    for task, declared in results.tasks.items():
        metric, matrices, rows = METRICS[declared.score], [], []
        for run in results.shown_runs(task):
            scores = results.runs[run].task(task, "test")
            if scores is None or scores.confusion is None or scores.confusion.counts is None:
                continue
            classes, counts = scores.confusion.classes, np.array(scores.confusion.counts)
            title = f"{run}\n{metric.label} {scores.value or 0:.3f}"
            matrices.append(Matrix(title, classes, counts, len(scores.seeds)))
            rows += [
                (run, classes[actual], classes[predicted], int(clips))
                for (actual, predicted), clips in np.ndenumerate(counts)
            ]
        titles = listed([matrix.title.replace("\n", " with ") for matrix in matrices])
        if matrices:
            yield ReportFigure(
                f"confusion-{task}",
                figure_of(matrices),
                f"Test clips of {results.corpus_name} by actual and predicted {task}, mean over seeds. "
                "Rows add up to 100%; the diagonal shows the recalls, whose mean is the UAR.",
                f"Confusion matrices of {task}: {titles}.",
                ["run", "actual", "predicted", "clips, all seeds"],
                rows,
            )


def columns(results: Results) -> Iterator[ReportFigure]:
    """Score of each column of a task with several (CCC of each emotion), best first."""
    for task, declared in results.tasks.items():
        parts = {
            run: scores.columns
            for run in results.shown_runs(task)
            if (scores := results.runs[run].task(task, "test")) and scores.columns
        }
        metric = METRICS[declared.score]
        series = _series(parts)
        if series and len(declared.columns) > 1:
            best = {part.name: metric.gain(part.value, 0.0) for part in series[list(series)[-1]]}
            ordered = {
                run: sorted(of_run, key=lambda part: best.get(part.name, 0.0))
                for run, of_run in series.items()
            }
            yield ReportFigure(
                f"columns-{task}",
                charts.dots(ordered, f"test {charts.axis_label(declared.score)}"),
                f"Test {metric.label} of each column of {task}, mean over seeds, with "
                f"{results.confidence:.0%} "
                "intervals over speakers and seeds, best first.",
                f"{metric.label} of each column of {task} for {listed(list(ordered))}.",
                *_numbers(ordered),
            )


def groups(results: Results) -> Iterator[ReportFigure]:
    """Scores of groups apart: whether a model works as well for all of them."""
    for task, declared in results.tasks.items():
        found = {
            run: scores.groups
            for run in results.shown_runs(task)
            if (scores := results.runs[run].task(task, "test")) and scores.groups
        }
        series = _series({run: of_run.scores for run, of_run in found.items()})
        if not series:
            continue
        first = next(iter(found.values()))
        metric = METRICS[declared.score]
        who = f"group of speakers ({first.column})" if first.of_speakers else first.column
        other = ", or come from labels that vary less within a group" if metric.kind == "regression" else ""
        undefined = [
            f"{name} ({part.clips:,} clips)" for name, part in first.scores.items() if part.low is None
        ]
        why = (
            "whose clips are of one class or of one speaker"
            if metric.kind == "classification"
            else "of one speaker"
        )
        yield ReportFigure(
            f"groups-{task}",
            charts.dots(series, f"test {charts.axis_label(declared.score)} of {task}"),
            f"{capitalized(task)} by {who}: test {metric.label}, mean over seeds, with "
            f"{results.confidence:.0%} "
            f"intervals over speakers and seeds. A gap may be a bias that the average hides{other}."
            + (f" Undefined for groups {why}: {', '.join(undefined)}." if undefined else ""),
            f"Scores of {task} by {who} for {listed(list(series))}.",
            *_numbers(series),
        )


def learning_curves(table: pd.DataFrame, results: Results) -> ReportFigure:
    """Validation scores by epoch; ``table`` has run, seed, epoch, split, task and score."""
    features = {run: scores.features for run, scores in results.runs.items()}
    metrics = {name: task.score for name, task in results.tasks.items()}
    validation = table[(table["split"] == "validation") & table["task"].isin(metrics)]
    means = validation.groupby(["run", "task", "epoch"], sort=False)["score"].mean().round(4).reset_index()
    return ReportFigure(
        "curves",
        charts.curves(table.assign(features=table["run"].map(features)), metrics),
        "Validation score after each epoch, mean over the seeds still in training. Early stopping ends the "
        "training of a network; the weights of its best epoch are kept.",
        "Learning curves of all runs, a panel per task and feature set.",
        list(means),
        means.to_numpy().tolist(),
    )


def cost(results: Results) -> ReportFigure:
    """Test score against multiply-adds."""
    metrics = {name: task.score for name, task in results.tasks.items()}
    rows = [
        (
            run,
            scores.features,
            scores.cost.multiply_adds,
            *(found.value if (found := scores.task(task, "test")) else None for task in metrics),
        )
        for run, scores in results.runs.items()
    ]
    header = ["run", "features", "multiply_adds", *metrics]
    return ReportFigure(
        "cost",
        charts.cost(pd.DataFrame(rows, columns=header), metrics),
        "Multiply-adds of the prediction of all tasks for one clip, and test scores, mean over seeds. A "
        "single-task run needs one network per task, a multi-task run one for all.",
        "Test score against multiply-adds per clip, a panel per task.",
        header,
        rows,
    )


def _series(parts: Mapping[str, Mapping[str, Scored | PartScore]]) -> dict[str, list[Interval]]:
    """Run → the parts that have an interval, for runs with at least two."""
    found = {
        run: [
            Interval(name, part.value, part.low, part.high)
            for name, part in of_run.items()
            if part.value is not None and part.low is not None and part.high is not None
        ]
        for run, of_run in parts.items()
    }
    return {run: intervals for run, intervals in found.items() if len(intervals) > 1}


def _numbers(series: Mapping[str, Sequence[Interval]]) -> tuple[list[str], list[tuple[object, ...]]]:
    rows: list[tuple[object, ...]] = [
        (run, part.name, part.value, part.low, part.high) for run, parts in series.items() for part in parts
    ]
    return ["run", "part", "value", "low", "high"], rows
