// How a text feels: dwindle/infer/text/sentiment_model.py in the browser.
import { type Model, softmax, wholeNumbers } from "./model";
import { WordPieces } from "./word_pieces";

const LONGEST_TEXT = 20_000; // characters that are read

export interface Feeling { label: string; confidence: number; isUnsure: boolean; shares: number[] }

export class SentimentModel {
  private constructor(private readonly model: Model, private readonly pieces: WordPieces, private readonly labels: string[]) {}

  static async open(model: Model): Promise<SentimentModel> {
    return new SentimentModel(model, await WordPieces.unpacked(model.metadata.tokenizer), JSON.parse(model.metadata.labels));
  }

  /** Null where there is no word; a long text is read in pieces, and each counts by its length. */
  async feeling(text: string): Promise<Feeling | null> {
    const windows = this.pieces.windows(text.slice(0, LONGEST_TEXT));
    if (windows[0].length === 2) return null; // the two tokens that stand around every text
    const total = windows.reduce((sum, window) => sum + window.length, 0), mean = new Float32Array(this.labels.length);
    for (const window of windows) {
      const { logits } = await this.model.run({ tokens: wholeNumbers(window, [1, window.length]) });
      (logits.data as Float32Array).forEach((logit, place) => (mean[place] += (logit * window.length) / total));
    }
    const shares = [...softmax(mean.map((logit) => logit / this.model.number("temperature")))];
    const confidence = Math.max(...shares);
    return { label: this.labels[shares.indexOf(confidence)], confidence, isUnsure: confidence < this.model.number("threshold"), shares };
  }
}
