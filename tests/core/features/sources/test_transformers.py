"""Speech models against a plain loop over ``transformers``, on tiny ones of random weights."""

from pathlib import Path

import numpy as np
import pytest

from stages.core.config.sources import HubModel, LocalModel
from stages.core.features.sources.source import Extractor, SourceError, open_source
from stages.core.features.sources.transformers import SpeechModel

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")
TINY = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "conv_dim": [16] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "vocab_size": 8,
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Tiny models on disk."""
    torch.manual_seed(1)
    made = {}
    for name, model in (
        ("hubert", transformers.HubertModel(transformers.HubertConfig(**TINY))),
        (
            "wav2vec2",
            transformers.Wav2Vec2Model(transformers.Wav2Vec2Config(**TINY, feat_extract_norm="layer")),
        ),
    ):
        made[name] = tmp_path_factory.mktemp(name)
        model.save_pretrained(made[name])
        transformers.Wav2Vec2FeatureExtractor().save_pretrained(made[name])
    whisper = transformers.WhisperConfig(
        d_model=32, encoder_layers=2, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=64, decoder_ffn_dim=64, vocab_size=8, pad_token_id=0, bos_token_id=0, eos_token_id=0,
        decoder_start_token_id=0, suppress_tokens=None, begin_suppress_tokens=None,
    )  # fmt: skip
    made["whisper"] = tmp_path_factory.mktemp("whisper")
    transformers.WhisperModel(whisper).save_pretrained(made["whisper"])
    transformers.WhisperFeatureExtractor().save_pretrained(made["whisper"])
    return made


def noise(seconds: float, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(-9000, 9000, int(seconds * 16000)).astype(np.int16)


def opened(folder: Path, **options: object) -> Extractor:
    return open_source(LocalModel(path=str(folder), **{"layer": 2, **options}))


def plain_frames(folder: Path, samples: np.ndarray) -> list[np.ndarray]:
    """Frames of each hidden layer, as anybody would ask transformers for them."""
    prepare = transformers.AutoFeatureExtractor.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        inputs = prepare(samples / 32768, sampling_rate=16000, return_tensors="pt")
        return [layer[0].numpy() for layer in model(**inputs, output_hidden_states=True).hidden_states]


@pytest.mark.parametrize("name", ["hubert", "wav2vec2"])
@pytest.mark.parametrize("seconds", [0.1, 1.37])
def test_a_layer_is_that_of_a_plain_loop(folders: dict[str, Path], name: str, seconds: float) -> None:
    layers = plain_frames(folders[name], noise(seconds))
    for layer in (0, 2, 3):
        found = opened(folders[name], layer=layer).extract(noise(seconds)).functionals
        expected = np.r_[layers[layer].mean(axis=0), layers[layer].std(axis=0)]
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_layers_are_averaged_by_their_weights(folders: dict[str, Path]) -> None:
    layers = np.stack([layer.mean(axis=0) for layer in plain_frames(folders["hubert"], noise(1.0))])

    def mean(**options: object) -> np.ndarray:
        return opened(folders["hubert"], pooling="mean", **options).extract(noise(1.0)).functionals

    np.testing.assert_allclose(mean(layer="all"), layers.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(mean(layer=(1, 3)), (layers[1] + layers[3]) / 2, atol=1e-5)
    weighted = mean(layer=(1, 3), weights=(3.0, 1.0))
    np.testing.assert_allclose(weighted, 0.75 * layers[1] + 0.25 * layers[3], atol=1e-5)


@pytest.mark.parametrize("name", ["hubert", "wav2vec2", "whisper"])
def test_a_clip_has_the_same_bits_in_any_company(folders: dict[str, Path], name: str) -> None:
    model = opened(folders[name])
    first = model.extract(noise(0.8)).functionals.tobytes()
    model.extract(noise(2.9, seed=2))
    assert model.extract(noise(0.8)).functionals.tobytes() == first


def test_whisper_keeps_the_frames_of_the_clip_alone(folders: dict[str, Path]) -> None:
    model = SpeechModel(LocalModel(path=str(folders["whisper"]), layer=2))
    assert len(model.frames(noise(1.0))) == 50
    assert len(model.names) == len(model.extract(noise(1.0)).functionals) == 64


def test_a_clip_shorter_than_the_convolutions_is_padded(folders: dict[str, Path]) -> None:
    found = opened(folders["wav2vec2"]).extract(noise(0.01)).functionals
    assert np.isfinite(found).all()


def test_other_weights_are_another_fingerprint(folders: dict[str, Path], tmp_path: Path) -> None:
    assert opened(folders["hubert"]).fingerprint != opened(folders["hubert"], layer=1).fingerprint
    torch.manual_seed(2)
    transformers.HubertModel(transformers.HubertConfig(**TINY)).save_pretrained(tmp_path)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(tmp_path)
    assert opened(folders["hubert"]).fingerprint != opened(tmp_path).fingerprint


def test_what_does_not_fit_is_one_sentence(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SourceError, match=r"holds no config\.json; name a folder that save_pretrained wrote"):
        opened(tmp_path)
    with pytest.raises(SourceError, match=r"layer 9 does not exist; the model has layers 0 to 3"):
        opened(folders["hubert"], layer=9)
    with pytest.raises(SourceError, match=r"weights must be 2 numbers, one per layer"):
        opened(folders["hubert"], layer=(1, 2), weights=(1.0,))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(SourceError, match=r"is not in this machine's cache of the hub; `hf download a/b`"):
        open_source(HubModel(model="a/b", layer=1))


def test_pickled_weights_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    for file in folders["hubert"].iterdir():
        if file.suffix == ".json":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(SourceError, match=r"cannot open .* with weights in safetensors"):
        opened(tmp_path)
