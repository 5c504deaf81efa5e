// Uncertain words wait for a neighbour: hold_back.py.
import { RULES, type Word } from "./rules";

/** Passes a word on at once when it is certain or has a likely neighbour; else when a neighbour follows shortly. */
export class HoldBack {
  private held: Word[] = [];
  private likely: { foundS: number; power: number }[] = []; // the newest

  likelyWords(nowS: number): number {
    this.likely = this.likely.filter((word) => nowS - word.foundS <= RULES.holdS);
    return this.likely.length;
  }

  passed(word: Word, needed: number): Word[] {
    let confirmed = this.likelyWords(word.emittedS) > 0;
    if (isFaint(word, Math.max(0, ...this.likely.map((one) => one.power)))) return [];
    const held = this.takeHeld(word.emittedS);
    if (isLikely(word)) {
      this.likely.push({ foundS: word.emittedS, power: word.power });
      confirmed ||= held.length > 0;
    }
    if (confirmed || word.alone >= needed) return [...madeCertain(held, word.emittedS), word];
    const worthHolding = !word.amidNoise || word.confidence >= RULES.worthHoldingAmidNoise;
    this.held = worthHolding ? [...held, word] : held;
    return [];
  }

  passedAtTheEnd(nowS: number): Word[] {
    return madeCertain(this.takeHeld(nowS).filter((word) => !word.amidNoise && !word.amidSpeech), nowS);
  }

  stillHeld(nowS: number): Word[] {
    return this.held.filter((word) => nowS - word.emittedS <= RULES.holdS);
  }

  private takeHeld(nowS: number): Word[] {
    const held = this.stillHeld(nowS);
    this.held = [];
    return held;
  }
}

/** Whether it makes its neighbours certain. */
export function isLikely(word: Word): boolean {
  return word.confidence >= (word.amidSpeech ? RULES.confirmingAmidSpeech : RULES.confirming);
}

/** Whether it is far fainter than the loudest likely word nearby, given by its power. */
export function isFaint(word: Word, loudest: number): boolean {
  return word.power < loudest * 10 ** (-RULES.faintDb / 10);
}

function madeCertain(waiting: Word[], nowS: number): Word[] {
  for (const word of waiting) word.emittedS = nowS;
  return waiting;
}
