"""What listens: sound in, words out. It ships, so it never imports torch. Every speech model shares these constants."""

SAMPLE_RATE = 8_000  # Hz; telephones and FSDD have no more
WINDOW_SAMPLES = 8_000  # one second, what an isolated word is judged on
REJECT = "reject"  # the class of everything that is none of the words
STREAM_WINDOW_S = 0.768  # of a stream each run of the network hears: the newest sound
