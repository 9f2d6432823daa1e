"""All of params.yaml as typed sections."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from stages.core.config.data import CorpusOptions, PreprocessOptions, SplitOptions, SynthesisOptions
from stages.core.config.evaluation import EvaluationOptions
from stages.core.config.explanation import BiasOptions, ExplainOptions
from stages.core.config.features import BagOptions, CodebookOptions
from stages.core.config.fusion import FusedRuns, SetsSideBySide
from stages.core.config.search import SearchSpace
from stages.core.config.sources import External, Packaged, Source
from stages.core.config.tasks import Task
from stages.core.config.training import Architecture, ModelOptions, RunOptions, TrainingConfig
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.errors import UserError, did_you_mean

FILE = Path("params.yaml")
_RENAMED = {"preprocess.trim_silence": "trim: none, or trim: energy with trim_db: -40 for what true was"}


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
    search: SearchSpace = field(default_factory=dict)
    external: dict[str, External] = field(default_factory=dict)
    fused_features: dict[str, SetsSideBySide] = field(default_factory=dict)
    fused_runs: dict[str, FusedRuns] = field(default_factory=dict)
    explain: dict[str, ExplainOptions] = field(default_factory=dict)
    bias: dict[str, BiasOptions] = field(default_factory=dict)

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

    def explain_options(self, run: str) -> ExplainOptions:
        """What is asked of a run, as section ``explain`` says or by default."""
        self.run(run)
        return self.explain.get(run, ExplainOptions())

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
        return self.changed_training(f"models.{self.runs[run].model}.train", {**recipe, **model.train})

    def changed_training(self, where: str, changes: Mapping[str, object]) -> TrainingConfig:
        """Section ``train`` with changes that stand at ``where``."""
        return typed(TrainingConfig, {**asdict(self.train), **changes}, where)

    def _model(self, run: str) -> ModelOptions:
        return self.models[self.run(run).model]


def typed(kind: type, content: Mapping[str, Any], where: str = "") -> Any:
    """Give content the types of a dataclass.

    Args:
        kind: the dataclass.
        content: its fields, as YAML gives them.
        where: where they stand in params.yaml, for the error.

    Raises:
        UserError: on the first field that is unknown, missing, of another type or out of bounds.
    """
    refuse_unknown(kind, content, where)
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
        raise UserError(f"{FILE}: {name} {message}; it is {shown(first['input'])}{hint}.") from None


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
    kinds = {"str", "int", "float", "none", "SearchRange"}
    return part in kinds or part.startswith(("literal[", "dict[", "tuple[", "constrained"))


def refuse_unknown(kind: Any, content: Any, where: str) -> None:
    """Walk the dataclasses along the content; the first key that no field has is an error."""
    if get_origin(kind) is dict and isinstance(content, dict):
        for name, entry in content.items():
            refuse_unknown(get_args(kind)[1], entry, f"{where}.{name}")
        return
    if type(None) in get_args(kind):
        kind = get_args(kind)[0]
    if not is_dataclass(kind) or not isinstance(content, dict):
        return
    hints = get_type_hints(kind)
    known = [entry.name for entry in fields(kind)]
    for name, entry in content.items():
        path = f"{where}.{name}".removeprefix(".").replace(".architecture", "")
        if path in _RENAMED:
            raise UserError(f"{FILE}: {path} is no longer a parameter; write {_RENAMED[path]}.")
        if name not in known:
            raise UserError(f"{FILE}: {path} is not a parameter{did_you_mean(str(name), known)}.")
        refuse_unknown(hints[name], entry, path)


def shown(value: Any) -> str:
    """A value as an error shows it, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "…"
