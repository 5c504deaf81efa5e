"""Text at run time: tokenizers, ONNX Runtime and NumPy; no torch."""
