"""What must hold between the values of params.yaml, beyond the type and the bounds of each."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from stages.core.config.names import equal_but_for_case, problem_with_name
from stages.core.config.parameters import FILE, Parameters
from stages.core.config.search import SearchRange, ends
from stages.core.config.sources import OpenSmileConfig, OpenSmileSet
from stages.core.config.tasks import SCORES, Task
from stages.core.config.training import TrainingConfig
from stages.core.runtime.errors import UserError, did_you_mean

_NAMED = "tasks features external fused_features recipes models runs fused_runs bias".split()
# Sections whose entries have names of one kind.
_ONE_KIND = (("features", "external", "fused_features"), ("runs", "fused_runs"))


def check(parameters: Parameters) -> None:
    """Refuse what cannot work.

    Raises:
        UserError: one sentence on the first thing that does not fit.
    """
    _check_names(parameters)
    _check_corpus(parameters)
    _check_tasks(parameters.tasks)
    _check_balance(parameters)
    _check_models(parameters)
    _check_windows(parameters)
    _check_fusions(parameters)
    _check_runs(parameters)
    _check_explain(parameters)
    _check_codebook(parameters)
    _check_search(parameters)
    if parameters.preprocess.min_seconds >= parameters.preprocess.max_seconds:
        raise UserError(f"{FILE}: preprocess.min_seconds must lie below preprocess.max_seconds.")


def _check_names(parameters: Parameters) -> None:
    layout = parameters.codebook.layout
    named: dict[str, Iterable[str]] = {section: getattr(parameters, section) for section in _NAMED}
    named["codebook.layout"] = layout if isinstance(layout, dict) else ()
    for section, names in named.items():
        for name in names:
            problem = problem_with_name(name, section)
            if problem:
                raise UserError(f"{FILE}: {section} cannot hold the name {name!r}: {problem}.")
    for sections in _ONE_KIND:
        together = [name for section in sections for name in named[section]]
        alike = equal_but_for_case(together)
        if alike:
            where, both = ", ".join(sections), " and ".join(map(repr, dict.fromkeys(alike)))
            cause = "" if alike[0] == alike[1] else " (a file system may ignore case)"
            raise UserError(f"{FILE}: {both} in {where} would be one name{cause}; rename one.")


def _check_corpus(parameters: Parameters) -> None:
    path = parameters.corpus.path
    expanded = os.path.expandvars(Path(path).expanduser())
    if expanded != str(Path(path)):
        raise UserError(
            f"{FILE}: corpus.path is {path!r}, and neither ~ nor variables are expanded there; "
            f"write {expanded!r}."
        )
    if not parameters.corpus.labels:
        raise UserError(f"{FILE}: corpus.labels is empty; name a label file, for example data_info.csv.")
    if len(set(parameters.corpus.labels)) < len(parameters.corpus.labels):
        raise UserError(f"{FILE}: corpus.labels names a file twice; take it out.")
    inside = [("labels", name) for name in parameters.corpus.labels] + [("audio", parameters.corpus.audio)]
    for key, name in inside:
        if not name or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise UserError(
                f"{FILE}: corpus.{key} names {name!r}, which is not below corpus.path; set corpus.path to a "
                "folder that holds labels and recordings, so that a change of either is noticed."
            )


def _check_tasks(tasks: Mapping[str, Task]) -> None:
    if not tasks:
        raise UserError(f"{FILE}: tasks is empty; declare at least one task.")
    for name, task in tasks.items():
        if not task.columns:
            raise UserError(f"{FILE}: tasks.{name}.columns is empty; name at least one label column.")
        if len(set(task.columns)) < len(task.columns):
            raise UserError(f"{FILE}: tasks.{name}.columns names a column twice.")
        _check_scores(name, task)
        if task.kind == "classification":
            _check_classification(name, task)
        else:
            _check_regression(name, task)
    _check_shared_columns(tasks)


def _check_scores(name: str, task: Task) -> None:
    """Its metrics are of its kind, each named once."""
    fitting = SCORES[task.kind]
    for where, score in (("score", task.score), *(("also", score) for score in task.also)):
        if score not in fitting:
            raise UserError(
                f"{FILE}: tasks.{name} is a {task.kind}, and {where} names {score}; "
                f"take {', '.join(fitting[:-1])} or {fitting[-1]}."
            )
    if len({task.score, *task.also}) <= len(task.also):
        raise UserError(f"{FILE}: tasks.{name} names a metric twice in score and also; take one out.")


def _check_classification(name: str, task: Task) -> None:
    if len(task.columns) != 1:
        raise UserError(f"{FILE}: tasks.{name} is a classification; give it one column.")
    if task.range:
        raise UserError(f"{FILE}: tasks.{name} is a classification; its classes have no range.")


def _check_regression(name: str, task: Task) -> None:
    if not task.range:
        return
    low, high = task.range
    if low >= high:
        raise UserError(f"{FILE}: tasks.{name}.range must be the lowest and then the highest label.")
    problem = task.out_of_reach(low, high)
    if problem:
        raise UserError(f"{FILE}: tasks.{name}.range is from {low:g} to {high:g}, but {problem}.")


def _check_shared_columns(tasks: Mapping[str, Task]) -> None:
    """A column that two tasks read means the same to both."""
    readers: dict[str, str] = {}
    for name, task in tasks.items():
        for column in task.columns:
            other = readers.setdefault(column, name)
            if tasks[other].kind != task.kind:
                raise UserError(
                    f"{FILE}: tasks {other} and {name} read {column!r}, one as numbers and one as classes; "
                    "give the classes a column of their own in the label file."
                )
            if tasks[other].range != task.range:
                raise UserError(
                    f"{FILE}: tasks {other} and {name} read {column!r}; give them the same range."
                )


def _check_balance(parameters: Parameters) -> None:
    split = parameters.split
    for name, task in parameters.tasks.items():
        for key, column, instead in (
            ("folds", split.fold_column, "take a number"),
            ("balance", split.balance, "leave it empty"),
        ):
            if task.kind == "regression" and column in task.columns:
                raise UserError(
                    f"{FILE}: split.{key} is {column!r}, which task {name} reads as numbers; "
                    f"name a column of classes, or {instead}."
                )


def _check_models(parameters: Parameters) -> None:
    for name, changes in parameters.recipes.items():
        parameters.changed_training(f"recipes.{name}", changes)
    for name, model in parameters.models.items():
        if model.recipe is not None and model.recipe not in parameters.recipes:
            raise UserError(
                f"{FILE}: models.{name}.recipe is {model.recipe!r}, which recipes does not have"
                f"{did_you_mean(model.recipe, parameters.recipes)}."
            )
        _refuse_unknown_tasks(f"models.{name}.tasks", model.tasks or (), parameters.tasks)


def _check_runs(parameters: Parameters) -> None:
    sets = parameters.feature_sets
    if not parameters.runs:
        raise UserError(f"{FILE}: runs is empty; name at least one, for example compare-mtl2.")
    for name, run in parameters.runs.items():
        if run.model not in parameters.models:
            raise UserError(
                f"{FILE}: runs.{name}.model is {run.model!r}, which models does not have"
                f"{did_you_mean(run.model, parameters.models)}."
            )
        if run.features not in sets:
            raise UserError(
                f"{FILE}: runs.{name}.features is {run.features!r}; the feature sets are {', '.join(sets)}, "
                "from features, external and fused_features."
            )
        config = parameters.recipe(name)
        weighting = config.loss_weighting
        if isinstance(weighting, dict):
            _refuse_unknown_tasks(f"loss_weighting of run {name}", weighting, parameters.tasks)
        _check_columns(name, config, parameters.fused_features.get(run.features, (run.features,)))
        _check_training(name, config, parameters.tasks_of(name))


def _check_windows(parameters: Parameters) -> None:
    for name, source in parameters.features.items():
        if not isinstance(source, OpenSmileSet) or (windows := source.windows) is None:
            continue
        timed = [option for option in ("seconds", "hop", "pooling") if getattr(windows, option) is not None]
        by_count = windows.count is not None and not timed
        by_time = windows.count is None and timed[:2] == ["seconds", "hop"]
        if not by_count and not by_time:
            raise UserError(
                f"{FILE}: features.{name}.windows takes count alone, or seconds and hop (and pooling); "
                "write for example {count: 3} or {seconds: 0.5, hop: 0.25}."
            )
        if (windows.hop or 0) > (windows.seconds or 0):
            raise UserError(
                f"{FILE}: features.{name}.windows.hop is above seconds; parts must touch each other."
            )


def _check_explain(parameters: Parameters) -> None:
    for name, options in parameters.explain.items():
        if name not in parameters.runs:
            raise UserError(
                f"{FILE}: explain names {name!r}, which is no run{did_you_mean(name, parameters.runs)}."
            )
        for family, pattern in options.families.items():
            try:
                re.compile(pattern)
            except re.error as error:
                raise UserError(
                    f"{FILE}: explain.{name}.families.{family} is no regular expression ({error}); "
                    "correct it."
                ) from None


def _check_fusions(parameters: Parameters) -> None:
    for name, sets in parameters.fused_features.items():
        known = [*parameters.sources, "boaw"]
        for member in sets:
            if member not in known:
                raise UserError(
                    f"{FILE}: fused_features.{name} names {member!r}, which is no feature set"
                    f"{did_you_mean(member, known)}."
                )
        if len(set(sets)) < len(sets):
            raise UserError(f"{FILE}: fused_features.{name} names a set twice; take it out.")
    for name, fused_runs in parameters.fused_runs.items():
        for member in fused_runs.runs:
            if member not in parameters.runs:
                raise UserError(
                    f"{FILE}: fused_runs.{name} names {member!r}, which is no run"
                    f"{did_you_mean(member, parameters.runs)}."
                )
        if len(set(fused_runs.runs)) < len(fused_runs.runs):
            raise UserError(f"{FILE}: fused_runs.{name} names a run twice; take it out.")


def _check_columns(run: str, config: TrainingConfig, sets: Sequence[str]) -> None:
    for name in config.columns if isinstance(config.columns, dict) else ():
        if name not in sets:
            raise UserError(
                f"{FILE}: columns of run {run} names {name!r}, but the run reads {', '.join(sets)}; "
                "take it out or correct it."
            )


def _refuse_unknown_tasks(where: str, names: Iterable[str], tasks: Mapping[str, Task]) -> None:
    for name in names:
        if name not in tasks:
            raise UserError(f"{FILE}: {where} names {name!r}, which is no task{did_you_mean(name, tasks)}.")


def _check_training(run: str, config: TrainingConfig, tasks: Mapping[str, Task]) -> None:
    if len(set(config.seeds)) < len(config.seeds):
        raise UserError(f"{FILE}: seeds of run {run} names a seed twice; each seed is a network of its own.")
    weighting = config.loss_weighting
    if isinstance(weighting, dict) and not any(weighting.get(name, 1) for name in tasks):
        raise UserError(
            f"{FILE}: loss_weighting of run {run} is 0 for all its tasks; nothing would be learnt."
        )
    if config.regression_loss == "score" and config.batch_size == 1:
        for name, task in tasks.items():
            if task.judged_by_correlation:
                raise UserError(
                    f"{FILE}: regression_loss of run {run} is score and batch_size 1, but task {name} "
                    "cannot learn from the CCC of one clip; take larger batches."
                )


def _check_codebook(parameters: Parameters) -> None:
    with_frames = [
        name
        for name, source in parameters.sources.items()
        if (isinstance(source, OpenSmileSet) and source.windows is None)
        or (isinstance(source, OpenSmileConfig) and source.frames)
    ]
    if parameters.codebook.features not in with_frames:
        raise UserError(
            f"{FILE}: codebook.features is {parameters.codebook.features!r}; "
            f"the openSMILE sets are {', '.join(with_frames)}."
        )
    frames, layout = parameters.codebook.frames, parameters.codebook.layout
    groups = len(layout) if isinstance(layout, dict) else {"joint": 1, "split": 2}[layout]
    sizes = parameters.codebook.size
    sizes = sizes if isinstance(sizes, tuple) else (sizes,) * groups
    if len(sizes) != groups:
        raise UserError(
            f"{FILE}: codebook.size names {len(sizes)} sizes, but codebook.layout makes {groups} "
            f"group{'s' * (groups > 1)}; give one size, or one for each group."
        )
    for size in sizes:
        if frames is not None and frames < size:
            raise UserError(
                f"{FILE}: codebook.size {size} is above codebook.frames {frames}; "
                "lower the size or raise the number of frames."
            )
        if parameters.boaw.assignments > size:
            raise UserError(
                f"{FILE}: boaw.assignments {parameters.boaw.assignments} is above codebook.size "
                f"{size}; a frame cannot count more words than there are."
            )


def _check_search(parameters: Parameters) -> None:
    for option, space in parameters.search.items():
        where = f"{FILE}: search.{option}"
        if option in {"seeds", "device"}:
            raise UserError(f"{where} cannot be searched; seeds and device make no better recipe.")
        if isinstance(space, SearchRange):
            if not space.low < space.high or (space.log and space.low <= 0):
                raise UserError(f"{where} must go from low up to high, and from above 0 where log is true.")
            values: Sequence[object] = ends(option, space)
        else:
            values = space
        if not values:
            raise UserError(f"{where} is empty; name the values to try.")
        for value in values:
            parameters.changed_training("search", {option: value})
