"""Stage 4, what answers at run time: numpy and onnxruntime, never torch."""
