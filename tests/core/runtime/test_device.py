from pathlib import Path

import pytest
import torch

from stages.core.runtime import device
from stages.core.runtime.device import accelerator
from stages.core.runtime.errors import OptionError


def test_the_device_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(device, "DRIVERS", (tmp_path / "none",))
    assert accelerator("cpu") is None
    assert accelerator("auto") is None
    with pytest.raises(
        OptionError, match=r"^device is cuda, but torch finds no GPU; set it to auto or cpu\.$"
    ):
        accelerator("cuda")  # whether there is a driver or not
    monkeypatch.setattr(device, "DRIVERS", (tmp_path / "none", tmp_path))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert accelerator("auto") == accelerator("cuda") == "cuda"
    assert accelerator("cpu") is None
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert accelerator("auto") is None
    with pytest.raises(OptionError, match=r"device is cuda, but torch finds no GPU"):
        accelerator("cuda")
