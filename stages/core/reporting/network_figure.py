"""The paper's figure 2: the layers of the networks, as params.yaml builds them."""

from collections.abc import Iterator

from stages.core.figures.network import diagram
from stages.core.reporting.report_figures import ReportFigure
from stages.core.reporting.results import Results


def network(results: Results) -> Iterator[ReportFigure]:
    """The networks of the multi-task run whose details are shown, or else of the first such run."""
    runs = list(dict.fromkeys(run for task in results.tasks for run in results.shown_runs(task)))
    if not runs:
        return
    groups = results.groups
    run = next(filter(groups.is_joint, runs), runs[0])
    architecture, training = groups.parameters.architecture(run), groups.training(run)
    trunk = [f"{width:,} units\nlayer norm\nLeaky ReLU" for width in architecture.trunk]
    hidden = [f"{width:,} units\nLeaky ReLU" for width in architecture.head]
    outputs = {task: _output(results, run, task) for task in groups.parameters.tasks_of(run)}
    heads = {task: [*hidden, f"{task}\n{output}"] for task, output in outputs.items() if output}
    chosen = training.columns
    read = f"{chosen:,} columns" if isinstance(chosen, int) else "chosen columns" if chosen else "all columns"
    features = results.runs[run].features
    if architecture.joint and len(heads) > 1:
        what = f"one network for {len(heads)} tasks, which share the blue layers"
    else:
        what = "one network per task" if len(heads) > 1 else "one network"
    dropped = {"features": architecture.input_dropout, "units of the blue layers": architecture.dropout}
    dropout = " and ".join(f"{share:.0%} of the {kind}" for kind, share in dropped.items() if share)
    yield ReportFigure(
        "network",
        diagram(f"{features}\n{read}", trunk, heads, architecture.joint),
        f"The networks of {run}: {what}. Every layer is fully connected."
        + (f" Dropout in training: {dropout}." if dropout else ""),
        f"Layers of the networks of {run}, from {features} to {', '.join(heads)}.",
        ["task", "layer", "units"],
        [
            (task, layer, width)
            for task, output in outputs.items()
            if output
            for layer, width in enumerate([*architecture.trunk, *architecture.head, output.split()[0]], 1)
        ],
    )


def _output(results: Results, run: str, task: str) -> str | None:
    """What a head ends in: ``4 × softmax``; None if the run has no scores of the task."""
    declared, classes = results.groups.parameters.tasks[task], results.runs[run].classes_of(task)
    if classes is None:
        return None
    return f"{len(classes)} × softmax" if classes else f"{len(declared.columns)} × {declared.output}"
