"""Stage 2: pruning and quantisation. Knows no task by name."""
