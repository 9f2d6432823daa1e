"""Scores of a run with intervals, comparisons of runs, and the paper's values.

It may import metrics, dataset, config and runtime; never torch.
"""
