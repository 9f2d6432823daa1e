"""What is known about the clips: labels as arrays, and recordings, splits and features joined.

It may import config and runtime.
"""
