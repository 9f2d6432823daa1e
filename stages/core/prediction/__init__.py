"""Predict new recordings with a trained model, and write the predictions in several formats.

It may import networks (the modules without torch), bags, features, audio and the packages that these may import.
"""
