"""Predict new recordings with a trained model, and write the predictions in several formats.

It may import bags, features, audio, the modules of networks without torch, and what these may import.
"""
