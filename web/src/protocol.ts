// What the page and its worker say to each other.
import type { EnrolledWords } from "./enrolled";
import type { Feeling } from "./sentiment_model";
import type { Word } from "./rules";

export type ModelName = "speech" | "digits" | "sentiment" | "language";

/** What the build found to serve: of each model its file, of each task's results theirs. */
export interface Site {
  models: Partial<Record<ModelName, string>>;
  speechSha256: string; // of the speech model's file, which enrolled words belong to
  samples: string[];
  results: string[];
  python: Measured | null; // the same figures, measured with Python
}

export interface Measured {
  loadMs: number; // until sound can be taken
  firstAnswerMs: number; // from the first recording to its words
  realTimeFactor: number; // seconds of computing for each second of sound
  where: string;
}

export interface SpokenWord extends Word {
  latencyMs: number; // from the word's end to the answer, waiting included
  isOwn: boolean; // enrolled by a person; its confidence is how alike the sound was
  isUnsure: boolean; // less likely than a word that stands alone must be
}

/** What the microphone is opened for: words as they are said, or recordings of one word that is to be enrolled. */
export type Purpose = "words" | "takes";

/** One recording of a word that is to be enrolled. */
export interface Take {
  samples: Float32Array; // for a person to hear again
  rate: number;
  direction: Float32Array; // where it lies in the crowd; empty where it is no use
  fault: string; // why it is no use; empty where it is
}

export interface SoundState {
  levelDb: number;
  muted: boolean;
  voiceActive: boolean;
  waiting: string[]; // what may be words, and is said only when others follow
  columns: Uint8Array; // of the log-mel picture, one after the other
  heardS: number;
}

export interface SeenDigit {
  shares: Float32Array; // of each label
  segments: number[]; // how probably each segment of a display is lit; none where the file does not say
}

export interface HeardFile {
  words: SpokenWord[];
  columns: Uint8Array;
  soundS: number;
  computeS: number;
}

/** Asked of the worker, by name: what goes in, and what comes back. */
export interface Questions {
  open: [{ model: ModelName; url: string; runtimeUrl: string }, { metadata: Record<string, string> }];
  hear: [{ samples: Float32Array; rate: number }, HeardFile];
  listen: [{ rate: number; port: MessagePort; purpose: Purpose }, void];
  stop: [Record<string, never>, { heardS: number; computeS: number }];
  take: [{ samples: Float32Array; rate: number }, Take];
  enrol: [{ words: EnrolledWords }, void]; // all that are to be heard from now on
  look: [{ images: Float32Array }, SeenDigit[]];
  feel: [{ text: string }, Feeling | null];
  begin: [{ text: string }, number]; // characters that are unread
  read: [Record<string, never>, number]; // likewise, after one more piece
  next: [{ temperature: number }, string];
}

export type Question = keyof Questions;

/** One block from the microphone, and when its last sample was captured (Date.now()). */
export interface Block { samples: Float32Array; capturedAt: number }

export type FromWorker =
  | { kind: "answer"; id: number; result?: unknown; error?: string }
  | { kind: "words"; words: SpokenWord[] }
  | { kind: "take"; take: Take }
  | { kind: "sound"; sound: SoundState };
