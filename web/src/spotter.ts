// Spotting enrolled words in a stream: dwindle/infer/speech/spotter.py in the browser.
import type { Match } from "./enrolled";
import { RULES } from "./rules";

/** An enrolled word, how alike, and when: the time of the run that it was closest in. */
export interface Spotted { word: string; similarity: number; atS: number }

/** Takes the match of every run of the network and finds each word once. */
export class Spotter {
  private closest: Spotted | null = null;
  private runsSince = 0;
  private active: string | null = null; // the word being said, found already

  /** A word that is certain after one more run. */
  follow({ word, similarity, leastSimilarity }: Match, nowS: number): Spotted | null {
    if (this.active !== null && (word !== this.active || similarity < leastSimilarity - RULES.releasedBelow)) this.active = null;
    const closest = this.closest ? this.closest.similarity + RULES.clearly : -1;
    if (similarity >= leastSimilarity && word !== this.active && similarity > closest) {
      this.closest = { word, similarity, atS: nowS };
      this.runsSince = 0;
      return null;
    }
    this.runsSince++;
    return this.runsSince >= RULES.settledRuns ? this.finish() : null;
  }

  /** The word that was closest so far: nothing more comes, or nothing closer. */
  finish(): Spotted | null {
    const found = this.closest;
    this.closest = null;
    if (found) this.active = found.word;
    return found;
  }
}
