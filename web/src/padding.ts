// A recording's own hiss: dwindle/infer/speech/padding.py in the browser, with other random numbers.
import { speechEdges } from "./levels";

const FRAME_MS = 10;
const BELOW_QUIETEST_DB = 6; // even the quietest frame holds something of the word
const BELOW_WHOLE_DB = 25; // at least; who speaks from the first sample to the last shows no hiss
const AFTER_END_S = [0, 0.05, 0.1, 0.15];

/** How strong to lay hiss around a recording: zero for one that knows digital silence. */
function hissLevel(samples: Float32Array, sampleRate: number): number {
  const frame = Math.floor((sampleRate * FRAME_MS) / 1000), whole = samples.length - (samples.length % frame);
  if (!whole) return 0;
  let quietest = Infinity, sum = 0, squares = 0;
  for (let at = 0; at < whole; at += frame) {
    let differences = 0;
    for (let place = at; place < at + frame; place++) {
      if (place > at) differences += (samples[place] - samples[place - 1]) ** 2;
      sum += samples[place];
      squares += samples[place] ** 2;
    }
    quietest = Math.min(quietest, differences / (frame - 1));
  }
  const deviation = Math.sqrt(Math.max(0, squares / whole - (sum / whole) ** 2));
  return Math.min(Math.sqrt(quietest / 2) * 10 ** (-BELOW_QUIETEST_DB / 20), deviation * 10 ** (-BELOW_WHOLE_DB / 20));
}

/** A short recording in the middle of so many samples. */
export function amidOwnHiss(samples: Float32Array, length: number, sampleRate: number): Float32Array {
  const level = hissLevel(samples, sampleRate), normal = normals();
  const sound = new Float32Array(length).map(() => level * normal());
  sound.set(samples, (length - samples.length) >> 1);
  return sound;
}

/** What the network hears of a clip of one word: a long one is cut about its speech, a short one stands amid its own hiss. */
export function wordWindow(clip: Float32Array, length: number, sampleRate: number): Float32Array {
  if (clip.length <= length) return amidOwnHiss(clip, length, sampleRate);
  const { start, end } = speechEdges(clip, sampleRate), first = ((start + end) >> 1) - (length >> 1);
  const at = Math.min(Math.max(first, 0), clip.length - length);
  return clip.slice(at, at + length);
}

/** What a listener to a stream hears when the word of a clip has just ended, and a little later. */
export function streamWindows(clip: Float32Array, length: number, sampleRate: number): Float32Array[] {
  const { end } = speechEdges(clip, sampleRate), around = amidOwnHiss(clip, clip.length + 2 * length, sampleRate);
  return AFTER_END_S.map((laterS) => {
    const last = length + end + Math.round(laterS * sampleRate);
    return around.slice(last - length, last);
  });
}

/** Normal random numbers, the same in every run (mulberry32, then Box and Muller's method). */
function normals(): () => number {
  let state = 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
