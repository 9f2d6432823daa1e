"""How good a run is and how sure that is: scores with intervals, comparisons, the paper's numbers.

It may import metrics, dataset, config and runtime; never torch.
"""
