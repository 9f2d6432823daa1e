"""openSMILE functionals and low-level descriptors: extraction, cache and files.

It may import audio, config and runtime.
"""
