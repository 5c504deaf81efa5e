// Words that a person added to a model, and the plain file that keeps them: dwindle/infer/speech/enrolled.py in the browser.

const FORMAT = "dwindle-words-1";
const DECIMALS = 5; // of a prototype's numbers in a file

export interface EnrolledWord {
  prototype: Float32Array; // its direction in the crowd
  recordings: number; // that it is the mean of
  leastSimilarity: number; // from which a sound is taken for it
}

export type EnrolledWords = ReadonlyMap<string, EnrolledWord>;

/** The enrolled word that a sound is most like; the similarity is the cosine of the angle between the two directions. */
export interface Match { word: string; similarity: number; leastSimilarity: number }

/** The word that any of these directions is most like, as far above its own least similarity as can be. */
export function nearest(words: EnrolledWords, ...directions: Float32Array[]): Match {
  const likest = (prototype: Float32Array) => Math.max(...directions.map((direction) => dot(direction, prototype)));
  const matches = [...words].map(([word, { prototype, leastSimilarity }]) => ({ word, similarity: likest(prototype), leastSimilarity }));
  const above = ({ similarity, leastSimilarity }: Match) => similarity - leastSimilarity;
  return matches.reduce((best, match) => (above(match) > above(best) ? match : best));
}

/** What a model's file says of the embeddings of all that is said: their mean, and axes along which they spread alike. */
export class Crowd {
  private constructor(private readonly mean: Float32Array, private readonly triangle: Float32Array) {}

  /** Null for a file from before there was one. */
  static of(metadata: Record<string, string>): Crowd | null {
    if (!("crowd" in metadata)) return null;
    const said = JSON.parse(metadata.crowd);
    return new Crowd(halves(said.mean), halves(said.axes));
  }

  get channels(): number {
    return this.mean.length;
  }

  /** From the middle of the crowd to an embedding, of length 1; zeros for the middle itself. */
  direction(embedding: Float32Array): Float32Array {
    const away = embedding.map((value, place) => value - this.mean[place]);
    let at = 0; // in the lower triangle, row by row
    const whitened = away.map((_, row) => {
      let sum = 0;
      for (let column = 0; column <= row; column++) sum += this.triangle[at++] * away[column];
      return sum;
    });
    return ofLengthOne(whitened);
  }
}

export function dot(one: Float32Array, other: Float32Array): number {
  return one.reduce((sum, value, place) => sum + value * other[place], 0);
}

export function ofLengthOne(vector: Float32Array): Float32Array {
  const length = Math.max(Math.sqrt(dot(vector, vector)), 1e-9);
  return vector.map((value) => value / length);
}

/** The words of a file that were enrolled with this model; throws what a person can understand. */
export function readWords(text: string, name: string, modelSha256: string, channels: number): EnrolledWords {
  const damaged = `${name} is not a file of enrolled words, or damaged. infer.py --enrol and this page write such files.`;
  let said: { format?: unknown; model_sha256?: unknown; words?: unknown };
  try {
    said = JSON.parse(text);
  } catch {
    throw new Error(damaged);
  }
  if (said?.format !== FORMAT || typeof said.words !== "object" || !said.words || Array.isArray(said.words)) throw new Error(damaged);
  const entries = Object.entries(said.words);
  if (entries.length && said.model_sha256 !== modelSha256) {
    throw new Error(`${name}: its words were enrolled with another model than this page's. Enrol them again.`);
  }
  return new Map(entries.map(([word, entry]) => {
    const one = entryOf(entry, channels);
    if (!one) throw new Error(damaged);
    return [word, one];
  }));
}

/** The text of a file that readWords() and Python's infer.py --words read. */
export function writtenWords(words: EnrolledWords, modelSha256: string): string {
  const entries = [...words].map(([word, { prototype, recordings, leastSimilarity }]) => {
    const rounded = Array.from(prototype, (number) => Number(number.toFixed(DECIMALS)));
    return [word, { prototype: rounded, recordings, least_similarity: leastSimilarity }];
  });
  return JSON.stringify({ format: FORMAT, model_sha256: modelSha256, words: Object.fromEntries(entries) }, null, 1) + "\n";
}

function entryOf(said: unknown, channels: number): EnrolledWord | null {
  const { prototype, recordings, least_similarity: least } = (said ?? {}) as Record<string, unknown>;
  const isDirection = Array.isArray(prototype) && prototype.length === channels && prototype.every(Number.isFinite);
  if (!isDirection || !Number.isInteger(recordings) || typeof least !== "number" || !(Math.abs(least) <= 1)) return null;
  const direction = Float32Array.from(prototype as number[]);
  if (Math.abs(Math.sqrt(dot(direction, direction)) - 1) > 0.01) return null;
  return { prototype: direction, recordings: recordings as number, leastSimilarity: least };
}

/** Numbers of 16 bits (IEEE 754's binary16, little-endian, base64): not every browser reads them by itself. */
function halves(base64: string): Float32Array {
  const bytes = atob(base64);
  return Float32Array.from({ length: bytes.length / 2 }, (_, place) => {
    const bits = bytes.charCodeAt(2 * place) | (bytes.charCodeAt(2 * place + 1) << 8);
    const exponent = (bits >> 10) & 31, fraction = bits & 1023;
    return (bits >> 15 ? -1 : 1) * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
  });
}
