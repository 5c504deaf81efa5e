"""Images at run time: Pillow, numpy and ONNX Runtime; never torch."""

SIDE = 28  # pixels of the network's input, in both directions
