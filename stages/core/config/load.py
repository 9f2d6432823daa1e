"""params.yaml, read, typed and checked in one place.

Whatever does not fit — an unknown key, a wrong type, an impossible value, a run that names no
model — is one sentence that names file, field and remedy.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from stages.core.config.data import CorpusOptions, PreprocessOptions, SplitOptions, SynthesisOptions
from stages.core.config.evaluation import EvaluationOptions
from stages.core.config.features import BagOptions, CodebookOptions
from stages.core.config.fusion import FusedRuns, SetsSideBySide
from stages.core.config.sources import (
    EXTERNAL,
    PACKAGED,
    External,
    OpenSmileConfig,
    OpenSmileSet,
    Packaged,
    Source,
)
from stages.core.config.tasks import Task
from stages.core.config.training import Architecture, ModelOptions, RunOptions, TrainingConfig
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.errors import UserError, did_you_mean

FILE = Path("params.yaml")
_BESIDE_ARCHITECTURE = ("tasks", "recipe", "train")


@dataclass(frozen=True)
class Parameters:
    """All of params.yaml; each attribute is one of its sections."""

    corpus: CorpusOptions
    tasks: dict[str, Task]
    synthesize: SynthesisOptions
    preprocess: PreprocessOptions
    split: SplitOptions
    features: dict[str, Packaged]
    codebook: CodebookOptions
    boaw: BagOptions
    train: TrainingConfig
    recipes: dict[str, dict[str, object]]
    models: dict[str, ModelOptions]
    runs: dict[str, RunOptions]
    evaluate: EvaluationOptions
    compute: ComputeOptions
    external: dict[str, External] = field(default_factory=dict)
    fused_features: dict[str, SetsSideBySide] = field(default_factory=dict)
    fused_runs: dict[str, FusedRuns] = field(default_factory=dict)

    @property
    def sources(self) -> dict[str, Source]:
        """Feature set → where it comes from: the sections ``features`` and ``external``."""
        return {**self.features, **self.external}

    @property
    def feature_sets(self) -> list[str]:
        """Every set that a run can read."""
        return [*self.sources, "boaw", *self.fused_features]

    def run(self, name: str) -> RunOptions:
        """A run by its name.

        Raises:
            UserError: if there is none of this name.
        """
        if name not in self.runs:
            raise UserError(f"{FILE}: runs has no entry {name!r}{did_you_mean(name, self.runs)}.")
        return self.runs[name]

    def architecture(self, run: str) -> Architecture:
        """The network of a run."""
        return self._model(run).architecture

    def tasks_of(self, run: str) -> dict[str, Task]:
        """The tasks that a run learns: those of its model, or all."""
        chosen = self._model(run).tasks
        return {name: task for name, task in self.tasks.items() if chosen is None or name in chosen}

    def recipe(self, run: str) -> TrainingConfig:
        """The training options of a run: section ``train``, changed by the model's recipe, then by itself."""
        model = self._model(run)
        recipe = {} if model.recipe is None else self.recipes[model.recipe]
        return self._changed(f"models.{self.runs[run].model}.train", {**recipe, **model.train})

    def _changed(self, where: str, changes: Mapping[str, object]) -> TrainingConfig:
        """Section ``train`` with changes that stand at ``where``."""
        return _typed(TrainingConfig, {**asdict(self.train), **changes}, where)

    def _model(self, run: str) -> ModelOptions:
        return self.models[self.run(run).model]


class _Loader(yaml.SafeLoader):
    """The safe loader, which also refuses anchors, and a key that stands twice: the second would win.

    DVC's ``-S`` writes a value through an anchor into all that share it, or loses it.
    """

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        if getattr(event, "anchor", None) is not None:
            raise UserError(
                f"{FILE}, line {event.start_mark.line + 1}: anchors and aliases (&{event.anchor}, "
                f"*{event.anchor}) are not allowed, since `dvc exp run -S` would change all places that "
                "share the value, or none; write shared training options into section recipes and let models "
                "refer to them by `recipe: NAME`."
            )
        return super().compose_node(parent, index)

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key {key.value} stands twice", problem_mark=key.start_mark
                    )
                seen.add(key.value)
        return node


def load(path: Path = FILE) -> Parameters:
    """Read and check params.yaml.

    Raises:
        UserError: one sentence on the first thing that does not fit.
    """
    try:
        content = _Loader(path.read_text(encoding="utf-8")).get_single_data()
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; run from the project's top folder.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        problem = getattr(error, "problem", None) or " ".join(str(error).split()).removesuffix(".")
        raise UserError(f"{path}{line} is not YAML: {problem}.") from None
    return parse(content)


def parse(content: Any) -> Parameters:
    """Check the content of params.yaml and give it types.

    Raises:
        UserError: as :func:`load`.
    """
    if not isinstance(content, dict):
        raise UserError(
            f"{FILE} must hold sections such as corpus, tasks and train; it holds {_shown(content)}."
        )
    content = {**content, "models": _models(content.get("models", {}))}
    features = _sources(content, "features", PACKAGED)
    external = _sources(content, "external", EXTERNAL)
    parameters = replace(
        _typed(Parameters, {**content, "features": {}, "external": {}}), features=features, external=external
    )
    _check_sources(parameters)
    _check_fusions(parameters)
    _check_tasks(parameters)
    _check_runs(parameters)
    _check_sections(parameters)
    return parameters


def _sources(content: Mapping[str, Any], section: str, kinds: Mapping[str, type]) -> dict[str, Any]:
    """The entries of ``features`` or ``external``; a name alone is an openSMILE set."""
    entries = content.get(section) or {}
    if not isinstance(entries, dict):
        raise UserError(
            f"{FILE}: {section} must hold names and what they stand for; it holds {_shown(entries)}."
        )
    found = {}
    for name, entry in entries.items():
        where = f"{section}.{name}"
        if section == "features" and isinstance(entry, str):
            found[name] = OpenSmileSet(entry)
            continue
        options = entry if isinstance(entry, dict) else {}
        kind = str(options.get("kind"))
        if section == "features" and ("path" in options or (kind in EXTERNAL and kind not in kinds)):
            raise UserError(
                f"{FILE}: {where} reads a file of yours; move it to section external with its path, so that "
                "a change of the file is noticed."
            )
        if kind not in kinds:
            hint = did_you_mean(kind, kinds)
            raise UserError(f"{FILE}: {where}.kind is {kind}, which {section} does not know{hint}.")
        found[name] = _typed(kinds[kind], options, where)
    return found


def _check_sources(parameters: Parameters) -> None:
    seen: set[str] = {"boaw"}
    for section in ("features", "external", "fused_features"):
        for name in getattr(parameters, section):
            if not re.fullmatch(r"\w[\w.-]*", name):
                raise UserError(f"{FILE}: {section}.{name}: a name has letters, digits, -, _ and . alone.")
            if name in seen:
                what = "the bags of audio words have it" if name == "boaw" else "another set has it"
                raise UserError(f"{FILE}: {section} cannot hold the name {name}; {what}.")
            seen.add(name)


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
        if name in parameters.runs or not re.fullmatch(r"\w[\w.-]*", name):
            raise UserError(
                f"{FILE}: fused_runs.{name}: choose a name of letters, digits and - that no run has."
            )
        for member in fused_runs.runs:
            if member not in parameters.runs:
                raise UserError(
                    f"{FILE}: fused_runs.{name} names {member!r}, which is no run"
                    f"{did_you_mean(member, parameters.runs)}."
                )
        if len(set(fused_runs.runs)) < len(fused_runs.runs):
            raise UserError(f"{FILE}: fused_runs.{name} names a run twice; take it out.")


def _models(models: Any) -> Any:
    """A model is written flat: the architecture's fields beside ``tasks``, ``recipe`` and ``train``."""
    if not isinstance(models, dict):
        return models
    return {
        name: {
            "architecture": {key: value for key, value in model.items() if key not in _BESIDE_ARCHITECTURE},
            "tasks": model.get("tasks"),
            "recipe": model.get("recipe"),
            "train": model.get("train") or {},
        }
        if isinstance(model, dict)
        else model
        for name, model in models.items()
    }


def _typed(kind: type, content: Mapping[str, Any], where: str = "") -> Any:
    _refuse_unknown(kind, content, where)
    try:
        return _adapter(kind).validate_json(json.dumps(content, default=str), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        keys = [str(part) for part in first["loc"] if isinstance(part, int) or not _is_type_name(str(part))]
        name = ".".join(filter(None, [where, *keys])).replace(".architecture", "")
        if first["type"] == "missing":
            raise UserError(
                f"{FILE}: {name} is missing; see params.yaml in the README for its meaning."
            ) from None
        message = first["msg"].removeprefix("Input ").removeprefix("Value error, ").removeprefix("Tuple ")
        message = message.partition(" after validation")[0]
        hint = _hint(first["input"])
        raise UserError(f"{FILE}: {name} {message}; it is {_shown(first['input'])}{hint}.") from None


@cache
def _adapter(kind: type) -> TypeAdapter:
    return TypeAdapter(kind)


def _hint(value: Any) -> str:
    """What to do about a number that YAML took for text."""
    try:
        float(value if isinstance(value, str) else "text")
    except ValueError:
        return ""
    if "e" in value.lower():
        return " (YAML reads 1e-3 as text: write 0.001)"
    return " (write the number without quotes)"


def _is_type_name(part: str) -> bool:
    """Whether a part of the path of pydantic's error is a branch of a union, not a key."""
    return part in {"str", "int", "float", "none"} or part.startswith(("literal[", "dict[", "constrained"))


def _refuse_unknown(kind: Any, content: Any, where: str) -> None:
    """Walk the dataclasses along the content; the first key that no field has is an error."""
    if get_origin(kind) is dict and isinstance(content, dict):
        for name, entry in content.items():
            _refuse_unknown(get_args(kind)[1], entry, f"{where}.{name}")
        return
    if not is_dataclass(kind) or not isinstance(content, dict):
        return
    hints = get_type_hints(kind)
    known = [field.name for field in fields(kind)]
    for name, entry in content.items():
        path = f"{where}.{name}".removeprefix(".").replace(".architecture", "")
        if name not in known:
            raise UserError(f"{FILE}: {path} is not a parameter{did_you_mean(str(name), known)}.")
        _refuse_unknown(hints[name], entry, path)


def _check_tasks(parameters: Parameters) -> None:
    if not parameters.tasks:
        raise UserError(f"{FILE}: tasks is empty; declare at least one task.")
    for name, task in parameters.tasks.items():
        if not task.columns:
            raise UserError(f"{FILE}: tasks.{name}.columns is empty; name at least one label column.")
        if task.kind == "classification" and (len(task.columns) != 1 or task.score != "uar"):
            raise UserError(f"{FILE}: tasks.{name} is a classification; give it one column and score: uar.")
        if task.kind == "regression" and task.score == "uar":
            raise UserError(f"{FILE}: tasks.{name} is a regression; its score is ccc or mae, not uar.")
        if task.range and task.kind == "classification":
            raise UserError(f"{FILE}: tasks.{name} is a classification; its classes have no range.")
        if task.range and task.range[0] >= task.range[1]:
            raise UserError(f"{FILE}: tasks.{name}.range must be the lowest and then the highest label.")
        if name in {"total"} or "." in name:
            raise UserError(
                f"{FILE}: a task cannot be named {name!r}; choose a word without a dot, not total."
            )


def _check_runs(parameters: Parameters) -> None:
    sets = parameters.feature_sets
    for name, changes in parameters.recipes.items():
        parameters._changed(f"recipes.{name}", changes)
    for name, model in parameters.models.items():
        if model.recipe is not None and model.recipe not in parameters.recipes:
            raise UserError(
                f"{FILE}: models.{name}.recipe is {model.recipe!r}, which recipes does not have"
                f"{did_you_mean(model.recipe, parameters.recipes)}."
            )
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
                f"{FILE}: runs.{name}.features is {run.features!r}; the feature sets are {', '.join(sets)}."
            )
        recipe = parameters.recipe(name)
        _check_recipe(name, recipe, parameters.tasks_of(name))
        _check_columns(name, recipe, parameters.fused_features.get(run.features, (run.features,)))
        weighting = recipe.loss_weighting
        for where, named in (
            (f"models.{run.model}.tasks", parameters.models[run.model].tasks or ()),
            (f"loss_weighting of run {name}", weighting if isinstance(weighting, dict) else ()),
        ):
            for task in named:
                if task not in parameters.tasks:
                    hint = did_you_mean(task, parameters.tasks)
                    raise UserError(f"{FILE}: {where} names {task!r}, which is no task{hint}.")


def _check_columns(run: str, recipe: TrainingConfig, sets: Sequence[str]) -> None:
    for name in recipe.columns if isinstance(recipe.columns, dict) else ():
        if name not in sets:
            raise UserError(
                f"{FILE}: columns of run {run} names {name!r}, but the run reads {', '.join(sets)}; "
                "take it out or correct it."
            )


def _check_recipe(run: str, recipe: TrainingConfig, tasks: Mapping[str, Task]) -> None:
    if len(set(recipe.seeds)) < len(recipe.seeds):
        raise UserError(f"{FILE}: seeds of run {run} names a seed twice; each seed is a network of its own.")
    weighting = recipe.loss_weighting
    if isinstance(weighting, dict) and not any(weighting.get(name, 1) for name in tasks):
        raise UserError(
            f"{FILE}: loss_weighting of run {run} is 0 for all its tasks; nothing would be learnt."
        )
    if recipe.regression_loss == "score" and recipe.batch_size == 1:
        for name, task in tasks.items():
            if task.score == "ccc":
                raise UserError(
                    f"{FILE}: regression_loss of run {run} is score and batch_size 1, but task {name} "
                    "cannot learn from the CCC of one clip; take larger batches."
                )


def _check_sections(parameters: Parameters) -> None:
    with_frames = [
        name
        for name, source in parameters.sources.items()
        if isinstance(source, OpenSmileSet) or (isinstance(source, OpenSmileConfig) and source.frames)
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
    if parameters.preprocess.min_seconds >= parameters.preprocess.max_seconds:
        raise UserError(f"{FILE}: preprocess.min_seconds must lie below preprocess.max_seconds.")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "…"
