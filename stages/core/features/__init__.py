"""openSMILE: functionals and low-level descriptors, their cache and their files.

It may import audio, config and runtime.
"""
