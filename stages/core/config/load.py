"""params.yaml, read, typed and checked in one place.

Whatever does not fit — an unknown key, a wrong type, an impossible value, a run that names no
model — is one sentence that names file, field and remedy.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import yaml

from stages.core.config.checks import check
from stages.core.config.parameters import FILE, Parameters, refuse_unknown, shown, typed
from stages.core.config.search import SearchRange
from stages.core.config.sources import EXTERNAL, PACKAGED, OpenSmileSet
from stages.core.config.training import TrainingConfig
from stages.core.runtime.errors import UserError, did_you_mean

__all__ = ["Parameters", "load", "parse"]
_BOOL = "tag:yaml.org,2002:bool"
_BESIDE_ARCHITECTURE = ("tasks", "recipe", "train")


class _Loader(yaml.SafeLoader):
    """The safe loader, which also refuses anchors, and a key that stands twice: the second would win.

    DVC's ``-S`` writes a value through an anchor into all that share it, or loses it. As in YAML 1.2, which
    DVC reads, ``yes``, ``no``, ``on`` and ``off`` are text.
    """

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, regexp) for tag, regexp in resolvers if tag != _BOOL]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """The value of a node; one that looks like a date or says its type, and is none, is not YAML."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, KeyError, AttributeError, TypeError):
            if not isinstance(node, yaml.ScalarNode):
                raise
            kind = node.tag.rpartition(":")[2]
            problem = f"{node.value!r} is no {kind}; put it in quotes"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None

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


_Loader.add_implicit_resolver(_BOOL, re.compile("(true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


def load(path: Path = FILE) -> Parameters:
    """Read and check params.yaml.

    Raises:
        UserError: one sentence on the first thing that does not fit.
    """
    try:
        return parse_text(path.read_text(encoding="utf-8"), path)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; run from the project's top folder.") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not YAML: {error}.") from None


def parse_text(text: str, path: Path = FILE) -> Parameters:
    """Check the text of params.yaml, which errors call ``path``, and give it types.

    Raises:
        UserError: as :func:`load`.
    """
    try:
        content = _Loader(unicodedata.normalize("NFC", text)).get_single_data()
    except yaml.YAMLError as error:
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
            f"{FILE} must hold sections such as corpus, tasks and train; it holds {shown(content)}."
        )
    content = {**content, "models": _models(content.get("models", {}))}
    if isinstance(content.get("search"), dict):
        refuse_unknown(TrainingConfig, dict.fromkeys(content["search"]), "search")
        refuse_unknown(dict[str, SearchRange], content["search"], "search")
    features = _sources(content, "features", PACKAGED)
    external = _sources(content, "external", EXTERNAL)
    parameters = replace(
        typed(Parameters, {**content, "features": {}, "external": {}}), features=features, external=external
    )
    check(parameters)
    return parameters


def _sources(content: Mapping[str, Any], section: str, kinds: Mapping[str, type]) -> dict[str, Any]:
    """The entries of ``features`` or ``external``; a name alone is an openSMILE set."""
    entries = content.get(section) or {}
    if not isinstance(entries, dict):
        raise UserError(
            f"{FILE}: {section} must hold names and what they stand for; it holds {shown(entries)}."
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
        found[name] = typed(kinds[kind], options, where)
    return found


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
