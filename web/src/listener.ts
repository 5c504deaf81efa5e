// Running sound to words: decoder.py and listener.py of dwindle/infer/speech/, class by class, with the
// energy detector (--vad energy). Given the same sound it says the same words at the same hop; a test holds it to that.
import { nearest } from "./enrolled";
import { HoldBack } from "./hold_back";
import { Background, EnergyDetector, joined, streamLevels, wordExtent } from "./levels";
import { REJECT, RULES, type Recogniser, type Word } from "./rules";
import { type Spotted, Spotter } from "./spotter";

const clamped = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);

export interface Hit { index: number; confidence: number; alone: number; framesAgo: number }

/** Takes every run of the network on the newest sound, and finds each word once. */
class FrameDecoder {
  readonly lookAheadFrames: number;
  readonly oldestFrames: number;
  private otherWordsAgo: number[] = []; // how many frames ago words began that are none of ours
  private inOtherWord = false;
  otherWordBegan = false; // in the newest hop
  private othersKept = 1; // of the probability of other words
  private inCompany = false; // of words of ours: then none need be heard as if alone
  private readonly words: number[];
  private readonly rejects: number[];
  private readonly samplesBefore: number;
  private readonly speeds: number[];
  private active: number | null = null; // the word being said, proposed already
  private uncertain: { word: number; framesAgo: number } | null = null; // a proposed word to decode again

  constructor(private readonly recogniser: Recogniser, private readonly frames: Recogniser["frames"], private readonly hurried: boolean) {
    const { labels, frameSamples, sampleRate, peakBeforeEndS, peakAfterStartS } = recogniser;
    this.words = [...labels.keys()].filter((index) => labels[index] !== REJECT);
    this.rejects = [...labels.keys()].filter((index) => labels[index] === REJECT);
    this.speeds = hurried ? [1] : recogniser.speeds;
    const decodeBeforeEndS = hurried ? RULES.decodeBeforeEndS : RULES.decodeAtEndS;
    const laterFrames = Math.round((peakBeforeEndS - decodeBeforeEndS) / (frameSamples / sampleRate));
    this.lookAheadFrames = clamped(laterFrames, RULES.fewestLookAheadFrames, RULES.mostLookAheadFrames);
    this.oldestFrames = this.lookAheadFrames + RULES.retriedFrames;
    this.samplesBefore = Math.round((Math.max(0, peakAfterStartS) + RULES.pooledBeforeS) * sampleRate);
  }

  reset(): void {
    this.active = this.uncertain = null;
    this.otherWordsAgo = [];
    this.inOtherWord = this.otherWordBegan = false;
    this.othersKept = 1;
    this.inCompany = false;
  }

  /** How many frames follow a frame before it is decoded. */
  lookAhead(inSilence: boolean): number {
    const earlier = this.hurried && inSilence ? RULES.earlierInSilenceFrames : 0;
    return Math.max(this.lookAheadFrames - earlier, RULES.fewestLookAheadFrames);
  }

  /** The words in the newest sound, after one more hop, with so many frames before the last not decoded yet. */
  async decode(
    window: Float32Array, newFrames: number, lookAhead: number, needed: number, othersKept: number, inCompany: boolean,
  ): Promise<Hit[]> {
    const heard = await this.frames(window, this.oldestFrames + Math.max(newFrames, Math.ceil(RULES.hopFrames)));
    this.followOtherWords(heard);
    this.othersKept = othersKept;
    this.inCompany = inCompany;
    const frames = heard.map((frame) => this.weighed(frame));
    const hits: Hit[] = [];
    if (this.uncertain) {
      const { word, framesAgo } = this.uncertain;
      hits.push(...(await this.confirmed(window, frames, word, framesAgo + RULES.hopFrames, needed)));
    }
    for (let framesAgo = lookAhead + newFrames - 1; framesAgo >= lookAhead; framesAgo--) {
      const frame = frames[frames.length - 1 - framesAgo];
      if (this.active !== null && frame[this.active] < RULES.released) this.active = null;
      const best = this.words.reduce((one, other) => (frame[other] > frame[one] ? other : one));
      if (best !== this.active && frame[best] >= RULES.proposed) {
        this.active = best;
        hits.push(...(await this.confirmed(window, frames, best, framesAgo, needed)));
      }
    }
    return hits;
  }

  /** How many words that are none of ours began in so many of the newest frames. */
  otherWords(frames: number): number {
    return this.otherWordsAgo.filter((ago) => ago <= frames).length;
  }

  private followOtherWords(frames: Float32Array[]): void {
    const until = frames.length - RULES.fewestLookAheadFrames;
    const added = frames.slice(Math.max(0, until - Math.ceil(RULES.hopFrames)), until);
    const isOther = added.some((frame) => this.rejects.some((index) => frame[index] >= RULES.otherWord));
    this.otherWordsAgo = this.otherWordsAgo.filter((ago) => ago < RULES.rememberedFrames).map((ago) => ago + RULES.hopFrames);
    this.otherWordBegan = isOther && !this.inOtherWord;
    if (this.otherWordBegan) this.otherWordsAgo.push(RULES.fewestLookAheadFrames);
    this.inOtherWord = isOther;
  }

  private async confirmed(window: Float32Array, frames: Float32Array[], word: number, framesAgo: number, needed: number): Promise<Hit[]> {
    const proposing = frames.length - 1 - Math.ceil(framesAgo);
    const peak = Math.max(...frames.slice(proposing, proposing + RULES.peakFrames).map((frame) => frame[word]));
    const sincePeak = Math.round((framesAgo + 0.5) * this.recogniser.frameSamples);
    const sound = window.slice(-this.samplesBefore - sincePeak);
    const pooled = this.weighed(await this.recogniser.pooled(sound, this.speeds));
    const rejected = this.rejects.reduce((sum, index) => sum + pooled[index], 0);
    const confidence = peak * Math.max(RULES.leastPooledShare, 1 - rejected);
    this.uncertain = null;
    const least = framesAgo <= this.lookAheadFrames ? Math.max(needed, RULES.certainAtOnce) : needed;
    if (confidence < least && framesAgo + RULES.hopFrames <= this.oldestFrames) {
      this.uncertain = { word, framesAgo };
      return [];
    }
    if (confidence < this.recogniser.runningThreshold) return [];
    if (this.inCompany) return [{ index: word, confidence, alone: confidence, framesAgo }];
    const { speeds } = this.recogniser;
    const atAll = this.speeds === speeds ? pooled : this.weighed(await this.recogniser.pooled(sound, speeds));
    return [{ index: word, confidence, alone: peak * atAll[word], framesAgo }];
  }

  /** With what is left of other words. */
  private weighed(probabilities: Float32Array): Float32Array {
    if (this.othersKept === 1) return probabilities;
    const weighed = probabilities.slice();
    for (const index of this.rejects) weighed[index] *= this.othersKept;
    const sum = weighed.reduce((one, other) => one + other, 0);
    return weighed.map((value) => value / sum);
  }
}

/** Feed it sound at the recogniser's rate, in any chunks; it gives words as soon as they are certain. One recording. */
export class Listener {
  private readonly detector: EnergyDetector;
  protected readonly decoder: FrameDecoder;
  private readonly spotter = new Spotter();
  private readonly holdBack = new HoldBack();
  private readonly background: Background;
  private readonly rate: number;
  private readonly frame: number;
  private readonly hop: number;
  private readonly hangoverSamples: number;
  private rest = new Float32Array(0);
  private window: Float32Array;
  private position = 0; // samples judged so far
  private decodedUntil = 0; // where the newest frame ends that was read
  private voicedUntil = -Infinity;
  private newest: Word | null = null;
  private newestPeakS = 0;
  private newestFloor = 0; // power below which the newest word has ended

  constructor(protected readonly recogniser: Recogniser, hurried = true) {
    this.rate = recogniser.sampleRate;
    this.frame = recogniser.frameSamples;
    this.hop = Math.round(RULES.hopFrames * this.frame);
    this.window = new Float32Array(Math.round((RULES.windowS * this.rate) / this.frame) * this.frame);
    this.detector = new EnergyDetector(this.rate);
    this.decoder = new FrameDecoder(recogniser, (window, newest) => this.frames(window, newest), hurried);
    this.background = new Background(this.hop / this.rate);
    this.hangoverSamples = Math.round(RULES.hangoverS * this.rate) + this.decoder.oldestFrames * this.frame;
  }

  /** Whether any of the recording was taken for speech. */
  get heardVoice(): boolean {
    return this.voicedUntil > -Infinity;
  }

  get voiceActive(): boolean {
    return this.position - this.voicedUntil <= this.hangoverSamples;
  }

  get positionS(): number {
    return this.position / this.rate;
  }

  /** Words that may be none, and wait for holdBack. */
  get waiting(): readonly Word[] {
    return this.holdBack.stillHeld(this.positionS);
  }

  async process(samples: Float32Array): Promise<Word[]> {
    const all = joined(this.rest, samples), words: Word[] = [];
    const whole = all.length - (all.length % this.hop);
    this.rest = all.slice(whole);
    for (let at = 0; at < whole; at += this.hop) words.push(...(await this.judge(all.subarray(at, at + this.hop))));
    return words;
  }

  /** The words that only the end makes certain: as if silence followed. */
  async finish(): Promise<Word[]> {
    const hops = Math.ceil(this.decoder.oldestFrames / RULES.hopFrames) + 1;
    const words = await this.process(new Float32Array(hops * this.hop - this.rest.length));
    return [...words, ...this.holdBack.passedAtTheEnd(this.positionS), ...this.enrolledWords(this.spotter.finish(), performance.now())];
  }

  protected async judge(hop: Float32Array): Promise<Word[]> {
    const started = performance.now();
    this.followNewest(hop);
    this.background.follow(hop);
    this.window = joined(this.window.subarray(hop.length), hop);
    this.position += hop.length;
    if (this.detector.process(hop)) this.voicedUntil = this.position;
    if (!this.voiceActive) return this.enrolledWords(this.spotter.finish(), started);
    const lookAhead = this.decoder.lookAhead(this.background.hasFallen);
    const decodable = this.position - lookAhead * this.frame;
    const oldest = decodable - Math.round(RULES.preRollS * this.rate);
    if (oldest > this.decodedUntil) { // silence lay between
      this.decoder.reset();
      this.decodedUntil = oldest;
    }
    const newFrames = Math.ceil(Math.max(0, decodable - this.decodedUntil) / this.frame);
    this.decodedUntil = Math.max(this.decodedUntil, decodable);
    const spotted = await this.spotted();
    const needed = this.needed();
    const inCompany = this.holdBack.likelyWords(this.positionS) > 0;
    const hits = await this.decoder.decode(this.window, newFrames, lookAhead, needed, this.othersKept, inCompany);
    return [...hits.flatMap((hit) => this.passed(this.word(hit, started), needed)), ...this.enrolledWords(spotted, started)];
  }

  protected frames(window: Float32Array, newest: number): Promise<Float32Array[]> {
    return this.recogniser.frames(window, newest);
  }

  /** An enrolled word in the newest sound; the decoder then reads the frames of the same run. */
  protected async spotted(): Promise<Spotted | null> {
    if (!this.recogniser.enrolled.size) return null;
    return this.spotter.follow(nearest(this.recogniser.enrolled, await this.recogniser.direction(this.window)), this.positionS);
  }

  protected passed(word: Word, needed: number): Word[] {
    return this.holdBack.passed(word, needed);
  }

  /** How sure a word must be to be passed now. */
  protected needed(): number {
    if (this.holdBack.likelyWords(this.positionS)) return this.recogniser.runningThreshold;
    if (this.background.isLoud) return this.recogniser.noisyThreshold;
    return this.isAmidSpeech ? this.recogniser.speechThreshold : this.recogniser.loneThreshold;
  }

  protected get isAmidSpeech(): boolean {
    return this.otherWords(RULES.amidSpeechS) >= RULES.amidWords;
  }

  protected get othersKept(): number {
    return this.holdBack.likelyWords(this.positionS) > this.otherWords(RULES.holdS) ? RULES.othersKept : 1;
  }

  private otherWords(seconds: number): number {
    return this.decoder.otherWords((seconds * this.rate) / this.frame);
  }

  protected word(hit: Hit, started: number): Word {
    const levels = streamLevels(this.window, this.rate);
    const originS = this.positionS - levels.length * RULES.stepS;
    const peakS = this.positionS - ((hit.framesAgo + 0.5) * this.frame) / this.rate;
    const at = clamped(Math.trunc((peakS - originS) / RULES.stepS), 0, levels.length - 1);
    const earliest = clamped(Math.round((this.newestPeakS - originS) / RULES.stepS), 0, at);
    const { start, end, floor } = wordExtent(levels, at, earliest);
    const startS = Math.max(0, originS + start * RULES.stepS), endS = originS + end * RULES.stepS;
    if (this.newest) this.newest.endS = Math.min(this.newest.endS, startS);
    this.newestFloor = floor;
    this.newestPeakS = peakS;
    this.newest = {
      digit: this.recogniser.labels[hit.index], startS, endS, confidence: hit.confidence, alone: hit.alone, emittedS: this.positionS,
      computeMs: performance.now() - started, power: Math.max(...levels.subarray(start, end)), amidNoise: this.background.isLoud,
      amidSpeech: this.isAmidSpeech,
    };
    return this.newest;
  }

  /** An enrolled word with its extent: about the loudest moment of what the closest run heard. */
  private enrolledWords(spotted: Spotted | null, started: number): Word[] {
    if (!spotted) return [];
    const levels = streamLevels(this.window, this.rate), since = Math.round((this.positionS - spotted.atS) / RULES.stepS);
    const heard = since < levels.length ? levels.subarray(0, levels.length - since) : levels;
    const { start, end } = wordExtent(levels, heard.indexOf(Math.max(...heard)), 0);
    const originS = this.positionS - levels.length * RULES.stepS;
    return [{
      digit: spotted.word, startS: Math.max(0, originS + start * RULES.stepS), endS: originS + end * RULES.stepS,
      confidence: Math.min(1, spotted.similarity), alone: 1, emittedS: this.positionS, computeMs: performance.now() - started,
      power: Math.max(...heard), amidNoise: false, amidSpeech: false,
    }];
  }

  /** The newest word's end moves along for as long as it sounds on, and can be a word. */
  private followNewest(hop: Float32Array): void {
    const newest = this.newest;
    if (!newest || this.positionS - newest.endS > RULES.bridgedSteps * RULES.stepS) return;
    const levels = streamLevels(hop, this.rate);
    const last = levels.findLastIndex((level) => level > this.newestFloor);
    if (last < 0) return;
    const hopEndsS = this.positionS + hop.length / this.rate;
    const latestS = Math.max(newest.endS, this.newestPeakS + this.recogniser.peakBeforeEndS + RULES.drawnOutS);
    newest.endS = Math.min(hopEndsS - (levels.length - 1 - last) * RULES.stepS, latestS);
  }
}
