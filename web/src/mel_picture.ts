// A log-mel picture of running sound, one column for every 16 ms: what the network's ear is shown, for people to see.
import { joined } from "./levels";

export const MEL_BANDS = 40;
export const COLUMN_S = 0.016;
const FRAME_S = 0.032;
const LOWEST_HZ = 60;
const FLOOR_DB = -75, CEILING_DB = -15; // black and white

const mel = (hz: number) => 2595 * Math.log10(1 + hz / 700);
const hertz = (mels: number) => 700 * (10 ** (mels / 2595) - 1);

export class MelPicture {
  private readonly frame: number;
  private readonly hop: number;
  private readonly window: Float64Array;
  private readonly cosines: Float64Array;
  private readonly sines: Float64Array;
  private readonly bands: { first: number; weights: number[] }[];
  private rest = new Float32Array(0);

  constructor(sampleRate: number) {
    this.frame = Math.round(FRAME_S * sampleRate);
    this.hop = Math.round(COLUMN_S * sampleRate);
    const turn = (2 * Math.PI) / this.frame;
    this.window = Float64Array.from({ length: this.frame }, (_, place) => (0.5 - 0.5 * Math.cos(turn * place)) * (4 / this.frame));
    this.cosines = Float64Array.from({ length: this.frame }, (_, place) => Math.cos(turn * place));
    this.sines = Float64Array.from({ length: this.frame }, (_, place) => Math.sin(turn * place));
    this.bands = triangles(sampleRate, this.frame);
  }

  /** The columns that these samples complete, each MEL_BANDS long from low to high: 0 is silent, 255 loud. */
  columns(samples: Float32Array): Uint8Array {
    const all = joined(this.rest, samples);
    const count = Math.max(0, Math.floor((all.length - this.frame) / this.hop) + 1);
    const columns = new Uint8Array(count * MEL_BANDS);
    for (let column = 0; column < count; column++) {
      const powers = this.powers(all.subarray(column * this.hop, column * this.hop + this.frame));
      this.bands.forEach(({ first, weights }, band) => {
        const power = weights.reduce((sum, weight, bin) => sum + weight * powers[first + bin], 0);
        const share = (10 * Math.log10(power + 1e-12) - FLOOR_DB) / (CEILING_DB - FLOOR_DB);
        columns[column * MEL_BANDS + band] = 255 * Math.min(1, Math.max(0, share));
      });
    }
    this.rest = all.slice(count * this.hop);
    return columns;
  }

  /** A plain Fourier transform: 256 samples need no faster one sixty times a second. */
  private powers(frame: Float32Array): Float64Array {
    const size = this.frame, powers = new Float64Array(size / 2 + 1);
    for (let bin = 0; bin < powers.length; bin++) {
      let real = 0, imaginary = 0;
      for (let place = 0, turn = 0; place < size; place++, turn = (turn + bin) % size) {
        const sample = frame[place] * this.window[place];
        real += sample * this.cosines[turn];
        imaginary -= sample * this.sines[turn];
      }
      powers[bin] = real * real + imaginary * imaginary;
    }
    return powers;
  }
}

function triangles(sampleRate: number, frame: number): { first: number; weights: number[] }[] {
  const [low, high] = [mel(LOWEST_HZ), mel(sampleRate / 2)];
  const corner = (place: number) => (hertz(low + ((high - low) * place) / (MEL_BANDS + 1)) * frame) / sampleRate;
  return Array.from({ length: MEL_BANDS }, (_, band) => {
    const [left, centre, right] = [corner(band), corner(band + 1), corner(band + 2)];
    const first = Math.min(Math.ceil(left), Math.round(centre)), last = Math.max(Math.floor(right), Math.round(centre));
    const weights = [];
    for (let bin = first; bin <= last; bin++) {
      weights.push(Math.max(bin === Math.round(centre) ? 0.5 : 0, Math.min((bin - left) / (centre - left), (right - bin) / (right - centre))));
    }
    return { first, weights };
  });
}
