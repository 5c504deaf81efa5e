// Any rate down to a lower one, chunk by chunk: the resampler of dwindle/infer/speech/processor.py in the browser.
import { joined } from "./levels";

const PASS_HZ_SHARE = 0.9; // of the output's half rate: flat up to here
const STOP_HZ_SHARE = 1.1; // folded back no lower than the pass band's end
const ATTENUATION_DB = 60;

export class Resampler {
  private readonly up: number;
  private readonly down: number;
  private readonly phases: Float32Array[];
  private readonly half: number;
  private tail: Float32Array;
  private tailStart: number; // the input position of the tail's first sample
  private nextOutput = 0;

  constructor(inputRate: number, outputRate: number) {
    if (inputRate < outputRate) throw new Error(`sound at ${inputRate} Hz is too coarse: at least ${outputRate} Hz is needed`);
    const divisor = commonDivisor(inputRate, outputRate);
    this.up = outputRate / divisor;
    this.down = inputRate / divisor;
    this.phases = filters(inputRate, outputRate, this.up);
    this.half = this.phases[0].length >> 1;
    this.tail = new Float32Array(this.half); // as if silence had gone before
    this.tailStart = -this.half;
  }

  /** The output samples that this chunk completes. */
  process(chunk: Float32Array): Float32Array {
    if (this.up === this.down) return chunk;
    const samples = joined(this.tail, chunk), start = this.tailStart, end = start + samples.length;
    // output n stands at input n * down / up and needs `half` samples to each side
    const complete = Math.max(this.nextOutput, Math.floor(((end - this.half - 1) * this.up) / this.down) + 1);
    const output = new Float32Array(complete - this.nextOutput);
    for (let place = 0; place < output.length; place++) {
      const position = (this.nextOutput + place) * this.down;
      const taps = this.phases[position % this.up];
      const first = Math.floor(position / this.up) - this.half - start;
      let sum = 0;
      for (let tap = 0; tap < taps.length; tap++) sum += samples[first + tap] * taps[tap];
      output[place] = sum;
    }
    const keepFrom = Math.floor((complete * this.down) / this.up) - this.half - start;
    this.tail = samples.slice(keepFrom);
    this.tailStart = start + keepFrom;
    this.nextOutput = complete;
    return output;
  }

  /** The last samples, once no more will come. */
  finish(): Float32Array {
    return this.up === this.down ? new Float32Array(0) : this.process(new Float32Array(this.half));
  }
}

/** One low-pass filter per output phase, centred on its middle tap. */
function filters(inputRate: number, outputRate: number, up: number): Float32Array[] {
  const width = (2 * Math.PI * (STOP_HZ_SHARE - PASS_HZ_SHARE) * (outputRate / 2)) / inputRate;
  const half = Math.ceil((ATTENUATION_DB - 8) / (2.285 * width) / 2) + 1; // Kaiser's rule
  const beta = 0.1102 * (ATTENUATION_DB - 8.7);
  return Array.from({ length: up }, (_, phase) => {
    const taps = Array.from({ length: 2 * half + 1 }, (_, tap) => {
      const offset = tap - half - phase / up;
      const window = bessel(beta * Math.sqrt(Math.max(0, 1 - (offset / (half + 1)) ** 2))) / bessel(beta);
      return sinc((offset * outputRate) / inputRate) * window;
    });
    const sum = taps.reduce((total, tap) => total + tap, 0);
    return Float32Array.from(taps, (tap) => tap / sum);
  });
}

const sinc = (value: number) => (value === 0 ? 1 : Math.sin(Math.PI * value) / (Math.PI * value));

/** The modified Bessel function of order zero, by its power series. */
function bessel(value: number): number {
  let sum = 1, term = 1;
  for (let order = 1; term > sum * 1e-17; order++) {
    term *= (value / (2 * order)) ** 2;
    sum += term;
  }
  return sum;
}

function commonDivisor(one: number, other: number): number {
  return other ? commonDivisor(other, one % other) : one;
}
