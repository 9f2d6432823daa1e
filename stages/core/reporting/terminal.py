"""The scores as tables for the terminal."""

from collections.abc import Iterator, Mapping, Sequence

from stages.core.config.load import Parameters
from stages.core.config.tasks import Task
from stages.core.metrics.metric import METRICS
from stages.core.reporting.numbers import p_equals
from stages.core.reporting.score_tables import TITLES
from stages.core.reporting.sentences import baseline_sentences
from stages.core.scoring.bill import TOGETHER, BillRow
from stages.core.scoring.challenges import CHALLENGES
from stages.core.scoring.comparison import Comparison
from stages.core.scoring.run_scores import SPLITS, Interval, TaskScores, has_scores
from stages.core.scoring.summary import Summary


def score_lines(
    summary: Summary,
    comparisons: Sequence[Comparison],
    tasks: Mapping[str, Task],
    confidence: float,
    seconds: Mapping[str, float],
) -> Iterator[str]:
    """Scores of each task, cost of each run and all comparisons, line by line.

    Args:
        summary: scores of all runs.
        comparisons: of pairs of runs.
        tasks: the declared tasks, in their order.
        confidence: of the intervals.
        seconds: run → how long it trained on this machine, where that is known.
    """
    corpus, width = summary.corpus, max(map(len, [*summary.runs, "naive"])) + 2
    yield f"Scores of the corpus {corpus.name!r}" + (
        ": synthetic voices, so that they say nothing about people" if corpus.synthetic else ""
    )
    yield (
        f"Mean over seeds ± sd, [{confidence:.0%} interval over speakers and seeds]; last, the ensemble: "
        "the mean "
        "prediction of the seeds"
    )
    for name, task in tasks.items():
        if has_scores(summary.runs, name):
            yield from _task_lines(name, task, summary, width)
    yield from _cost_lines(summary, seconds, width)
    for contrast, title in TITLES.items():
        yield from _difference_lines(title, [row for row in comparisons if row.contrast == contrast])


def _task_lines(name: str, task: Task, summary: Summary, width: int) -> Iterator[str]:
    metric = METRICS[task.score]
    yield f"\n{name}, {metric.label} ({metric.better} is better)"
    found = {run: [scores.task(name, split) for split in SPLITS] for run, scores in summary.runs.items()}
    further = {other: [_further(test, other) for _, test in found.values()] for other in task.also}
    rooms = {other: max(map(len, [METRICS[other].label, *cells])) for other, cells in further.items()}
    also = "".join(f"   {METRICS[other].label:>{room}}" for other, room in rooms.items())
    column = max(len(_cell(scores)) for of_run in found.values() for scores in of_run) + 3
    yield f"  {'':{width}}{'validation':{column}}{'test':{column}}test, ensemble{also}"
    for run, (validation, test) in found.items():
        ensemble = _number(test.ensemble.value) if test else "–"
        beside = "".join(f"   {_further(test, other):>{room}}" for other, room in rooms.items())
        cells = "".join(f"{_cell(scores):{column}}" for scores in (validation, test))
        yield f"  {run:{width}}{cells}{ensemble:14}{beside}".rstrip()
    naive = [summary.naive[split].get(name) for split in SPLITS]
    first, second = (_number(score.value if score else None) for score in naive)
    what = next((score.what for score in naive if score), "")
    yield f"  {'naive':{width}}{first:{column}}{second:{column}}{what}"


def _cost_lines(summary: Summary, seconds: Mapping[str, float], width: int) -> Iterator[str]:
    """What each run costs, and ExVo's score where the tasks are of its kind."""
    exvo = any(scores.splits["test"].exvo is not None for scores in summary.runs.values())
    yield "\nCost" + (", and ExVo's joint score: the harmonic mean of CCC, UAR and 1/MAE" if exvo else "")
    together = "   validation    test" if exvo else ""
    yield f"  {'':{width}}parameters  multiply-adds  networks  epochs  seconds{together}"
    for run, scores in summary.runs.items():
        cost = scores.cost
        trained = format(seconds[run], ".1f") if run in seconds else "–"
        validation, test = (_number(scores.splits[split].exvo) for split in SPLITS)
        yield (
            f"  {run:{width}}{cost.parameters:10,}{cost.multiply_adds:15,}{cost.networks:10}{cost.epochs:8}"
            f"{trained:>9}" + (f"{validation:>13}{test:>8}" if exvo else "")
        )


def challenge_lines(parameters: Parameters, summary: Summary) -> Iterator[str]:
    """All runs by the score of the challenge whose corpus it is, above its organizers' baseline."""
    name = parameters.corpus.challenge
    if name is None or not summary.challenge:
        return
    challenge = CHALLENGES[name]
    rows = {
        run: [_interval(found.validation), _interval(found.test), _interval(found.ensemble)]
        for run, found in summary.challenge.items()
    }
    rows["organizers"] = ["–", f"{challenge.baseline:.4f}", f"–   {challenge.system}"]
    width = max(map(len, rows)) + 2
    column = max(len(cell) for row in rows.values() for cell in row[:2]) + 3
    yield f"\n{challenge.title}, {challenge.figure} (higher is better)"
    yield f"  {'':{width}}{'validation':{column}}{'test':{column}}test, ensemble"
    for run, (validation, test, ensemble) in rows.items():
        yield f"  {run:{width}}{validation:{column}}{test:{column}}{ensemble}"
    yield f"  {baseline_sentences(parameters, summary.corpus.synthetic)}"


def bill_lines(bill: Sequence[BillRow], seconds: Mapping[str, float]) -> Iterator[str]:
    """What multi-task networks cost until they reach the scores of single-task networks, all tasks together.

    Args:
        bill: of pairs of runs.
        seconds: run → processor seconds of its training, where they are known. A score costs a share of them,
            in proportion to the multiply-adds.
    """
    bill = [row for row in bill if row.task == TOGETHER]
    if bill:
        yield "\nTraining until both reach the same validation score of each task: single-task → multi-task"
    width = max((len(row.baseline) + len(row.candidate) for row in bill), default=0) + 12
    for row in bill:
        sides = ((row.baseline, row.baseline_cost), (row.candidate, row.candidate_cost))
        spent = [f"{seconds[run] * cost.share:.1f}" if run in seconds else "–" for run, cost in sides]
        epochs = " → ".join(f"{cost.epochs:.1f}" for _, cost in sides)
        yield (
            f"  {f'{row.candidate} against {row.baseline}':{width}}epochs {epochs:14}"
            f"multiply-adds × {row.ratio:<8.2f}processor seconds {' → '.join(spent)}"
        )


def _difference_lines(title: str, rows: Sequence[Comparison]) -> Iterator[str]:
    rows = [row for row in rows if row.split == "test" and row.p_corrected is not None]
    if rows:
        yield f"\n{title}: mean over seeds on test (positive: better); p is corrected by Holm's method"
    width = max((len(row.baseline) + len(row.candidate) for row in rows), default=0) + 5
    tasks = max((len(row.task) for row in rows), default=0) + 2
    for row in rows:
        pair, interval = f"{row.candidate} – {row.baseline}", f"[{row.low:+z.4f}, {row.high:+z.4f}]"
        p = p_equals(row.p_corrected)
        yield f"  {pair:{width}}{row.task:{tasks}}{row.difference:+z.4f} {interval:22} {p}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:z.4f}"


def _further(scores: TaskScores | None, metric: str) -> str:
    """A further score of a task."""
    found = (scores.also or {}).get(metric) if scores else None
    return _number(found.value if found else None)


def _interval(found: Interval | None) -> str:
    if found is None or found.value is None:
        return "–"
    return f"{found.value:z.4f}" + ("" if found.low is None else f" [{found.low:z.4f}, {found.high:z.4f}]")


def _cell(scores: TaskScores | None) -> str:
    if scores is None or scores.value is None:
        return "–"
    sd = "" if scores.sd is None else f" ±{scores.sd:.4f}"
    interval = "" if scores.low is None else f" [{scores.low:z.4f}, {scores.high:z.4f}]"
    return f"{scores.value:z.4f}{sd}{interval}"
