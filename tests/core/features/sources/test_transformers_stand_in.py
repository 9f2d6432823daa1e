"""Speech models with a stand-in for ``transformers``, whose hidden layers are known: needs no package."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from stages.core.config.sources import HubModel, LocalModel
from stages.core.features.sources.source import SourceError
from stages.core.features.sources.transformers import SpeechModel
from stages.core.runtime.errors import UnusableClipError

LAYERS, WIDTH = 3, 2


class Encoder:
    """A frame of each 320 samples; layer l holds l + 1 and (l + 1)² times its first sample."""

    def __init__(self, config: SimpleNamespace) -> None:
        self.config = config
        self.threads: list[int] = []
        self.asked: dict[str, Any] = {}

    def to(self, device: str) -> None:
        self.device = device

    def eval(self) -> "Encoder":
        return self

    def __call__(self, inputs: torch.Tensor, output_hidden_states: bool) -> SimpleNamespace:
        assert output_hidden_states and not torch.is_grad_enabled()
        self.threads.append(torch.get_num_threads())
        first = inputs[0, ..., ::320].reshape(-1)
        layers = [torch.stack([layer * first, layer**2 * first], 1)[None] for layer in range(1, LAYERS + 2)]
        return SimpleNamespace(hidden_states=layers)


class Prepare:
    """Hands the wave on, as raw samples or, padded to 1 s, as 160 samples per step of a spectrum."""

    sampling_rate, hop_length = 16000, 160

    def __init__(self, name: str) -> None:
        self.model_input_names = [name]

    def __call__(self, wave: np.ndarray, sampling_rate: int, return_tensors: str) -> dict[str, torch.Tensor]:
        assert (sampling_rate, return_tensors, wave.dtype) == (16000, "pt", np.float32)
        if self.model_input_names == ["input_features"]:
            padded = np.pad(wave, (0, 16000 - len(wave)))
            return {"input_features": torch.from_numpy(padded[::160].repeat(1))[None, None]}
        return {"input_values": torch.from_numpy(wave)[None]}


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The package, and in ``made`` what it opened last."""
    package = ModuleType("transformers")
    package.__version__ = "9.9"
    quiet = SimpleNamespace(set_verbosity_error=lambda: None, disable_progress_bar=lambda: None)
    package.utils = SimpleNamespace(logging=quiet)
    package.prepare = Prepare("input_values")
    package.config = SimpleNamespace(
        num_hidden_layers=LAYERS,
        hidden_size=WIDTH,
        is_encoder_decoder=False,
        conv_kernel=(10, 3, 2),
        conv_stride=(5, 2, 2),
    )
    package.opened = []

    def prepare_of(_: Path, **options: Any) -> Prepare:
        assert options == {"local_files_only": True}
        return package.prepare

    def model_of(place: Path, **options: Any) -> Any:
        assert options == {"local_files_only": True, "use_safetensors": True}
        package.opened.append(place)
        package.made = Encoder(package.config)
        whole = SimpleNamespace(config=package.config, get_encoder=lambda: package.made)
        return whole if package.config.is_encoder_decoder else package.made

    package.AutoFeatureExtractor = SimpleNamespace(from_pretrained=prepare_of)
    package.AutoModel = SimpleNamespace(from_pretrained=model_of)
    monkeypatch.setitem(sys.modules, "transformers", package)
    return package


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text("{}")
    return tmp_path


SAMPLES = (np.arange(1600) * 20 - 16000).astype(np.int16)
FIRST = SAMPLES[::320] / 32768


def opened(folder: Path, **options: Any) -> SpeechModel:
    return SpeechModel(LocalModel(path=str(folder), **{"layer": 2, "pooling": "mean", **options}))


@pytest.mark.parametrize(
    ("options", "factors"),
    [
        ({"layer": 0}, (1, 1)),
        ({"layer": 3}, (4, 16)),
        ({"layer": "all"}, (2.5, 7.5)),
        ({"layer": (1, 3)}, (3, 10)),
        ({"layer": (3, 1), "weights": (3.0, 1.0)}, (3.5, 13)),
        ({"layer": "all", "weights": (0.0, 0.0, 5.0, 0.0)}, (3, 9)),
    ],
)
@pytest.mark.usefixtures("stand_in")
def test_layers_and_their_weights(options: dict, factors: tuple[float, float], folder: Path) -> None:
    model = opened(folder, **options)
    np.testing.assert_allclose(model.frames(SAMPLES), np.outer(FIRST, factors), rtol=1e-6)
    found = model.extract(SAMPLES).functionals
    np.testing.assert_allclose(found, FIRST.mean() * np.array(factors), rtol=1e-5)
    assert (model.names, model.frame_names) == (("layer_0000_mean", "layer_0001_mean"), ())


def test_frames_are_pooled_on_one_thread(folder: Path, stand_in: ModuleType) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    model = opened(folder, pooling="mean-sd")
    found = model.extract(SAMPLES).functionals
    assert (torch.get_num_threads(), stand_in.made.threads, stand_in.made.device) == (2, [1], "cpu")
    torch.set_num_threads(before)
    np.testing.assert_allclose(found[2:], FIRST.std() * np.array([3, 9]), rtol=1e-5)
    assert model.names == ("layer_0000_mean", "layer_0001_mean", "layer_0000_sd", "layer_0001_sd")


@pytest.mark.usefixtures("stand_in")
def test_a_short_clip_is_padded_to_what_the_convolutions_need(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = opened(folder)  # 10 samples, 2 steps of 5 more, and one of 10 more
    lengths = []
    monkeypatch.setattr(
        Encoder, "__call__", lambda _, inputs, **__: lengths.append(inputs.shape[1]) or _layers(inputs)
    )
    for length in (3, 29, 30, 31):
        model.frames(SAMPLES[:length])
    assert lengths == [30, 30, 30, 31]


def _layers(inputs: torch.Tensor) -> SimpleNamespace:
    return SimpleNamespace(hidden_states=[inputs[:, :1, None]] * 4)


@pytest.mark.parametrize(("samples", "frames"), [(1, 1), (320, 1), (321, 2), (1600, 5), (16000, 50)])
def test_of_spectra_that_are_padded_the_frames_of_the_clip_are_kept(
    samples: int, frames: int, folder: Path, stand_in: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.prepare = Prepare("input_features")  # 100 steps of 10 ms, 50 frames of 20 ms
    stand_in.config = SimpleNamespace(
        num_hidden_layers=9, encoder_layers=LAYERS, hidden_size=WIDTH, is_encoder_decoder=True
    )
    whole = torch.arange(100.0).reshape(1, 50, 2)
    monkeypatch.setattr(Encoder, "__call__", lambda *_, **__: SimpleNamespace(hidden_states=[whole] * 4))
    found = opened(folder, layer=3).frames(np.ones(samples, np.int16))
    assert found.tolist() == whole[0, :frames].tolist()


def test_whatever_decides_a_vector_is_in_the_fingerprint(folder: Path, stand_in: ModuleType) -> None:
    prints = [
        opened(folder, **options).fingerprint
        for options in (
            {},
            {"layer": 1},
            {"layer": (1, 2)},
            {"layer": (1, 2), "weights": (1.0, 2.0)},
            {"layer": (1, 2), "weights": (2.0, 1.0)},
            {"pooling": "max"},
        )
    ]
    assert opened(folder).fingerprint == prints[0]
    stand_in.__version__ = "9.10"
    prints.append(opened(folder).fingerprint)
    (folder / "model.safetensors").write_bytes(b"weights")
    prints.append(opened(folder).fingerprint)
    (folder / "model.safetensors").write_bytes(b"others")
    prints.append(opened(folder).fingerprint)
    assert len(set(prints)) == len(prints)


def test_a_model_of_the_hub_comes_from_this_machine(
    tmp_path: Path, stand_in: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, asked = ModuleType("huggingface_hub"), []

    def snapshot_download(model: str, **options: Any) -> str:
        asked.append((model, options))
        if model == "a/none":
            raise ValueError("not there")
        return str(tmp_path)

    hub.snapshot_download = snapshot_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    SpeechModel(HubModel(model="a/b", layer=1, revision="v2"))
    options = {"revision": "v2", "local_files_only": True}
    assert asked == [("a/b", {**options, "allow_patterns": ["*.json", "*.safetensors", "*.txt"]})]
    assert stand_in.opened == [tmp_path]
    with pytest.raises(
        SourceError, match=r"^model a/none is not in this machine's .*; `hf download a/none` fetches it\.$"
    ):
        SpeechModel(HubModel(model="a/none", layer=1))


def test_what_does_not_fit_is_one_sentence(
    folder: Path, stand_in: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    for options, message in (
        ({"layer": 4}, r"layer 4 does not exist; the model has layers 0 to 3"),
        ({"layer": (4, 1)}, r"layer 4 does not exist"),
        ({"layer": (1, 4)}, r"layer 4 does not exist"),
        (
            {"layer": (1, 2), "weights": (1.0,)},
            r"weights must be 2 numbers, one per layer, not all of them 0",
        ),
        ({"layer": (1, 2), "weights": (0.0, 0.0)}, r"weights must be 2 numbers"),
        ({"device": "cuda"}, r"device is cuda, but this machine has none; set it to auto"),
    ):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        with pytest.raises(SourceError, match=message):
            opened(folder, **options)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert opened(folder, device="cpu") and stand_in.made.device == "cpu"
    cpu, auto = (opened(folder, device=device).fingerprint for device in ("cpu", "auto"))
    assert stand_in.made.device == "cuda" and cpu != auto
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "transformers", stand_in)
    with pytest.raises(UnusableClipError, match="NaN: 2 of 2 values are not finite"):
        monkeypatch.setattr(SpeechModel, "frames", lambda *_: np.full((3, 2), np.nan))
        opened(folder).extract(SAMPLES)
    stand_in.prepare.sampling_rate = 8000
    with pytest.raises(SourceError, match=r"is no model of 16 kHz audio; choose a speech model"):
        opened(folder)
    (folder / "config.json").unlink()
    with pytest.raises(SourceError, match=r"holds no config\.json; name a folder that save_pretrained wrote"):
        opened(folder)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(SourceError, match=r"`pip install -r requirements-transformers\.txt`\.$"):
        opened(folder)
