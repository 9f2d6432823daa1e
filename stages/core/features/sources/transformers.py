"""Speech models of the ``transformers`` package: wav2vec 2.0, HuBERT, WavLM, data2vec, Whisper's encoder.

From a local folder or from this machine's cache of the Hugging Face hub; nothing is downloaded, no code that
comes with a model is run, and weights are read as safetensors alone. Clips pass one by one, unpadded, so that
a clip's vector never depends on its company. These models learnt from whole sentences: on clips below a
second they are weak.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from stages.core.config.sources import HubModel, LocalModel
from stages.core.features.extractor import Features
from stages.core.features.sources.pooling import numbered, pool, pooled_names
from stages.core.features.sources.source import SourceError, needed, vector_only
from stages.core.runtime.files import digest_of

RATE = 16000
_REQUIREMENTS = "-r requirements-transformers.txt"


class SpeechModel:
    """A model in one process.

    Raises:
        SourceError: if the package or the model is missing, or the model has no such layer.
    """

    frame_names = ()

    def __init__(self, options: HubModel | LocalModel) -> None:
        transformers = needed("transformers", "transformers", _REQUIREMENTS)
        import torch

        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        self._options = options
        place = _place_of(options)
        self._prepare, self._model = _opened(transformers, place)
        self._device = "cuda" if options.device != "cpu" and torch.cuda.is_available() else "cpu"
        if options.device == "cuda" and self._device == "cpu":
            raise SourceError("device is cuda, but this machine has none; set it to auto")
        self._model.to(self._device)
        config = self._model.config
        layers = getattr(config, "encoder_layers", None) or config.num_hidden_layers
        self._weights = _weights_of(options, layers)
        self._shortest = _receptive_field(config)
        self._spectral = self._prepare.model_input_names[0] == "input_features"
        names = numbered("layer", config.hidden_size)
        self.names = pooled_names(names, options.pooling)
        versions = (transformers.__version__, torch.__version__, self._device)
        text = repr((options.layer, options.weights, options.pooling, versions))
        digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        self.fingerprint = f"{digest}-{digest_of(place)}"

    def frames(self, samples: np.ndarray) -> np.ndarray:
        """int16 [samples] → float64 [frames, d], the weighted mean of the layers."""
        import torch

        wave = (samples / 32768).astype(np.float32)
        wave = np.pad(wave, (0, max(0, self._shortest - len(wave))))
        prepared = self._prepare(wave, sampling_rate=RATE, return_tensors="pt")
        inputs = prepared[self._prepare.model_input_names[0]].to(self._device)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # the number of threads could change the last bit
        try:
            with torch.no_grad():
                hidden = self._model(inputs, output_hidden_states=True).hidden_states
        finally:
            torch.set_num_threads(threads)
        mean = sum(
            weight * hidden[layer][0].double().cpu().numpy() for layer, weight in self._weights.items()
        )
        if self._spectral:  # Whisper pads all clips to 30 s; frames behind the clip say nothing
            shown = inputs.shape[-1] * self._prepare.hop_length
            mean = mean[: max(1, -(-len(wave) * len(mean) // shown))]
        return np.asarray(mean)

    def extract(self, samples: np.ndarray) -> Features:
        """int16 [samples] → the frames, pooled.

        Raises:
            UnusableClipError: if a value is not finite.
        """
        return vector_only(pool(self.frames(samples), self._options.pooling))


def _place_of(options: HubModel | LocalModel) -> Path:
    """The folder with the model's files."""
    if isinstance(options, LocalModel):
        folder = Path(options.path)
        if not (folder / "config.json").is_file():
            raise SourceError(f"path {folder} holds no config.json; name a folder that save_pretrained wrote")
        return folder
    hub = needed("huggingface_hub", "transformers", _REQUIREMENTS)
    patterns = ["*.json", "*.safetensors", "*.txt"]
    try:
        found = hub.snapshot_download(
            options.model, revision=options.revision, local_files_only=True, allow_patterns=patterns
        )
    except (OSError, ValueError):
        raise SourceError(
            f"model {options.model} is not in this machine's cache of the hub; "
            f"`hf download {options.model}` fetches it"
        ) from None
    return Path(found)


def _opened(transformers: Any, place: Path) -> tuple[Any, Any]:
    """The model's preparation of audio, and its encoder."""
    try:
        prepare = transformers.AutoFeatureExtractor.from_pretrained(place, local_files_only=True)
        model = transformers.AutoModel.from_pretrained(place, local_files_only=True, use_safetensors=True)
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = " ".join(str(error).split())[:120].removesuffix(".")
        raise SourceError(
            f"transformers cannot open {place} as a speech model with weights in safetensors ({reason}); "
            "save it anew with save_pretrained"
        ) from None
    if getattr(prepare, "sampling_rate", None) != RATE:
        raise SourceError(f"{place} is no model of 16 kHz audio; choose a speech model")
    model = model.get_encoder() if model.config.is_encoder_decoder else model
    return prepare, model.eval()


def _weights_of(options: HubModel | LocalModel, layers: int) -> dict[int, float]:
    """Hidden layer → its share of the mean."""
    if options.layer == "all":
        chosen: tuple[int, ...] = tuple(range(layers + 1))
    else:
        chosen = (options.layer,) if isinstance(options.layer, int) else options.layer
    if max(chosen) > layers:
        raise SourceError(f"layer {max(chosen)} does not exist; the model has layers 0 to {layers}")
    weights = options.weights or (1.0,) * len(chosen)
    if len(weights) != len(chosen) or not sum(weights) > 0:
        raise SourceError(f"weights must be {len(chosen)} numbers, one per layer, not all of them 0")
    return {layer: weight / sum(weights) for layer, weight in zip(chosen, weights, strict=True)}


def _receptive_field(config: Any) -> int:
    """Samples below which a model's convolutions give no frame."""
    field, stride = 1, 1
    for kernel, step in zip(
        getattr(config, "conv_kernel", ()), getattr(config, "conv_stride", ()), strict=True
    ):
        field, stride = field + (kernel - 1) * stride, stride * step
    return field
