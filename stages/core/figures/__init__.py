"""Drawings: charts, confusion matrices, the use of a codebook. matplotlib is imported here alone.

It may import metrics, config and runtime; never torch.
"""
