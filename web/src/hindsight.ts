// Hearing a recording twice: hindsight.py. The second time it is known what follows, and not only what came before.
import { isFaint, isLikely } from "./hold_back";
import { type Hit, Listener } from "./listener";
import { type Recogniser, RULES, type Word } from "./rules";
import type { Spotted } from "./spotter";

/** The words of a whole recording at the recogniser's rate; whether any of it was taken for speech. */
export async function heardTwice(recogniser: Recogniser, sound: Float32Array): Promise<{ words: Word[]; heardVoice: boolean }> {
  const first = new First(recogniser, false);
  await first.process(sound);
  await first.finish();
  const second = new Second(recogniser, first);
  const words = [...(await second.process(sound)), ...(await second.finish())];
  return { words, heardVoice: first.heardVoice };
}

/** Notes when likely words of ours and other words were said; keeps what the network answered. */
class First extends Listener {
  readonly likelyS: number[] = [];
  readonly likelyPowers: number[] = [];
  readonly othersS: number[] = [];
  readonly answers: Float32Array[][] = [];

  protected override async frames(window: Float32Array, newest: number): Promise<Float32Array[]> {
    const answer = await super.frames(window, newest);
    this.answers.push(answer);
    return answer;
  }

  /** Enrolled words are spotted in the second hearing. */
  protected override async spotted(): Promise<Spotted | null> {
    return null;
  }

  protected override async judge(hop: Float32Array): Promise<Word[]> {
    const words = await super.judge(hop);
    if (this.voiceActive && this.decoder.otherWordBegan) this.othersS.push(this.positionS);
    return words;
  }

  protected override word(hit: Hit, started: number): Word {
    const word = super.word(hit, started);
    if (isLikely(word)) {
      this.likelyS.push(word.emittedS);
      this.likelyPowers.push(word.power);
    }
    return word;
  }
}

/** Judges what a word stands among by both sides of it. */
class Second extends Listener {
  private used = 0;

  constructor(recogniser: Recogniser, private readonly first: First) {
    super(recogniser, false);
  }

  protected override async frames(): Promise<Float32Array[]> {
    return this.first.answers[this.used++];
  }

  protected override needed(): number {
    return this.isSpeech ? this.recogniser.speechThreshold : super.needed();
  }

  /** In speech no neighbour makes a word certain: there are two of "to" and "for" as often as one. */
  protected override passed(word: Word, needed: number): Word[] {
    if (isFaint(word, this.loudestAround)) return [];
    if (!this.isSpeech) return super.passed(word, needed);
    return word.confidence >= needed ? [word] : [];
  }

  protected override get isAmidSpeech(): boolean {
    return this.count(this.first.othersS) >= RULES.fewestOthers;
  }

  private get isSpeech(): boolean {
    return this.isAmidSpeech && !this.isFewOthers;
  }

  protected override get othersKept(): number {
    const isString = this.isFewOthers && this.count(this.first.likelyS) >= RULES.fewestWords;
    return isString ? RULES.othersKeptInString : 1;
  }

  private get isFewOthers(): boolean {
    return this.count(this.first.othersS) <= RULES.mostOthers * this.count(this.first.likelyS);
  }

  private get loudestAround(): number {
    return Math.max(0, ...this.first.likelyPowers.filter((_, word) => this.isAround(this.first.likelyS[word])));
  }

  private count(timesS: number[]): number {
    return timesS.filter((timeS) => this.isAround(timeS)).length;
  }

  private isAround(timeS: number): boolean {
    return Math.abs(timeS - this.positionS) <= RULES.aroundS;
  }
}
