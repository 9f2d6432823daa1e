"""Networks: data, scaling, selection, losses, training in three engines, models on disk.

It may import metrics, dataset, config and runtime; torch is imported here alone.
"""
