"""Draw charts, confusion matrices and the use of a codebook with matplotlib.

It may import metrics, config and runtime; never torch.
"""
