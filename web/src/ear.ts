// The worker's ear: blocks of sound in, at any rate; words, level and picture out.
import type { EnrolledWords } from "./enrolled";
import { heardTwice } from "./hindsight";
import { amidOwnHiss } from "./padding";
import { joined, speechEdges } from "./levels";
import { Listener } from "./listener";
import { MelPicture } from "./mel_picture";
import type { Block, FromWorker, HeardFile, Purpose, SpokenWord, Take } from "./protocol";
import type { SpeechRecogniser } from "./recogniser";
import { Resampler } from "./resampler";
import type { Word } from "./rules";
import { judged, TakeCutter } from "./takes";

const SILENT_DB = -100; // what a level meter shows for digital silence
const MUTED_AFTER_S = 3; // a real microphone hisses: a stream that begins with exact zeros for so long is switched off
const SHORT_S = 1; // a recording that is shorter stands amid its own hiss
const HISS_AROUND_S = 0.75; // about what a run of the network sees
const FILE_BLOCK_S = 1;
const SHORT_RECORDING_S = 4, LONGEST_WORD_S = 0.9; // in which no word was found: a second look, as a clip of one word

/** One recording on its way to the recogniser's rate. */
class Stream {
  readonly picture: MelPicture;
  private readonly resampler: Resampler;
  private wasHeard = false;
  levelDb = SILENT_DB;
  heardSamples = 0;

  constructor(recogniser: SpeechRecogniser, readonly rate: number) {
    this.resampler = new Resampler(rate, recogniser.sampleRate);
    this.picture = new MelPicture(recogniser.sampleRate);
  }

  get heardS(): number {
    return this.heardSamples / this.rate;
  }

  get muted(): boolean {
    return !this.wasHeard && this.heardS >= MUTED_AFTER_S;
  }

  /** At the recogniser's rate, what this block completes; its level is kept. */
  resampled(block: Float32Array): Float32Array {
    this.heardSamples += block.length;
    const squares = block.reduce((sum, sample) => sum + sample * sample, 0);
    if (block.length) this.levelDb = Math.max(SILENT_DB, 10 * Math.log10(squares / block.length + 1e-12));
    this.wasHeard ||= squares > 0;
    return this.resampler.process(block.map((sample) => Math.min(1, Math.max(-1, sample || 0))));
  }

  resampledRest(): Float32Array {
    return this.resampler.finish();
  }

  /** A whole recording at the recogniser's rate. */
  whole(samples: Float32Array): Float32Array {
    const block = Math.round(FILE_BLOCK_S * this.rate);
    let sound: Float32Array = new Float32Array(0);
    for (let at = 0; at < samples.length; at += block) sound = joined(sound, this.resampled(samples.subarray(at, at + block)));
    return joined(sound, this.resampledRest());
  }
}

/** What comes through the port until it is stopped. */
interface Live {
  stream: Stream;
  listener: Listener;
  cutter: TakeCutter | null;
  port: MessagePort;
  done: Promise<void>;
  computeMs: number;
}

export class Ear {
  private live: Live | null = null;

  constructor(private readonly recogniser: SpeechRecogniser, private readonly send: (message: FromWorker) => void) {}

  enrol(words: EnrolledWords): void {
    this.recogniser.enrolled = words;
  }

  /** A whole recording, as fast as it goes. */
  async hear(samples: Float32Array, rate: number): Promise<HeardFile> {
    const stream = new Stream(this.recogniser, rate), ownRate = this.recogniser.sampleRate;
    const started = performance.now();
    const recording = stream.whole(samples), columns = stream.picture.columns(recording);
    let sound = recording;
    const beforeS = stream.heardS < SHORT_S ? HISS_AROUND_S : 0;
    if (beforeS) sound = amidOwnHiss(sound, sound.length + 2 * Math.round(HISS_AROUND_S * ownRate), ownRate);
    const { words: all, heardVoice } = await heardTwice(this.recogniser, sound);
    const words = all.filter((word) => word.endS > beforeS && word.startS < beforeS + stream.heardS);
    for (const word of words) {
      word.startS = Math.max(0, word.startS - beforeS);
      word.endS = Math.min(word.endS - beforeS, stream.heardS);
    }
    if (!words.length && heardVoice && stream.heardS <= SHORT_RECORDING_S) words.push(...(await this.loneWord(recording)));
    words.sort((one, other) => one.startS - other.startS); // an enrolled word is certain later than a digit
    const computeS = (performance.now() - started) / 1000;
    return { words: words.map((word) => this.spoken(word, 0)), columns, soundS: stream.heardS, computeS };
  }

  /** The one word of a recording that holds no more speech than a word. */
  private async loneWord(recording: Float32Array): Promise<Word[]> {
    const rate = this.recogniser.sampleRate, { start, end } = speechEdges(recording, rate);
    const answer = end - start <= LONGEST_WORD_S * rate ? await this.recogniser.classify(recording) : null;
    if (!answer) return [];
    const times = { startS: start / rate, endS: end / rate, emittedS: recording.length / rate };
    return [{ digit: answer.word, confidence: answer.confidence, alone: answer.confidence, ...times, computeMs: 0, power: 0, amidNoise: false, amidSpeech: false }];
  }

  /** A recording of a word that is to be enrolled. */
  take(samples: Float32Array, rate: number): Promise<Take> {
    return judged(this.recogniser, new Stream(this.recogniser, rate).whole(samples));
  }

  /** Blocks come through the port until stop() is called. */
  listen(rate: number, port: MessagePort, purpose: Purpose): void {
    if (this.live) throw new Error("it listens already");
    const cutter = purpose === "takes" ? new TakeCutter(this.recogniser.sampleRate) : null;
    const stream = new Stream(this.recogniser, rate), listener = new Listener(this.recogniser);
    const live: Live = { stream, listener, cutter, port, done: Promise.resolve(), computeMs: 0 };
    this.live = live;
    port.onmessage = ({ data }: MessageEvent<Block>) => {
      live.done = live.done.then(() => (cutter ? this.cut(stream, cutter, data) : this.follow(live, data)));
    };
  }

  async stop(): Promise<{ heardS: number; computeS: number }> {
    if (!this.live) return { heardS: 0, computeS: 0 };
    const { stream, listener, cutter, port, done } = this.live;
    port.onmessage = null;
    port.close();
    await done;
    if (cutter) await this.sendTakes([...cutter.process(stream.resampledRest()), ...cutter.finish()]);
    const lastWords = async () => [...(await listener.process(stream.resampledRest())), ...(await listener.finish())];
    const words = cutter ? [] : await timed(this.live, lastWords);
    if (words.length) this.send({ kind: "words", words: words.map((word) => this.spoken(word, 0)) });
    const { computeMs } = this.live;
    this.live = null;
    return { heardS: stream.heardS, computeS: computeMs / 1000 };
  }

  private async cut(stream: Stream, cutter: TakeCutter, { samples }: Block): Promise<void> {
    const resampled = stream.resampled(samples);
    await this.sendTakes(cutter.process(resampled));
    const { levelDb, muted, heardS } = stream, columns = stream.picture.columns(resampled);
    this.send({ kind: "sound", sound: { levelDb, muted, voiceActive: cutter.isInWord, waiting: [], columns, heardS } });
  }

  private async sendTakes(clips: Float32Array[]): Promise<void> {
    for (const clip of clips) this.send({ kind: "take", take: await judged(this.recogniser, clip) });
  }

  private async follow(live: Live, { samples, capturedAt }: Block): Promise<void> {
    const { stream, listener } = live;
    const resampled = stream.resampled(samples), capturedS = stream.heardS;
    const words = await timed(live, () => listener.process(resampled));
    const waited = (word: Word) => (capturedS - word.endS) * 1000 + Date.now() - capturedAt;
    if (words.length) this.send({ kind: "words", words: words.map((word) => this.spoken(word, waited(word))) });
    const { levelDb, muted, heardS } = stream;
    const waiting = listener.waiting.map((word) => word.digit);
    const columns = stream.picture.columns(resampled);
    this.send({ kind: "sound", sound: { levelDb, muted, voiceActive: listener.voiceActive, waiting, columns, heardS } });
  }

  private spoken(word: Word, waitedMs: number): SpokenWord {
    const latencyMs = Math.max(waitedMs, (word.emittedS - word.endS) * 1000 + word.computeMs);
    const isOwn = this.recogniser.enrolled.has(word.digit);
    return { ...word, latencyMs, isOwn, isUnsure: !isOwn && word.confidence < this.recogniser.loneThreshold };
  }
}

async function timed(live: Live, act: () => Promise<Word[]>): Promise<Word[]> {
  const started = performance.now();
  const words = await act();
  live.computeMs += performance.now() - started;
  return words;
}
