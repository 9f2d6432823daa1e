"""All scores in one place: ``python -m stages.summarize``.

Reads data/scores, data/predictions and plots/curves of the runs in params.yaml, the labels and splits, and
metrics/corpus.json. Writes metrics/headline.json (the numbers that decide, for ``dvc metrics``), scores.json
(the scores of every run), details.json (all there is about them), comparison.json (which run is better, on
the same clips), bill.json (what they cost until they reach the same score) and paper.json (the paper's
tables beside ours).
"""

from pathlib import Path

import pandas as pd

from stages.command import guarded
from stages.core.config.load import load
from stages.core.dataset.join import join_clips
from stages.core.runtime.console import say
from stages.core.runtime.files import read_json, write_json
from stages.core.runtime.tables import read_table
from stages.core.scoring import paper
from stages.core.scoring.bill import bill
from stages.core.scoring.challenge_scores import challenge_scores
from stages.core.scoring.challenges import CHALLENGES
from stages.core.scoring.comparison import compare_all, correct
from stages.core.scoring.fusing import compare_fused
from stages.core.scoring.naive_scores import naive_predictions, naive_scores
from stages.core.scoring.predictions import RunPredictions
from stages.core.scoring.run_groups import NAIVE, RunGroups
from stages.core.scoring.run_scores import RunScores, read_record, to_json
from stages.core.scoring.summary import CorpusName, Summary, headline, nested_scores

METRICS = Path("metrics")


def main() -> None:
    """Run the stage."""
    parameters = load()
    corpus = read_json(METRICS / "corpus.json")
    labels = join_clips(read_table(Path("data/recordings.parquet")), read_table(Path("data/splits.parquet")))
    runs = {run: read_record(RunScores, Path(f"data/scores/{run}.json")) for run in parameters.runs}
    predictions = {
        run: RunPredictions.of(read_table(Path(f"data/predictions/{run}.parquet"))) for run in parameters.runs
    }
    predictions[NAIVE] = naive_predictions(labels, parameters.tasks)
    name = CorpusName(corpus["name"], corpus["synthetic"])
    naive = naive_scores(labels, parameters.tasks, predictions[NAIVE])
    challenge = CHALLENGES[parameters.corpus.challenge] if parameters.corpus.challenge else None
    tasks = challenge and challenge.tasks(parameters.tasks)
    by_challenge = (
        challenge_scores(challenge, tasks, runs, predictions, labels, parameters.evaluate)
        if challenge and tasks
        else None
    )
    summary = Summary(name, runs, naive, by_challenge).ordered(parameters.runs, parameters.tasks)
    comparisons = compare_all(RunGroups(parameters), runs, predictions, labels, parameters.compute)
    for fused_name, fused in parameters.fused_runs.items():
        comparisons += compare_fused(
            fused_name,
            fused.runs,
            fused.method,
            parameters.tasks,
            runs,
            predictions,
            labels,
            parameters.evaluate,
        )
    comparisons = correct(comparisons)
    same = paper.is_same_corpus(name.name) and not name.synthetic
    curves = pd.concat(pd.read_csv(f"plots/curves/{run}.csv").assign(run=run) for run in runs)
    costs = bill(RunGroups(parameters).multi_task_pairs(), runs, curves)
    write_json(METRICS / "bill.json", [to_json(row) for row in costs])
    write_json(METRICS / "headline.json", headline(summary, comparisons))
    write_json(METRICS / "scores.json", nested_scores(runs))
    write_json(METRICS / "details.json", to_json(summary))
    write_json(METRICS / "comparison.json", [to_json(comparison) for comparison in comparisons])
    write_json(
        METRICS / "paper.json",
        {"same_corpus": same, "rows": paper.beside_paper(runs, parameters.tasks, same)},
    )
    say(f"metrics/: {len(runs)} runs; `python -m stages.scores` prints their scores")


if __name__ == "__main__":
    guarded(main)
