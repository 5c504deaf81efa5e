// The speech network as the listener asks it: dwindle/infer/speech/model.py in the browser.
import type { Recogniser } from "./rules";
import { floats, Model, softmax } from "./model";

const RUNNING_THRESHOLD = 0.3; // as in Python: chosen on streams of validation voices
const SPACED_FRAMES = 8; // between which the spacing of frames is measured

export class SpeechRecogniser implements Recogniser {
  readonly labels: string[];
  readonly sampleRate: number;
  readonly peakAfterStartS: number;
  readonly peakBeforeEndS: number;
  readonly runningThreshold = RUNNING_THRESHOLD;
  readonly loneThreshold: number;
  readonly noisyThreshold: number;
  readonly speechThreshold: number;
  frameSamples = 0;

  private constructor(private readonly model: Model) {
    this.labels = JSON.parse(model.metadata.labels);
    this.sampleRate = model.number("sample_rate");
    this.peakAfterStartS = model.number("peak_after_start_ms") / 1000;
    this.peakBeforeEndS = model.number("peak_before_end_ms") / 1000;
    this.loneThreshold = "lone_threshold" in model.metadata ? model.number("lone_threshold") : RUNNING_THRESHOLD;
    this.noisyThreshold = "noisy_threshold" in model.metadata ? model.number("noisy_threshold") : this.loneThreshold;
    this.speechThreshold = "speech_threshold" in model.metadata ? model.number("speech_threshold") : this.loneThreshold;
  }

  static async open(model: Model): Promise<SpeechRecogniser> {
    const recogniser = new SpeechRecogniser(model);
    if ("frame_samples" in model.metadata) recogniser.frameSamples = model.number("frame_samples");
    else await recogniser.measureFrames();
    return recogniser;
  }

  async pooled(samples: Float32Array): Promise<Float32Array> {
    return softmax((await this.run(samples)).logits.data as Float32Array);
  }

  async frames(samples: Float32Array, newest: number): Promise<Float32Array[]> {
    const { data, dims } = (await this.run(samples)).frames;
    const [, count, width] = dims, rows = data as Float32Array;
    const first = Math.max(0, count - newest);
    return Array.from({ length: count - first }, (_, row) => softmax(rows.slice((first + row) * width, (first + row + 1) * width)));
  }

  private run(samples: Float32Array) {
    return this.model.run({ audio: floats(samples, [1, samples.length]) });
  }

  /** Files of the first release do not state how many samples a frame spans: trial runs on silence say it. */
  private async measureFrames(): Promise<void> {
    const window = this.model.number("window_samples");
    const framesIn = async (samples: number) => (await this.run(new Float32Array(samples))).frames.dims[1];
    const shortest = async (frames: number) => {
      let tooFew = window, enough = 2 * window;
      while (enough - tooFew > 1) {
        const middle = (tooFew + enough) >> 1;
        if ((await framesIn(middle)) < frames) tooFew = middle;
        else enough = middle;
      }
      return enough;
    };
    const inWindow = await framesIn(window);
    this.frameSamples = ((await shortest(inWindow + 1 + SPACED_FRAMES)) - (await shortest(inWindow + 1))) / SPACED_FRAMES;
    if (!Number.isInteger(this.frameSamples)) throw new Error("the model's frames are not evenly spaced: export it again");
  }
}
