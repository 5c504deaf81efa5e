"""Sound: reading, the front end, augmentation, synthetic voices. The constants of every digit model stand here."""

SAMPLE_RATE = 8_000  # Hz; telephones and FSDD have no more
WINDOW_SAMPLES = 8_000  # one second, what an isolated word is judged on
