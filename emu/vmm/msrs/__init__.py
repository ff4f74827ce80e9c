"""The model-specific registers, one file per family."""
