"""A tampered model is refused in one sentence, or still predicts finite numbers; never a traceback."""

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from stages.core.networks.model import Model
from stages.core.prediction.extraction import RowExtractor
from stages.core.runtime.errors import UserError
from tests.helpers.tiny_project import build

DELETED = object()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained joint network of emotion, country and age."""
    folder = tmp_path_factory.mktemp("project")
    build(folder, ["egemaps-mtl2"], runs={"egemaps-mtl2": {"features": "egemaps", "model": "mtl2"}})
    return folder / "data/models/egemaps-mtl2"


@pytest.fixture
def model(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "model")


def change(content: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy with one value, at ``a.0.b``, replaced or deleted."""
    content = copy.deepcopy(content)
    *parents, last = (int(part) if part.isdigit() else part for part in path.split("."))
    inside: Any = content
    for part in parents:
        inside = inside[part]
    if value is DELETED:
        del inside[last]
    else:
        inside[last] = value
    return content


PARTS = "tasks classes scales architecture networks feature_names training outputs scaling".split()
CHANGES = [
    *((key, value) for key in PARTS for value in (DELETED, None, 7, "text", [], {}, [None])),
    ("scaling", "log"),
    ("feature_names", ["a", "b"]),
    ("feature_names.0", 1),
    ("feature_names.0", "feature 1"),
    ("classes.country", ["one"]),
    ("classes.country", [1, 2, 3, 4]),
    ("scales.age", [float("nan"), 1.0]),
    ("scales.age", [0.0, 0.0]),
    ("scales.age", [1.0]),
    ("scales.age", DELETED),
    ("architecture.trunk", []),
    ("architecture.trunk", [0]),
    ("architecture.trunk", [-3]),
    ("architecture.trunk", [10**9]),
    ("architecture.trunk.0", 3.5),
    ("architecture.head", [5, 5]),
    ("networks.0.seed", 99),
    ("networks.0.seed", "1"),
    ("networks.0.tasks", []),
    ("networks.0.tasks", ["unknown"]),
    ("networks.0.tasks", ["age", "age"]),
    ("networks.0.name", "../../elsewhere"),
    ("networks.0.name", DELETED),
    ("networks", lambda networks: [*networks, networks[0]]),
    ("tasks.age.kind", "poetry"),
    ("tasks.age.columns", []),
    ("tasks.age.columns", "Age"),
    ("tasks.emotion.columns", ["Awe"]),
    ("tasks.emotion.output", "cubic"),
    ("tasks.country", DELETED),
    ("outputs.emotion", 9),
    ("training.seeds", []),
    ("training.seeds", [1, 1]),
    ("training.seeds", [1, 2, 3]),
    ("origin", []),
    ("origin", {"bags": 7}),
]


@pytest.mark.parametrize(("path", "value"), CHANGES)
def test_a_changed_description(model: Path, path: str, value: object) -> None:
    content = json.loads((model / "model.json").read_text())
    if callable(value):
        value = value(content[path])
    (model / "model.json").write_text(json.dumps(change(content, path, value)))
    with pytest.raises(UserError) as caught:
        Model.load(model)
    assert str(model) in str(caught.value)
    assert len(str(caught.value)) < 400


Tensors = dict[str, np.ndarray]


def ending_in(tensors: Tensors, end: str) -> Tensors:
    return {name: values for name, values in tensors.items() if name.endswith(end)}


def changed(tensors: Tensors, end: str, new: Callable[[np.ndarray], np.ndarray]) -> Tensors:
    """Tensors of which those whose name ends so are replaced."""
    assert ending_in(tensors, end)
    return {**tensors, **{name: new(values) for name, values in ending_in(tensors, end).items()}}


def without(tensors: Tensors, end: str) -> Tensors:
    return {name: values for name, values in tensors.items() if name not in ending_in(tensors, end)}


TENSORS: dict[str, Callable[[Tensors], Tensors]] = {
    "nothing": lambda _: {},
    "no scaling": lambda tensors: without(tensors, "scaling"),
    "some gone": lambda tensors: without(tensors, "trunk.0.0.weight"),
    "one more": lambda tensors: {**tensors, "other": np.zeros(3, np.float32)},
    "another shape": lambda tensors: changed(tensors, "trunk.0.0.weight", lambda values: values[:, :-1]),
    "another type": lambda tensors: changed(tensors, ".bias", lambda values: values.astype(np.float64)),
    "NaN": lambda tensors: changed(tensors, ".0.bias", lambda values: values * np.nan),
    "infinite": lambda tensors: changed(tensors, ".1.bias", lambda values: values + np.inf),
    "NaN in the scaling": lambda tensors: changed(tensors, "scaling", lambda values: values * np.nan),
    "a flat scaling": lambda tensors: changed(tensors, "scaling", np.ravel),
    "a scaling of other features": lambda tensors: changed(tensors, "scaling", lambda values: values[:, 1:]),
    "columns that do not exist": lambda tensors: {
        **tensors,
        f"{min(tensors).split('/')[0]}/columns": np.array([10**6], np.int64),
    },
}


@pytest.mark.parametrize("what", TENSORS)
def test_changed_weights(model: Path, what: str) -> None:
    tensors = {name: values.copy() for name, values in load_file(model / "weights.safetensors").items()}
    tampered = {name: np.ascontiguousarray(values) for name, values in TENSORS[what](tensors).items()}
    save_file(tampered, model / "weights.safetensors")
    with pytest.raises(UserError, match="holds a damaged model"):
        Model.load(model)


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_cut_missing_and_scrambled_files(model: Path, name: str) -> None:
    whole = (model / name).read_bytes()
    rng = np.random.default_rng(0)
    for content in (b"", whole[:10], whole[: len(whole) // 2], whole[:-3], b"[" * 100_000, rng.bytes(1000)):
        (model / name).write_bytes(content)
        with pytest.raises(UserError, match="holds a damaged model"):
            Model.load(model)
    (model / name).unlink()
    with pytest.raises(UserError, match="does not exist"):
        Model.load(model)


def test_any_changed_byte_of_the_description_is_a_sentence_or_a_model_that_predicts(model: Path) -> None:
    whole = (model / "model.json").read_bytes()
    rng = np.random.default_rng(1)
    features = rng.normal(size=(3, len(Model.load(model).feature_names))).astype(np.float32)
    for index in rng.integers(0, len(whole), 150):
        damaged = bytearray(whole)
        damaged[index] = rng.integers(32, 127)
        (model / "model.json").write_bytes(damaged)
        try:
            found = Model.load(model).predict(features)
        except UserError:
            continue
        assert all(np.isfinite(values).all() for tasks in found.values() for values in tasks.values())


COLUMNS = 25  # low-level descriptors of eGeMAPS
CODEBOOK = f"codebookNumeric\n2;{COLUMNS};1;0.0;0.0\n" + 2 * (";".join(["0.5"] * COLUMNS) + "\n")
BAGS = {"codebook": CODEBOOK, "layout": "joint", "normalize": "none"}
ORIGIN = {
    "preprocess": {"peak_db": -3.0, "trim": "none"},
    "synthetic": True,
    "feature_set": "eGeMAPSv02",
    "bags": BAGS,
}


def with_header(header: str) -> dict[str, Any]:
    return {**BAGS, "codebook": CODEBOOK.replace("2;25;1;0.0;0.0", header)}


ORIGINS: dict[str, tuple[str, object]] = {
    "no feature set": ("feature_set", DELETED),
    "an unknown feature set": ("feature_set", "eGeMAPSv99"),
    "a feature set that is no text": ("feature_set", 7),
    "another feature set": ("feature_set", "ComParE_2016"),
    "no preprocessing": ("preprocess", DELETED),
    "preprocessing that is no object": ("preprocess", 3),
    "an option that does not exist": ("preprocess", {"peak_db": -3.0, "speed": 2}),
    "a peak that is no number": ("preprocess", {"peak_db": "loud", "trim": "none"}),
    "a peak beyond full scale": ("preprocess", {"peak_db": 40.0, "trim": "none"}),
    "bags that are no object": ("bags", 7),
    "bags without a layout": ("bags", {"codebook": CODEBOOK, "normalize": "none"}),
    "an unknown layout": ("bags", {**BAGS, "layout": "round"}),
    "a layout of no columns": ("bags", {**BAGS, "layout": {"one": ["nothing*"]}}),
    "an unknown normalization": ("bags", {**BAGS, "normalize": "much"}),
    "an empty codebook": ("bags", {**BAGS, "codebook": ""}),
    "a codebook of no words": ("bags", {**BAGS, "codebook": "codebookNumeric\n0;25;1;0.0;0.0\n"}),
    "a codebook that ends early": ("bags", {**BAGS, "codebook": CODEBOOK[:-30]}),
    "no assignments": ("bags", with_header("2;25;0;0.0;0.0")),
    "negative assignments": ("bags", with_header("2;25;-3;0.0;0.0")),
    "10⁹ assignments": ("bags", with_header("2;25;1000000000;0.0;0.0")),
    "10⁹ words": ("bags", with_header("1000000000;25;1;0.0;0.0")),
    "words of other columns": ("bags", with_header("2;24;1;0.0;0.0")),
    "words that are not numbers": ("bags", {**BAGS, "codebook": CODEBOOK.replace("0.5", "nan")}),
}


def test_the_origin_before_it_is_tampered_with_is_sound() -> None:
    RowExtractor(ORIGIN)


@pytest.mark.parametrize("what", ORIGINS)
def test_an_origin_from_which_no_features_can_be_made(what: str) -> None:
    with pytest.raises(UserError) as caught:
        RowExtractor(change(ORIGIN, *ORIGINS[what]))
    assert len(str(caught.value)) < 400
