"""The report's tables of scores: the headline, all runs of a task, its parts, comparisons."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from stages.core.metrics.metric import METRICS
from stages.core.reporting.numbers import capitalized, ends, number, p_value, signed, with_ends, with_sd
from stages.core.reporting.results import Results
from stages.core.reporting.sentences import baseline_sentences, sure_differences
from stages.core.reporting.tables import Cell, Row, Table
from stages.core.scoring.challenges import CHALLENGES
from stages.core.scoring.comparison import Comparison
from stages.core.scoring.run_groups import Contrast
from stages.core.scoring.run_scores import Interval, best_run

TITLES: dict[Contrast, str] = {
    "multi-task": "Multi-task against single-task networks",
    "features": "Feature sets of the same model",
    "training": "Runs with other training options against the best run with the common ones",
    "fusion": "Fused runs against the best of their members on validation, mean predictions of the seeds",
}


def headline_table(results: Results) -> Table:
    """The best run of each task beside the naive predictor, and what the comparisons say."""
    shown = [contrast for contrast in TITLES if results.on_test(contrast)]
    rows: list[Row] = []
    for task, declared in results.tasks.items():
        best = results.best(task)
        scores = results.runs[best].task(task, "test") if best else None
        if best is None or scores is None:
            continue
        naive = results.summary.naive["test"].get(task)
        better = results.beats_naive(best, task, "test")
        rows.append(
            [
                f"{task}, {METRICS[declared.score].label}",
                best,
                Cell(with_sd(scores.value, scores.sd) + ("" if better else " †"), better),
                ends(scores.low, scores.high),
                number(naive.value if naive else None),
                *(sure_differences(results, contrast, task) for contrast in shown),
            ]
        )
    questions = {
        "multi-task": "Multi-task",
        "features": "Other features",
        "training": "Other training",
        "fusion": "Fusion",
    }
    header = ["Task", "Best run", "Test", "Interval", "Naive", *(questions[contrast] for contrast in shown)]
    notes = (
        f"Mean ± standard deviation over seeds, {results.confidence:.0%} interval over speakers and seeds. "
        "The naive "
        f"predictor ignores its input. {_metrics(results)} {DAGGER}"
    )
    if shown:
        notes += " The last columns count the significant comparisons in the tables below."
    caption = f"The best run of each task, chosen on validation, on the test split of {results.corpus_name}."
    return Table("headline", caption, header, rows, notes, wide=header[5:])


DAGGER = (
    "† No better than the naive predictor: the interval of the gain over it, on the same clips, reaches 0."
)


def task_table(task: str, results: Results) -> Table:
    """All runs by one task (the paper's Tables 2 and 3), and the naive predictor."""
    declared = results.tasks[task]
    metric, also = METRICS[declared.score], [METRICS[name] for name in declared.also]
    best = best_run(results.runs, results.runs, task, "test")
    printed = {
        (row["features"], row["model"]): row["paper"] for row in results.paper["rows"] if row["task"] == task
    }
    interval = f"{results.confidence:.0%} interval"
    header = ["Run", "Validation", "Test", interval, "Ensemble, test", "Best seed, test"]
    header += [f"{other.label}, test" for other in also]
    rows: list[Row] = []
    groups = results.groups
    for title, runs in (
        ("Single-task networks", groups.single_task),
        ("Multi-task networks", groups.multi_task),
        ("Other training options", groups.trained_otherwise),
    ):
        found = list(_run_rows(results, task, runs, best, printed))
        rows += [[title], *found] if found else []
    naive = [results.summary.naive[split].get(task) for split in ("validation", "test")]
    cells = [number(score.value if score else None) for score in naive]
    rows.append(["naive predictor", *cells, *[""] * (3 + len(also) + bool(printed))])
    caption = f"{capitalized(task)} of {results.corpus_name}, {metric.label} ({metric.better} is better)."
    notes = (
        f"{metric.label}: {metric.definition}. Mean ± standard deviation over seeds; the interval is of the "
        "test "
        "score, over speakers and seeds; the ensemble is the mean prediction of the seeds; the best seed is "
        "chosen "
        f"on validation. Bold: the best run on test. {DAGGER}"
    )
    for other in also:
        notes += f" {other.label}: {other.definition}; {other.better} is better; with its interval."
    if printed:
        header.append("Paper, test")
        notes += " The paper's values are the best of three seeds" + (
            "." if results.paper["same_corpus"] else ", of another corpus, HUME-VB."
        )
    return Table(f"scores-{task}", caption, header, rows, notes, wide=header[4:])


def _run_rows(
    results: Results, task: str, runs: Sequence[str], best: str | None, printed: dict
) -> Iterator[list[Cell | str]]:
    for run in runs:
        scores = results.runs[run]
        validation, test = scores.task(task, "validation"), scores.task(task, "test")
        if validation is None and test is None:
            continue
        cells: list[Cell | str] = [run]
        for split, found in (("validation", validation), ("test", test)):
            better = results.beats_naive(run, task, split)
            text = with_sd(found.value, found.sd) if found else "–"
            strong = split == "test" and run == best and better
            cells.append(Cell(text + ("" if better or found is None else " †"), strong))
        cells.append(ends(test.low, test.high) if test else "–")
        cells.append(with_ends(test.ensemble) if test else "–")
        cells.append(number(test.best_seed.value) if test else "–")
        further = test.also or {} if test else {}
        cells += [with_ends(further.get(name)) for name in results.tasks[task].also]
        if printed:
            row = printed.get((scores.features, scores.model))
            cells.append(with_sd(row["test"], row["test_sd"]) if row else "–")
        yield cells


def challenge_table(results: Results) -> Table | None:
    """All runs by the score of the challenge whose corpus it is, beside its organizers' baseline."""
    parameters = results.groups.parameters
    name = parameters.corpus.challenge
    challenge = CHALLENGES[name] if name else None
    tasks = challenge.tasks(parameters.tasks) if challenge else None
    if challenge is None or tasks is None:
        return None
    rows: list[Row] = [
        ["Organizers"],
        [challenge.system, "–", number(challenge.baseline), "–"],
        ["Here"],
    ]
    for run, found in (results.summary.challenge or {}).items():
        rows.append([run, *map(with_ends, (found.validation, found.test, found.ensemble))])
    caption = (
        f"{challenge.title} on {results.corpus_name}, {challenge.figure} (higher is better), beside the "
        "organizers' baseline."
    )
    notes = (
        f"Ours are the mean over seeds with {results.confidence:.0%} interval over speakers and seeds, and "
        "the mean prediction of the seeds (ensemble) with an interval over speakers. "
        + baseline_sentences(parameters, results.corpus["synthetic"])
    )
    return Table("challenge", caption, ["System", "Validation", "Test", "Ensemble, test"], rows, notes)


def part_table(task: str, results: Results) -> Table | None:
    """The score of each column of a regression with several, or the recall of each class, best first."""
    found: dict[str, dict[str, Interval]] = {}
    for run in results.shown_runs(task):
        scores = results.runs[run].task(task, "test")
        if scores:
            found[run] = {**(scores.columns or {}), **(scores.classes or {})}
    parts = next(iter(found.values()), {})
    if len(parts) < 2:
        return None
    declared = results.tasks[task]
    metric, first = METRICS[declared.score], results.best(task) or ""
    classes = declared.kind == "classification"
    metric = METRICS["uar"] if classes else metric
    scored = found.get(first, parts)
    order = sorted(parts, key=lambda part: metric.gain(scored[part].value or 0.0, 0.0))
    rows = [[part, *(with_ends(of_run[part]) for of_run in found.values())] for part in order]
    what = "Recall of each class" if classes else f"{metric.label} of each column"
    caption = (
        f"{what} of {task} on the test split of {results.corpus_name}: mean over seeds with "
        f"{results.confidence:.0%} interval over speakers and seeds, best first by the run that is best on "
        f"validation, {first}."
    )
    return Table(f"parts-{task}", caption, ["", *found], rows)


def comparison_table(contrast: Contrast, results: Results) -> Table:
    """Paired differences on the test split; those that are significant after correction are strong."""
    rows = results.on_test(contrast)
    known = {run for row in rows for run in (row.baseline, row.candidate)} & set(results.runs)
    seeds = min(len(results.groups.training(run).seeds) for run in known)
    caption = f"{TITLES[contrast]}, test split of {results.corpus_name}."
    table = difference_table(contrast, caption, rows, results.tasks, results.confidence)
    if seeds >= 10:
        return table
    few = (
        " With few seeds, p is too small where seeds vary as much as speakers do: with three, it falls below "
        "0.05 in 11 to 15 of 100 comparisons of equal models. "
        f"There {'is one' if seeds == 1 else f'are {seeds}'} here."
    )
    return replace(table, notes=table.notes + few)


def difference_table(
    name: str, caption: str, rows: Sequence[Comparison], tasks: Iterable[str], confidence: float
) -> Table:
    """Paired differences by task; those that are significant after correction are strong.

    Args:
        name: of the table.
        caption: which runs, and on which clips.
        rows: the comparisons, those that p was corrected for.
        tasks: in order.
        confidence: of the intervals.
    """
    cells: list[Row] = []
    for task in tasks:
        of_task = [row for row in rows if row.task == task]
        cells += [[f"{task}, {METRICS[of_task[0].score].label}"]] if of_task else []
        cells += [
            [
                f"{row.candidate} against {row.baseline}",
                number(row.baseline_mean),
                number(row.candidate_mean),
                Cell(signed(row.difference), row.is_sure(confidence)),
                f"{signed(row.low)} to {signed(row.high)}",
                p_value(row.p),
                p_value(row.p_corrected),
            ]
            for row in of_task
        ]
    family = f"the {len(rows)} comparisons" if len(rows) > 1 else "the one comparison"
    notes = (
        "Means over seeds on the same clips; positive differences are better. p: two-sided, by bootstrap "
        f"over speakers and seeds; p (Holm): corrected for {family} of this table. Bold: p (Holm) at "
        f"most {1 - confidence:.2g}."
    )
    header = [
        "Candidate against baseline",
        "Baseline",
        "Candidate",
        "Difference",
        "Interval",
        "p",
        "p (Holm)",
    ]
    return Table(name, caption, header, cells, notes, wide=["Baseline", "Candidate", "p"])


def _metrics(results: Results) -> str:
    """What the metrics of all tasks are."""
    names = dict.fromkeys(task.score for task in results.tasks.values())
    return " ".join(f"{METRICS[name].label}: {METRICS[name].definition}." for name in names)
