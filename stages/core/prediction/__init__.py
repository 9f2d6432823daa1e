"""From a new recording to the features that a model reads, by the steps that its training clips went through.

It may import bags, features, audio and what they may import; never torch.
"""
