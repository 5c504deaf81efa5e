// How loud sound is, and what follows from it: vad.py and edges.py of dwindle/infer/speech/.
import { RULES } from "./rules";

const mean = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / values.length;

export function joined(first: Float32Array, second: Float32Array): Float32Array {
  const both = new Float32Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

function median(values: Iterable<number>): number {
  const sorted = Float64Array.from(values).sort();
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

/** Is anybody speaking? A frame clearly above a floor that falls at once and rises slowly. */
export class EnergyDetector {
  private rest = new Float32Array(0);
  private noiseDb: number | null = null;
  private readonly frame: number;

  constructor(sampleRate: number) {
    this.frame = Math.floor((sampleRate * RULES.detectorFrameMs) / 1000);
  }

  /** Whether any frame that these samples complete holds a voice. */
  process(samples: Float32Array): boolean {
    const all = joined(this.rest, samples);
    let heard = false, at = 0;
    for (; at + this.frame <= all.length; at += this.frame) heard = this.isLoud(all.subarray(at, at + this.frame)) || heard;
    this.rest = all.slice(at);
    return heard;
  }

  private isLoud(frame: Float32Array): boolean {
    const offset = Math.fround(mean(frame)); // has no level
    const levelDb = 10 * Math.log10(Math.fround(mean(frame.map((sample) => (sample - offset) ** 2))) + 1e-10);
    this.noiseDb ??= Math.min(levelDb, RULES.quietestDb);
    this.noiseDb = Math.min(levelDb, this.noiseDb + (RULES.noiseRiseDbPerS * RULES.detectorFrameMs) / 1000);
    return levelDb > Math.max(this.noiseDb + RULES.aboveNoiseDb, RULES.quietestDb);
  }
}

/** How far the newest sound stands out of what went on before it. */
export class Background {
  private readonly powers: number[];
  private readonly newestHops: number;

  constructor(hopS: number) {
    this.newestHops = Math.round(RULES.newestS / hopS);
    this.powers = new Array(Math.round(RULES.rememberedS / hopS)).fill(0);
  }

  follow(hop: Float32Array): void {
    const offset = mean(hop);
    this.powers.push(mean(hop.map((sample) => (sample - offset) ** 2)));
    this.powers.shift();
  }

  get isLoud(): boolean {
    return this.loudest < 10 ** (RULES.standsOutDb / 10) * median(this.powers);
  }

  /** Whether the newest hop is far below the sound just before it. */
  get hasFallen(): boolean {
    return this.powers[this.powers.length - 1] < 10 ** (-RULES.fallenDb / 10) * this.loudest;
  }

  private get loudest(): number {
    return Math.max(...this.powers.slice(-this.newestHops));
  }
}

/** Mean power of every whole step, counted back from the newest sample; a constant offset has none. */
export function streamLevels(samples: Float32Array, sampleRate: number): Float32Array {
  const step = Math.round(RULES.stepS * sampleRate), spare = samples.length % step;
  const whole = samples.subarray(spare), offset = Math.fround(median(samples));
  return stepPowers(whole.map((sample) => sample - offset), step);
}

/** First step of the word around step `at` and the one after its last; below the floor it has ended. */
export function wordExtent(levels: Float32Array, at: number, earliest: number): { start: number; end: number; floor: number } {
  const floor = Math.max(...levels.subarray(earliest)) * 10 ** (-RULES.rangeDb / 10);
  const sounding = Array.from(levels, (level) => level > floor);
  const before = stepsUntilQuiet(sounding.slice(earliest, at + 1).reverse());
  const after = stepsUntilQuiet(sounding.slice(at));
  let start = at + 1 - before;
  if (start <= earliest) { // said without a pause: the quietest moment parts two words
    const until = levels.subarray(earliest, at + 1);
    start = earliest + until.indexOf(Math.min(...until));
  }
  return { start, end: at + Math.max(after, 1), floor };
}

function stepsUntilQuiet(sounding: boolean[]): number {
  const loud = [...sounding.keys()].filter((step) => sounding[step]);
  if (!loud.length || loud[0] > RULES.bridgedSteps) return 1;
  const gap = loud.findIndex((step, place) => loud[place + 1] - step > RULES.bridgedSteps);
  return loud[gap < 0 ? loud.length - 1 : gap] + 1;
}

/** First sample of a clip's word and the one after its last; the whole clip when nothing stands out. */
export function speechEdges(samples: Float32Array, sampleRate: number): { start: number; end: number } {
  const step = Math.round(RULES.stepS * sampleRate), whole = { start: 0, end: samples.length };
  if (Math.floor(samples.length / step) < 3) return whole;
  // differences emphasise high frequencies: the s of "six" is as much a part of it as its vowel
  const power = stepPowers(samples, step), sharp = heights(stepPowers(samples.map((sample, at) => sample - samples[Math.max(0, at - 1)]), step));
  const height = heights(power).map((one, at) => Math.max(one, sharp[at]));
  const loud = [...height.keys()].filter((at) => height[at] > RULES.loudShare);
  if (!loud.length) return whole;
  const parts: number[][] = [[]];
  for (const at of loud) {
    if (at - (parts.at(-1)!.at(-1) ?? at) > Math.round(RULES.bridgedMs / 1000 / RULES.stepS)) parts.push([]);
    parts.at(-1)!.push(at);
  }
  const strength = (part: number[]) => part.reduce((sum, at) => sum + power[at], 0); // a click may be louder than the word, not longer
  const spoken = parts.reduce((best, part) => (strength(part) > strength(best) ? part : best));
  const farthest = Math.round(RULES.longestFaintMs / 1000 / RULES.stepS), margin = Math.floor((sampleRate * RULES.marginMs) / 1000);
  let [first, last] = [spoken[0], spoken.at(-1)!];
  while (first > Math.max(0, spoken[0] - farthest) && height[first - 1] > RULES.faintShare) first--;
  while (last + 1 < Math.min(height.length, spoken.at(-1)! + 1 + farthest) && height[last + 1] > RULES.faintShare) last++;
  return { start: Math.max(0, first * step - margin), end: Math.min(samples.length, (last + 1) * step + margin) };
}

function stepPowers(samples: Float32Array, step: number): Float32Array {
  const squared = (place: number) => mean(samples.subarray(place * step, (place + 1) * step).map((sample) => sample * sample));
  return Float32Array.from({ length: Math.floor(samples.length / step) }, (_, place) => squared(place));
}

/** Each step's level: 0 is the background, 1 the loudest. */
function heights(power: Float32Array): Float32Array {
  const loudestPower = Math.max(...power);
  const levels = power.map((one) => 10 * Math.log10(one + 1e-9 * loudestPower + 1e-12));
  const loudest = Math.max(...levels), sorted = levels.slice().sort(), rank = 0.1 * (sorted.length - 1), below = Math.floor(rank);
  const tenth = sorted[below] + (rank - below) * ((sorted[below + 1] ?? sorted[below]) - sorted[below]);
  const background = Math.max(tenth, loudest - RULES.largestRangeDb);
  return levels.map((level) => (level - background) / Math.max(loudest - background, 1e-6));
}
