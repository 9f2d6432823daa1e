"""The stages of the pipeline and the commands that people type, one module each."""
