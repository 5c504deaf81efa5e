"""Spoken words: corpora, synthetic voices, augmentation, networks, and how good an answer is."""
