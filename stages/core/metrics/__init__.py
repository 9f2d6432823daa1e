"""The scores as formulas: CCC, UAR, MAE and the joint score of ExVo.

It may import config and runtime.
"""
