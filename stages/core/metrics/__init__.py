"""The metrics by which tasks are scored, the score of the ExVo multi-task track, and the naive predictor.

It may import config and runtime.
"""
