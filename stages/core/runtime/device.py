"""The device of torch that a parameter asks for."""

from pathlib import Path

from stages.core.runtime.errors import OptionError

DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/dxg"))


def accelerator(choice: str) -> str | None:
    """The device that ``auto``, ``cpu`` or ``cuda`` means here; None: the processor.

    ``auto`` looks for NVIDIA's driver as Linux shows it before it loads torch, which takes seconds.

    Args:
        choice: the value of the parameter.

    Raises:
        OptionError: if ``cuda`` is asked for and there is none.
    """
    if choice == "cpu" or (choice == "auto" and not any(driver.exists() for driver in DRIVERS)):
        return None
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if choice == "cuda":
        raise OptionError("device", "is cuda, but torch finds no GPU; set it to auto or cpu")
    return None
