"""The part of the assignment that a GPU does: frames whose nearest words a matrix product settles."""

from dataclasses import dataclass

import numpy as np
import torch

from stages.core.bags.kernels import margin_of


@dataclass(frozen=True)
class GpuCounter:
    """Counts on a device of torch, for :class:`stages.core.bags.assignment.Assigner`.

    Attributes:
        device: for example ``cuda``.
    """

    device: str

    def __call__(
        self,
        frames: np.ndarray,
        columns: np.ndarray,
        owner: np.ndarray,
        wanted: int,
        bags: np.ndarray,
        largest: float,
    ) -> tuple[float, np.ndarray]:
        """Count the frames whose nearest words are beyond doubt.

        Args:
            frames: float32 [n, d + 1], standardized, a column of ones at the end.
            columns: float32 [d + 1, words], the factor that makes the product the closeness.
            owner: int64 [n], the row of ``bags`` that a frame counts for.
            wanted: how many words a frame counts.
            bags: int32 [clips, words], added to.
            largest: squared length of a frame above which the product may overflow.

        Returns:
            The sum of the squared distances to the nearest word of the counted frames, and which frames are
            left to be counted by exact sums: bool [n].
        """
        here = torch.from_numpy(frames).to(self.device)
        closeness = here @ torch.from_numpy(columns).to(self.device)
        top, index = closeness.topk(min(wanted + 1, closeness.shape[1]))
        square = (here[:, :-1].double() ** 2).sum(1)
        clear = square <= largest
        if wanted < closeness.shape[1]:
            gap = top[:, wanted - 1].double() - top[:, wanted].double()
            clear &= gap > margin_of(square, top[:, wanted].double(), frames.shape[1] - 1)
        cells = torch.from_numpy(owner).to(self.device)[clear, None] * bags.shape[1] + index[clear, :wanted]
        counts = torch.bincount(cells.ravel(), minlength=bags.size).reshape(bags.shape)
        bags += counts.cpu().numpy().astype(np.int32)
        error = float((square - 2 * top[:, 0]).clamp(min=0)[clear].sum())
        return error, ~clear.cpu().numpy()
