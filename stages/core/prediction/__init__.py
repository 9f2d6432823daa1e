"""New recordings → what a model predicts for them, and the forms in which that is written.

It may import networks (what does without torch), bags, features, audio and what they may import; never torch.
"""
