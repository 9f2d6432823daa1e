"""Train, validation and test: no speaker in two of them, countries balanced (paper, section 2).

Reads data/recordings.parquet. Writes data/splits.parquet and metrics/split.json, the paper's Table 1.
"""

from pathlib import Path

import pandas as pd

from stages.command import guarded, section
from stages.core.config.load import load
from stages.core.dataset.labels import classes_of, unseen_classes
from stages.core.dataset.splitting import assign, table_1, unlearnable
from stages.core.runtime.console import say
from stages.core.runtime.errors import UserError
from stages.core.runtime.files import write_json
from stages.core.runtime.tables import read_table, write_table


def main() -> None:
    """Run the stage."""
    parameters = load()
    recordings = read_table(Path("data/recordings.parquet"))
    with section("split"):
        splits = assign(recordings, parameters.split)
    problems = {name: unlearnable(task, recordings, splits) for name, task in parameters.tasks.items()}
    for name, problem in problems.items():
        if problem:
            say(f"note: task {name} {problem}")
    for name, task in parameters.tasks.items():
        if task.kind != "classification":
            continue
        unseen = unseen_classes(task, recordings, classes_of(task, recordings[splits == "train"]))
        if not unseen:
            continue
        problem = (
            f"task {name}: {task.columns[0]} {', '.join(map(repr, unseen))} never occurs in the training"
        )
        if parameters.split.method == "folds":  # so it is where a country is left out
            say(f"note: {problem} split of a fold, which cannot recognize it")
            continue
        raise UserError(  # now, before anything is extracted
            f"{problem} split; take those clips out of data_info.csv, or split the speakers in another way "
            f"(split.method: balanced, split.balance: {task.columns[0]} or another split.seed)."
        )
    write_table(
        Path("data/splits.parquet"), pd.DataFrame({"clip_id": recordings["clip_id"], "split": splits})
    )
    table = table_1(recordings, splits, parameters.split.balance)
    write_json(Path("metrics/split.json"), table)
    for name, row in table.items():
        say(f"{name:10} {row['duration']}  {row['clips']:6} clips  {row['speakers']:5} speakers")


if __name__ == "__main__":
    guarded(main)
