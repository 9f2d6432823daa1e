"""Bags of audio words as openXBOW computes them: codebooks, and counts of the words in each clip.

It may import features and the packages that features may import.
"""
