"""Better training options for a run: ``python -m stages.search RUN --trials 50``.

Tries options of section ``train`` within the ranges of section ``search`` in params.yaml, and judges them
on validation alone: by the mean over the tasks of the score, or of the share of the naive predictor's error
that is saved. Scores are those of the mean over the seeds. data/search/RUN.db keeps all trials, so that a
search that was stopped continues; --trials counts the earlier ones too. The best options become a model and a
run of their own in params.yaml. The test split is used once, at the end, and decides nothing: it shows how
much of the gain is real.
"""

import argparse
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from stages.command import guarded, section
from stages.core.config.load import FILE, Parameters, load, parse_text
from stages.core.config.names import problem_with_name
from stages.core.config.training import TrainingConfig
from stages.core.config.writing import with_entry
from stages.core.metrics.metric import METRICS
from stages.core.networks.data import Prepared, prepare
from stages.core.networks.model import Model
from stages.core.networks.run import RunTables, in_order_of_seeds, model_of, train_run
from stages.core.networks.search import scores_of, skill_of, suggested, within
from stages.core.runtime.console import progress, say
from stages.core.runtime.errors import UserError
from stages.core.runtime.files import write_text
from stages.core.runtime.tables import origin_of, read_features, read_table

WORST = -1.0  # of a training that diverged: the lowest CCC


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m stages.search",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", help="the run to start from, for example compare-mtl2")
    parser.add_argument("--trials", type=int, default=50, help="in all, with those of before (default: 50)")
    parser.add_argument("--name", help="of the new run and its model (default: RUN-searched)")
    options = parser.parse_args()
    parameters = load()
    name = new_name(parameters, options.run, options.name)
    with_run(parameters, options.run, name, {})  # what could not be written is said before the search
    search = Search.of(parameters, options.run)
    values = search.best(options.trials)
    compare(search, values)
    write_text(FILE, with_run(parameters, options.run, name, values))
    say(f"params.yaml: models.{name} and runs.{name} hold these options")
    say(f"`dvc repro evaluate@{name}` trains and evaluates them")


def new_name(parameters: Parameters, run: str, given: str | None) -> str:
    """The name of the new run and its model: as given, or RUN-searched, which may replace that of before.

    Raises:
        UserError: if params.yaml cannot hold it, or it is taken, be it in another case.
    """
    name = given or f"{run}-searched"
    problem = problem_with_name(name, "runs")
    if problem:
        raise UserError(f"--name {name}: {problem}; take a new name.")
    runs, models, fused = list(parameters.runs), list(parameters.models), list(parameters.fused_runs)
    taken = [other for other in [*runs, *models] if given or other != name] + fused
    for other in taken:
        if other.lower() == name.lower():
            raise UserError(f"--name {name}: params.yaml has {other} already; take a new name.")
    return name


@dataclass
class Search:
    """A run whose options are searched; features are read once."""

    parameters: Parameters
    run: str
    tables: RunTables
    prepared: dict[tuple[str, str], Prepared]

    @classmethod
    def of(cls, parameters: Parameters, run: str) -> "Search":
        """The search for a run of params.yaml, with its data read.

        Raises:
            UserError: if there is no such run, or params.yaml says nothing to search.
        """
        options = parameters.run(run)
        if not parameters.search:
            raise UserError(
                "params.yaml: section search is missing or empty; name options of section train there, "
                "and their values or ranges."
            )
        table = Path(f"data/features/{options.features}.parquet")
        recordings, splits = (read_table(Path(f"data/{name}.parquet")) for name in ("recordings", "splits"))
        tables = RunTables(*read_features(table), origin_of(table), recordings, splits)
        return cls(parameters, run, tables, {})

    def best(self, trials: int) -> dict[str, Any]:
        """The options that did best on validation among so many trials.

        Raises:
            UserError: if Optuna is not installed.
        """
        try:
            import optuna
        except ImportError:
            raise UserError("the package optuna is not installed; `make extras` installs it.") from None
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        Path("data/search").mkdir(parents=True, exist_ok=True)
        study = optuna.create_study(
            storage=f"sqlite:///data/search/{self.run}.db",
            study_name=self.fingerprint(),
            load_if_exists=True,
            direction="maximize",
        )
        done = finished(study)
        study.sampler = optuna.samplers.TPESampler(seed=len(done), multivariate=True)
        before = within(self.parameters.recipe(self.run), self.parameters.search)
        if before is not None and not done:
            study.enqueue_trial(before)
        if done:
            say(f"data/search/{self.run}.db: {len(done)} trials of before, best {study.best_value:.4f}")
        left = max(0, trials - len(done))
        for _ in progress(range(left), left, "trial", lambda: f"best {study.best_value:.4f}"):
            study.optimize(self.objective, n_trials=1)
        if not finished(study):
            raise UserError(f"--trials {trials} leaves nothing to choose from; take at least 1.")
        best = study.best_trial
        say(f"{self.run}: best of {len(finished(study))} trials, {best.value:.4f} on validation")
        say(", ".join(f"{option} {value}" for option, value in best.params.items()))
        return dict(best.params)

    def objective(self, trial: Any) -> float:
        """How good the options of a trial are on validation."""
        model = self.model(suggested(trial, self.parameters.search))
        skill = skill_of(model, self.tables, "validation", scores_of(model, self.tables, "validation"))
        return WORST if np.isnan(skill) else skill

    def model(self, changes: Mapping[str, Any]) -> Model:
        """The networks of the run with some options changed."""
        config = self.changed(changes)
        architecture, options = self.parameters.architecture(self.run), self.parameters.run(self.run)
        prepared = self.prepare(config)
        trained = train_run(
            prepared.data, architecture, config, self.parameters.compute, self.tables.origin, options.features
        )
        with section("train"):
            networks = in_order_of_seeds(trained, config)
        return model_of(self.run, options, self.tables, prepared, architecture, config, networks)

    def changed(self, changes: Mapping[str, Any]) -> TrainingConfig:
        """The training options of the run with some changed."""
        return replace(self.parameters.recipe(self.run), **changes)

    def prepare(self, config: TrainingConfig) -> Prepared:
        """Scaled inputs and targets; kept, since most trials share them."""
        key = (config.scaling, config.target_scale)
        if key not in self.prepared:
            tables, tasks = self.tables, self.parameters.tasks_of(self.run)
            self.prepared[key] = prepare(
                tables.recordings, tables.splits, tables.clip_ids, tables.features, tasks, config
            )
        return self.prepared[key]

    def fingerprint(self) -> str:
        """A name that changes with whatever makes trials incomparable: data, run and ranges."""
        parameters, tables = self.parameters, self.tables
        said = [
            parameters.search,
            asdict(parameters.architecture(self.run)),
            asdict(parameters.recipe(self.run)),
            {name: asdict(task) for name, task in parameters.tasks_of(self.run).items()},
        ]
        digest = hashlib.blake2b(json.dumps(said, default=asdict, sort_keys=True).encode(), digest_size=8)
        digest.update(np.ascontiguousarray(tables.features).data)
        for table in (tables.recordings, tables.splits):
            digest.update(table.to_csv(index=False).encode())
        return f"{self.run} {digest.hexdigest()}"


def finished(study: Any) -> list[Any]:
    """The trials of a study that came to an end."""
    return [trial for trial in study.trials if trial.state.name == "COMPLETE"]


def compare(search: Search, values: Mapping[str, Any]) -> None:
    """Say what the run scores as it is and with the options found, on validation and, for once, on test."""
    gains = {}
    models = {"as it is": search.model({}), "as found": search.model(values)}
    for split in ("validation", "test"):
        skills = {}
        for which, model in models.items():
            scores = scores_of(model, search.tables, split)
            skills[which] = skill_of(model, search.tables, split, scores)
            listed = ", ".join(
                f"{name} {METRICS[model.tasks[name].score].label} {score:.3f}"
                for name, score in scores.items()
            )
            say(f"{search.run} {which}, {split}: {listed}; mean skill {skills[which]:.4f}")
        gains[split] = skills["as found"] - skills["as it is"]
    say(f"gain on validation {gains['validation']:+.4f}, on test {gains['test']:+.4f}{_survives(gains)}")


def _survives(gains: Mapping[str, float]) -> str:
    if np.isnan(gains["test"]):
        return ": test has no labels"
    if gains["validation"] <= 0:
        return ": the search found nothing better"
    return f": {max(0.0, gains['test'] / gains['validation']):.0%} of it survives"


def with_run(parameters: Parameters, run: str, name: str, values: Mapping[str, Any]) -> str:
    """The text of params.yaml with the options as a model and a run.

    A model of its own, and not a recipe, since every run depends on section recipes.

    Raises:
        UserError: if the file could not be loaded with them, or has a section in braces.
    """
    options = parameters.run(run)
    model = parameters.models[options.model]
    entry = {
        **asdict(model.architecture),
        **({} if model.tasks is None else {"tasks": model.tasks}),
        **({} if model.recipe is None else {"recipe": model.recipe}),
        "train": {**model.train, **values},
    }
    text = with_entry(FILE.read_text(encoding="utf-8"), "models", name, entry)
    text = with_entry(text, "runs", name, {"features": options.features, "model": name})
    parse_text(text)
    return text


if __name__ == "__main__":
    guarded(main)
