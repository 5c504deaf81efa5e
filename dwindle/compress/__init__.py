"""HOW it is shrunk: distil, prune, quantise, export, measure; knows no task by name."""
