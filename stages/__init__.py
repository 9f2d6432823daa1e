"""The pipeline's stages, one module each, in the order that dvc.yaml lists them."""
