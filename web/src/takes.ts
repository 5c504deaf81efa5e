// Recordings of a word that is to be enrolled: cut out of what the microphone brings, and judged one by one.
import { LONGEST_WORD_S, prototypeOf } from "./enrolment";
import { EnergyDetector, joined, speechEdges } from "./levels";
import type { Take } from "./protocol";
import type { SpeechRecogniser } from "./recogniser";
import { RULES } from "./rules";

const AROUND_S = 0.3; // of sound that is kept before and after a word
const PAUSE_S = 0.5; // after which a word has ended: the closure of a stop in mid-word lasts for less
const CLICK_S = 0.06; // what is voiced for less was a tap, and is not worth a remark
const QUIETEST_WORD_DB = -50; // the listener takes nothing below -60 for speech, and words fade
const SHORTEST_WORD_S = 0.12; // "up" and "it" last longer

/** Feed it sound at the recogniser's rate; it gives each word with a little of what is around it. */
export class TakeCutter {
  private readonly detector: EnergyDetector;
  private readonly frame: number;
  private rest = new Float32Array(0);
  private clip: Float32Array = new Float32Array(0); // the word so far, or what may come to stand before one
  private voicedS = 0;
  private silentS = 0;

  constructor(private readonly sampleRate: number) {
    this.detector = new EnergyDetector(sampleRate);
    this.frame = Math.floor((sampleRate * RULES.detectorFrameMs) / 1000);
  }

  get isInWord(): boolean {
    return this.voicedS > 0;
  }

  /** The words that these samples complete. */
  process(samples: Float32Array): Float32Array[] {
    const all = joined(this.rest, samples), whole = all.length - (all.length % this.frame), clips: Float32Array[] = [];
    this.rest = all.slice(whole);
    for (let at = 0; at < whole; at += this.frame) clips.push(...this.follow(all.subarray(at, at + this.frame)));
    return clips;
  }

  /** The word that the end cut off. */
  finish(): Float32Array[] {
    return this.isInWord ? this.completed() : [];
  }

  private follow(frame: Float32Array): Float32Array[] {
    const frameS = frame.length / this.sampleRate;
    this.clip = joined(this.clip, frame);
    if (this.detector.process(frame)) {
      this.voicedS += frameS;
      this.silentS = 0;
    } else this.silentS += frameS;
    if (!this.isInWord) this.clip = this.clip.slice(-Math.round(AROUND_S * this.sampleRate));
    const isOver = this.silentS >= PAUSE_S || this.clip.length > LONGEST_WORD_S * this.sampleRate;
    return this.isInWord && isOver ? this.completed() : [];
  }

  private completed(): Float32Array[] {
    const spare = Math.max(0, Math.round((this.silentS - AROUND_S) * this.sampleRate));
    const clip = this.clip.slice(0, this.clip.length - spare), isWord = this.voicedS >= CLICK_S;
    this.clip = this.clip.slice(this.clip.length - spare);
    this.voicedS = 0;
    return isWord ? [clip] : [];
  }
}

/** A recording of one word with where it lies, or why it is no use. */
export async function judged(recogniser: SpeechRecogniser, samples: Float32Array): Promise<Take> {
  const fault = faultOf(samples, recogniser.sampleRate);
  const direction = fault ? new Float32Array(0) : prototypeOf(await recogniser.directions(samples));
  return { samples, rate: recogniser.sampleRate, direction, fault };
}

function faultOf(samples: Float32Array, sampleRate: number): string {
  if (samples.length > LONGEST_WORD_S * sampleRate) return `longer than ${LONGEST_WORD_S} s: say the word alone`;
  const { start, end } = speechEdges(samples, sampleRate), word = samples.subarray(start, end);
  const levelDb = 10 * Math.log10(word.reduce((sum, sample) => sum + sample * sample, 0) / word.length + 1e-12);
  if (!(levelDb >= QUIETEST_WORD_DB)) return "too quiet: come closer, or speak up";
  const lastsS = word.length / sampleRate - (2 * RULES.marginMs) / 1000;
  return lastsS < SHORTEST_WORD_S ? "too short: say the whole word" : "";
}
