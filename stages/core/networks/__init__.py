"""Networks: data, scaling, selection, losses, training and models on disk, with torch and numba.

It may import metrics, dataset, config and runtime.
"""
