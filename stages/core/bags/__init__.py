"""Bags of audio words as openXBOW computes them: codebook, learning, assignment, counting.

It may import features and what features may import.
"""
