// Running sound to words: decoder.py, hold_back.py and listener.py of dwindle/infer/speech/, class by class, with the
// energy detector (--vad energy). Given the same sound it says the same words at the same hop; a test holds it to that.
import { EnergyDetector, joined, powers, Surroundings, wordExtent } from "./levels";
import { REJECT, RULES, type Recogniser, type Word } from "./rules";

const clamped = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);

interface Hit { index: number; confidence: number; framesAgo: number }

/** Says a word at once when it is sure or in company; else when company follows shortly. */
class Company {
  private waiting: Word[] = [];
  private newestS = -Infinity;

  isThere(nowS: number): boolean {
    return nowS - this.newestS <= RULES.companyS;
  }

  said(word: Word, enough: number): Word[] {
    let inCompany = this.isThere(word.emittedS);
    const waiting = this.takeWaiting(word.emittedS);
    if (word.confidence >= Math.min(RULES.vouching, enough)) {
      this.newestS = word.emittedS;
      inCompany ||= waiting.length > 0;
    }
    if (inCompany || word.confidence >= enough) return [...madeCertain(waiting, word.emittedS), word];
    const worthWaiting = !word.amidNoise || word.confidence >= RULES.worthWaitingAmidNoise;
    this.waiting = worthWaiting ? [...waiting, word] : waiting;
    return [];
  }

  saidAtTheEnd(nowS: number): Word[] {
    return madeCertain(this.takeWaiting(nowS).filter((word) => !word.amidNoise), nowS);
  }

  stillWaiting(nowS: number): Word[] {
    return this.waiting.filter((word) => nowS - word.emittedS <= RULES.companyS);
  }

  private takeWaiting(nowS: number): Word[] {
    const waiting = this.stillWaiting(nowS);
    this.waiting = [];
    return waiting;
  }
}

function madeCertain(waiting: Word[], nowS: number): Word[] {
  for (const word of waiting) word.emittedS = nowS;
  return waiting;
}

/** Sees every run of the network on the newest sound, and says each word once. */
class FrameDecoder {
  readonly lookAheadFrames: number;
  readonly oldestDoubtFrames: number;
  private readonly words: number[];
  private readonly rejects: number[];
  private readonly samplesBefore: number;
  private held: number | null = null; // the word being said, proposed already
  private doubtful: { word: number; framesAgo: number } | null = null; // proposed, not confirmed

  constructor(private readonly recogniser: Recogniser) {
    const { labels, frameSamples, sampleRate, peakBeforeEndS, peakAfterStartS } = recogniser;
    this.words = [...labels.keys()].filter((index) => labels[index] !== REJECT);
    this.rejects = [...labels.keys()].filter((index) => labels[index] === REJECT);
    const laterFrames = Math.round((peakBeforeEndS - RULES.readBeforeEndS) / (frameSamples / sampleRate));
    this.lookAheadFrames = clamped(laterFrames, RULES.fewestLaterFrames, RULES.mostLaterFrames);
    this.oldestDoubtFrames = this.lookAheadFrames + RULES.oldestDoubtFrames;
    this.samplesBefore = Math.round((Math.max(0, peakAfterStartS) + RULES.secondedS) * sampleRate);
  }

  reset(): void {
    this.held = this.doubtful = null;
  }

  /** The words in the newest sound, after one more hop; so many of its frames are unread. */
  async read(window: Float32Array, unread: number, enough: number): Promise<Hit[]> {
    const frames = await this.recogniser.frames(window, this.oldestDoubtFrames + unread);
    const hits: Hit[] = [];
    if (this.doubtful) {
      const { word, framesAgo } = this.doubtful;
      hits.push(...(await this.confirmed(window, frames, word, framesAgo + RULES.hopFrames, enough)));
    }
    for (let framesAgo = this.lookAheadFrames + unread - 1; framesAgo >= this.lookAheadFrames; framesAgo--) {
      const frame = frames[frames.length - 1 - framesAgo];
      if (this.held !== null && frame[this.held] < RULES.released) this.held = null;
      const best = this.words.reduce((one, other) => (frame[other] > frame[one] ? other : one));
      if (best !== this.held && frame[best] >= RULES.proposed) {
        this.held = best;
        hits.push(...(await this.confirmed(window, frames, best, framesAgo, enough)));
      }
    }
    return hits;
  }

  private async confirmed(window: Float32Array, frames: Float32Array[], word: number, framesAgo: number, enough: number): Promise<Hit[]> {
    const proposing = frames.length - 1 - Math.ceil(framesAgo);
    const peak = Math.max(...frames.slice(proposing, proposing + RULES.peakFrames).map((frame) => frame[word]));
    const sincePeak = Math.round((framesAgo + 0.5) * this.recogniser.frameSamples);
    const heard = await this.recogniser.pooled(window.slice(-this.samplesBefore - sincePeak));
    const rejected = this.rejects.reduce((sum, index) => sum + heard[index], 0);
    const confidence = peak * Math.max(RULES.leastSeconded, 1 - rejected);
    this.doubtful = null;
    const needed = framesAgo < this.lookAheadFrames + RULES.settledFrames ? Math.max(enough, RULES.sureAtOnce) : enough;
    if (confidence < needed && framesAgo + RULES.hopFrames <= this.oldestDoubtFrames) {
      this.doubtful = { word, framesAgo };
      return [];
    }
    return confidence >= this.recogniser.runningThreshold ? [{ index: word, confidence, framesAgo }] : [];
  }
}

/** Feed it sound at the recogniser's rate, in any chunks; it gives words as soon as they are certain. One recording. */
export class Listener {
  private readonly detector: EnergyDetector;
  private readonly decoder: FrameDecoder;
  private readonly company = new Company();
  private readonly surroundings: Surroundings;
  private readonly rate: number;
  private readonly frame: number;
  private readonly hop: number;
  private readonly hangoverSamples: number;
  private rest = new Float32Array(0);
  private window: Float32Array;
  private position = 0; // samples judged so far
  private readUntil = 0; // where the newest frame ends that was read
  private voicedUntil = -Infinity;
  private newest: Word | null = null;
  private newestHeardS = 0;
  private newestFloor = 0; // power below which the newest word has ended

  constructor(private readonly recogniser: Recogniser) {
    this.rate = recogniser.sampleRate;
    this.frame = recogniser.frameSamples;
    this.hop = Math.round(RULES.hopFrames * this.frame);
    this.window = new Float32Array(Math.round((RULES.windowS * this.rate) / this.frame) * this.frame);
    this.detector = new EnergyDetector(this.rate);
    this.decoder = new FrameDecoder(recogniser);
    this.surroundings = new Surroundings(this.hop / this.rate);
    this.hangoverSamples = Math.round(RULES.hangoverS * this.rate) + this.decoder.oldestDoubtFrames * this.frame;
  }

  get voiceActive(): boolean {
    return this.position - this.voicedUntil <= this.hangoverSamples;
  }

  get positionS(): number {
    return this.position / this.rate;
  }

  /** Words that may be none, and wait for company. */
  get waiting(): readonly Word[] {
    return this.company.stillWaiting(this.positionS);
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
    const hops = Math.ceil(this.decoder.oldestDoubtFrames / RULES.hopFrames) + 1;
    const words = await this.process(new Float32Array(hops * this.hop - this.rest.length));
    return [...words, ...this.company.saidAtTheEnd(this.positionS)];
  }

  private async judge(hop: Float32Array): Promise<Word[]> {
    const started = performance.now();
    this.followNewest(hop);
    this.surroundings.follow(hop);
    this.window = joined(this.window.subarray(hop.length), hop);
    this.position += hop.length;
    if (this.detector.process(hop)) this.voicedUntil = this.position;
    if (!this.voiceActive) return [];
    const readable = this.position - this.decoder.lookAheadFrames * this.frame;
    const oldest = readable - Math.round(RULES.preRollS * this.rate);
    if (oldest > this.readUntil) { // silence lay between
      this.decoder.reset();
      this.readUntil = oldest;
    }
    const unread = Math.ceil(Math.max(0, readable - this.readUntil) / this.frame);
    this.readUntil = Math.max(this.readUntil, readable);
    const enough = this.enough();
    const hits = await this.decoder.read(this.window, unread, enough);
    return hits.flatMap((hit) => this.company.said(this.word(hit, started), enough));
  }

  /** How sure a word must be to be said now. */
  private enough(): number {
    if (this.company.isThere(this.positionS)) return this.recogniser.runningThreshold;
    return this.surroundings.areLoud ? this.recogniser.noisyThreshold : this.recogniser.loneThreshold;
  }

  private word(hit: Hit, started: number): Word {
    const levels = powers(this.window, this.rate);
    const originS = this.positionS - levels.length * RULES.stepS;
    const heardS = this.positionS - ((hit.framesAgo + 0.5) * this.frame) / this.rate;
    const at = clamped(Math.trunc((heardS - originS) / RULES.stepS), 0, levels.length - 1);
    const earliest = clamped(Math.round((this.newestHeardS - originS) / RULES.stepS), 0, at);
    const { start, end, floor } = wordExtent(levels, at, earliest);
    const startS = Math.max(0, originS + start * RULES.stepS), endS = originS + end * RULES.stepS;
    if (this.newest) this.newest.endS = Math.min(this.newest.endS, startS);
    this.newestFloor = floor;
    this.newestHeardS = heardS;
    this.newest = {
      digit: this.recogniser.labels[hit.index], startS, endS, confidence: hit.confidence, emittedS: this.positionS,
      computeMs: performance.now() - started, amidNoise: this.surroundings.areLoud,
    };
    return this.newest;
  }

  /** The newest word's end moves along for as long as it sounds on, and can be a word. */
  private followNewest(hop: Float32Array): void {
    const newest = this.newest;
    if (!newest || this.positionS - newest.endS > RULES.bridgedSteps * RULES.stepS) return;
    const levels = powers(hop, this.rate);
    const last = levels.findLastIndex((level) => level > this.newestFloor);
    if (last < 0) return;
    const hopEndsS = this.positionS + hop.length / this.rate;
    const latestS = Math.max(newest.endS, this.newestHeardS + this.recogniser.peakBeforeEndS + RULES.drawnOutS);
    newest.endS = Math.min(hopEndsS - (levels.length - 1 - last) * RULES.stepS, latestS);
  }
}
