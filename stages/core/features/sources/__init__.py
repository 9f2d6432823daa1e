"""Where features come from: openSMILE configurations, pretrained models, tables of your own.

Each module opens one kind of source. Torch, onnxruntime and transformers are imported where they are used.
"""
