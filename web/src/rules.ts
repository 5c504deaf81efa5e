// What listener.ts, levels.ts and spotter.ts share: the constants of the Python listener, and what a word is.

import type { EnrolledWords } from "./enrolled";

export const REJECT = "reject"; // the class of everything that is none of the words

// every constant of the Python modules that are named beside it, and no other
export const RULES = {
  // vad.py, the energy detector and the background
  detectorFrameMs: 20, quietestDb: -60, aboveNoiseDb: 9, noiseRiseDbPerS: 3,
  rememberedS: 2, newestS: 0.5, standsOutDb: 12, fallenDb: 20,
  // speeds.py and model.py
  speeds: [0.9, 1, 1.1], runningThreshold: 0.3, framesShare: 0.2,
  // decoder.py
  hopFrames: 1.5, decodeBeforeEndS: 0.15, decodeAtEndS: 0, fewestLookAheadFrames: 3, mostLookAheadFrames: 10, earlierInSilenceFrames: 1,
  certainAtOnce: 0.8, retriedFrames: 5, proposed: 0.05, released: 0.05, otherWord: 0.5, rememberedFrames: 100, peakFrames: 5, leastPooledShare: 0.6,
  pooledBeforeS: 0.09,
  // hold_back.py
  holdS: 2, confirming: 0.55, confirmingAmidSpeech: 0.8, faintDb: 25, worthHoldingAmidNoise: 0.5,
  // edges.py
  stepS: 0.01, rangeDb: 25, bridgedSteps: 8,
  marginMs: 20, loudShare: 0.25, faintShare: 0.15, longestFaintMs: 100, largestRangeDb: 45, bridgedMs: 150,
  // spotter.py
  settledRuns: 3, clearly: 0.01, releasedBelow: 0.1,
  // listener.py
  windowS: 0.768, hangoverS: 0.1, preRollS: 0.4, drawnOutS: 0.4, amidSpeechS: 1.5, amidWords: 2, othersKept: 0.03,
  // hindsight.py
  aroundS: 4, fewestWords: 2, mostOthers: 1.5, othersKeptInString: 0.01, fewestOthers: 2,
};

/** What the listener needs of a network. */
export interface Recogniser {
  labels: string[];
  sampleRate: number; // Hz
  frameSamples: number; // that each frame spans
  peakAfterStartS: number;
  peakBeforeEndS: number;
  runningThreshold: number;
  loneThreshold: number;
  noisyThreshold: number;
  speechThreshold: number;
  readonly enrolled: EnrolledWords; // words that a person added
  readonly speeds: number[]; // at which whoever need not hurry judges a word
  /** Probabilities of the labels for these samples taken as one word. */
  pooled(samples: Float32Array, speeds: number[]): Promise<Float32Array>;
  /** Probabilities of labels and blank, in each of the newest frames. */
  frames(samples: Float32Array, newest: number): Promise<Float32Array[]>;
  /** Where these samples lie in the crowd of all that is said; the same samples' frames then cost nothing more. */
  direction(samples: Float32Array): Promise<Float32Array>;
}

/** One word in a stream; times count from the stream's first sample. While it sounds on, its end moves along. */
export interface Word {
  digit: string; // or an enrolled word
  startS: number;
  endS: number;
  confidence: number;
  alone: number; // likewise if nothing else is said
  emittedS: number; // how much of the stream had been heard when this was said
  computeMs: number;
  power: number; // of its loudest moment
  amidNoise: boolean;
  amidSpeech: boolean; // beside a word that is none of ours
}
