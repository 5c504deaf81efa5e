// The speech network as the listener asks it: dwindle/infer/speech/model.py in the browser.
import { Crowd, nearest, type EnrolledWords } from "./enrolled";
import { floats, Model, type Outputs, softmax } from "./model";
import { streamWindows, wordWindow } from "./padding";
import { REJECT, RULES, type Recogniser } from "./rules";

const SPACED_FRAMES = 8; // between which the spacing of frames is measured

export class SpeechRecogniser implements Recogniser {
  readonly labels: string[];
  readonly sampleRate: number;
  readonly windowSamples: number; // of a clip of one word
  readonly threshold: number; // likewise
  readonly speeds: number[];
  readonly peakAfterStartS: number;
  readonly peakBeforeEndS: number;
  readonly runningThreshold = RULES.runningThreshold;
  readonly loneThreshold: number;
  readonly noisyThreshold: number;
  readonly speechThreshold: number;
  readonly crowd: Crowd | null; // none in a file that was made before words could be enrolled
  enrolled: EnrolledWords = new Map();
  frameSamples = 0;
  private heard: { samples: Float32Array; outputs: Outputs } | null = null; // what direction() was asked of last

  private constructor(private readonly model: Model) {
    this.labels = JSON.parse(model.metadata.labels);
    this.crowd = Crowd.of(model.metadata);
    this.sampleRate = model.number("sample_rate");
    this.windowSamples = model.number("window_samples");
    this.threshold = model.number("threshold");
    this.speeds = "speeds" in model.metadata ? checkedSpeeds(model.metadata.speeds) : RULES.speeds;
    this.peakAfterStartS = model.number("peak_after_start_ms") / 1000;
    this.peakBeforeEndS = model.number("peak_before_end_ms") / 1000;
    this.loneThreshold = "lone_threshold" in model.metadata ? model.number("lone_threshold") : this.runningThreshold;
    this.noisyThreshold = "noisy_threshold" in model.metadata ? model.number("noisy_threshold") : this.loneThreshold;
    this.speechThreshold = "speech_threshold" in model.metadata ? model.number("speech_threshold") : this.loneThreshold;
  }

  static async open(model: Model): Promise<SpeechRecogniser> {
    const recogniser = new SpeechRecogniser(model);
    if ("frame_samples" in model.metadata) recogniser.frameSamples = model.number("frame_samples");
    else await recogniser.measureFrames();
    return recogniser;
  }

  /** The one word of a clip, or null where it is none of ours. */
  async classify(clip: Float32Array): Promise<{ word: string; confidence: number } | null> {
    if (this.enrolled.size) {
      const best = nearest(this.enrolled, ...(await this.directions(clip)));
      if (best.similarity >= best.leastSimilarity) return { word: best.word, confidence: Math.min(1, best.similarity) };
    }
    const said = await this.bothReadings(wordWindow(clip, this.windowSamples, this.sampleRate));
    const words = this.labels.map((word, place) => ({ word, confidence: said[place] })).filter(({ word }) => word !== REJECT);
    const best = words.reduce((one, other) => (other.confidence > one.confidence ? other : one));
    return best.confidence >= this.threshold ? best : null;
  }

  /** At several speeds it is the geometric mean of the answers. */
  async pooled(samples: Float32Array, speeds: number[]): Promise<Float32Array> {
    return pooledOf(await this.runs(samples, speeds));
  }

  /** How sure pooled output and frames together are of each label, of a clip heard at all speeds: geometric means. */
  private async bothReadings(samples: Float32Array): Promise<Float32Array> {
    const runs = await this.runs(samples, this.speeds), rows = runs.map((outputs) => rowsOf(outputs));
    const peak = (ofRun: Float32Array[], place: number) => Math.max(...ofRun.map((row) => row[place]));
    const peaks = this.labels.map((_, place) => rows.reduce((product, ofRun) => product * peak(ofRun, place), 1));
    const ofFrames = RULES.framesShare / runs.length;
    return pooledOf(runs).map((pooled, place) => pooled ** (1 - RULES.framesShare) * peaks[place] ** ofFrames);
  }

  private async runs(samples: Float32Array, speeds: number[]): Promise<Outputs[]> {
    const found: Outputs[] = [];
    for (const speed of speeds) found.push(await this.run(atSpeed(samples, speed)));
    return found;
  }

  async frames(samples: Float32Array, newest: number): Promise<Float32Array[]> {
    const outputs = this.heard?.samples === samples ? this.heard.outputs : await this.run(samples);
    this.heard = null;
    return rowsOf(outputs, newest);
  }

  async direction(samples: Float32Array): Promise<Float32Array> {
    if (!this.crowd) throw new Error("the model was made before words could be enrolled: export it again");
    const outputs = await this.run(samples);
    this.heard = { samples, outputs };
    return this.crowd.direction(outputs.embedding.data as Float32Array);
  }

  /** Likewise of a clip of one word, heard as in a stream: several times about the word's end. */
  async directions(clip: Float32Array): Promise<Float32Array[]> {
    const windows = streamWindows(clip, Math.round(RULES.windowS * this.sampleRate), this.sampleRate), found = [];
    for (const window of windows) found.push(await this.direction(window));
    return found;
  }

  private run(samples: Float32Array) {
    return this.model.run({ audio: floats(samples, [1, samples.length]) });
  }

  /** Files of the first release do not state how many samples a frame spans: trial runs on silence say it. */
  private async measureFrames(): Promise<void> {
    const window = this.windowSamples;
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

/** Probabilities by the mean of several runs' logits. */
function pooledOf(runs: Outputs[]): Float32Array {
  const logits = runs.map((outputs) => outputs.logits.data as Float32Array);
  return softmax(logits[0].map((_, place) => logits.reduce((sum, one) => sum + one[place], 0) / runs.length));
}

/** Probabilities of labels and blank in each of the newest frames. */
function rowsOf(outputs: Outputs, newest = Infinity): Float32Array[] {
  const { data, dims } = outputs.frames;
  const [, count, width] = dims, rows = data as Float32Array;
  const first = Math.max(0, count - newest);
  return Array.from({ length: count - first }, (_, row) => softmax(rows.slice((first + row) * width, (first + row + 1) * width)));
}

/** Words that differ in pitch, as whistles do, are judged at one speed. */
function checkedSpeeds(json: string): number[] {
  let speeds: unknown = null;
  try {
    speeds = JSON.parse(json);
  } catch { /* said below */ }
  if (Array.isArray(speeds) && speeds.length && speeds.every((speed) => speed >= 0.5 && speed <= 2)) return speeds.map(Number);
  throw new Error("the model's speeds are not a JSON list of numbers from 0.5 to 2: export it again");
}

/** The samples played so much faster, and higher; between two samples lies a straight line. */
function atSpeed(samples: Float32Array, speed: number): Float32Array {
  if (speed === 1) return samples;
  const last = samples.length - 1;
  return Float32Array.from({ length: Math.floor(samples.length / speed + 0.5) }, (_, place) => {
    const at = Math.min(place * speed, last), before = Math.min(Math.floor(at), Math.max(0, last - 1));
    return last ? samples[before] + (at - before) * (samples[before + 1] - samples[before]) : samples[0];
  });
}
