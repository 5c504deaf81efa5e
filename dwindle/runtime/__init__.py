"""What ships: recogniser, voice activity, stream, microphone; numpy and onnxruntime, never torch."""
