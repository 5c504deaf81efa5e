// What makes a word of a few recordings: the decisions of dwindle/infer/speech/enrol.py in the browser.
import { dot, type EnrolledWord, ofLengthOne } from "./enrolled";
import { REJECT } from "./rules";

const FEWEST_RECORDINGS = 3;
const LEAST_SIMILARITY = 0.62; // from which a sound is taken for the word
const LEAST_AMONG_ITS_OWN = 0.5; // of a recording to the others of its word
export const LONGEST_WORD_S = 5; // with the silence around it
const LONGEST_NAME = 40;

/** The direction in the middle of several. */
export function prototypeOf(directions: Float32Array[]): Float32Array {
  return ofLengthOne(directions[0].map((_, place) => directions.reduce((sum, one) => sum + one[place], 0) / directions.length));
}

/** How alike each recording is to the others. */
export function likenesses(directions: Float32Array[]): number[] {
  return directions.map((own, place) => (directions.length > 1 ? dot(own, prototypeOf(directions.filter((_, other) => other !== place))) : 1));
}

/** Which recordings are not like the others; one alone, or two, cannot be told apart. */
export function unlike(directions: Float32Array[]): boolean[] {
  const enough = directions.length >= FEWEST_RECORDINGS;
  return likenesses(directions).map((likeness) => enough && likeness < LEAST_AMONG_ITS_OWN);
}

/** What is wrong with a name, for a person to read; an empty text where nothing is. */
export function faultOfName(word: string, labels: string[]): string {
  if (!word) return "Type the word first.";
  if ([...word].length > LONGEST_NAME || /(?! )[\p{C}\p{Z}]/u.test(word)) return `A word has up to ${LONGEST_NAME} letters and signs.`;
  return labels.includes(word) || word === REJECT ? `The model knows ${word} already: choose another name.` : "";
}

/** The word that these recordings are of; throws what a person can do about them. */
export function enrolled(directions: Float32Array[]): EnrolledWord {
  if (directions.length < FEWEST_RECORDINGS) {
    throw new Error(`${directions.length} good recording${directions.length === 1 ? "" : "s"}, where ${FEWEST_RECORDINGS} are needed and five are enough.`);
  }
  if (2 * unlike(directions).filter(Boolean).length > directions.length) {
    throw new Error("Most recordings are unlike the others: say the word more alike, or remove those that went wrong.");
  }
  return { prototype: prototypeOf(directions), recordings: directions.length, leastSimilarity: LEAST_SIMILARITY };
}
