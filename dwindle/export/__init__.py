"""Stage 3: the files that ship, proved to answer as PyTorch does, measured and compared."""
