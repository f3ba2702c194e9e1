"""Load a vision-language model, know its geometry, run it. Only this package and core.street know transformers."""
