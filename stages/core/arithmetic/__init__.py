"""Exponentials, logarithms and products of matrices that have the same bits on every processor.

It may import nothing of the project.
"""
