"""The metrics: CCC, UAR, MAE and the score of the ExVo multi-task track; the naive predictor.

It may import config and runtime.
"""
