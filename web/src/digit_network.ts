// Handwritten digits: dwindle/infer/images/network.py in the browser.
import { floats, type Model, softmax } from "./model";
import type { SeenDigit } from "./protocol";
import { SIDE } from "./strokes";

export class DigitNetwork {
  readonly labels: string[];
  private readonly temperature: number;
  private readonly segments: number[][]; // of each: its weights on the embedding, then its bias

  constructor(private readonly model: Model) {
    this.labels = JSON.parse(model.metadata.labels);
    this.temperature = model.number("temperature");
    this.segments = JSON.parse(model.metadata.segments ?? "[]");
  }

  /** Of each image the probabilities of the labels, and of the strokes that a display would light. */
  async see(images: Float32Array): Promise<SeenDigit[]> {
    const count = images.length / SIDE ** 2, classes = this.labels.length;
    const { logits, embedding } = await this.model.run({ image: floats(images, [count, 1, SIDE, SIDE]) });
    const rows = (logits.data as Float32Array).map((logit) => logit / this.temperature);
    return Array.from({ length: count }, (_, row) => ({
      shares: softmax(rows.slice(row * classes, (row + 1) * classes)),
      segments: this.segments.map((weights) => lit(weights, embedding.data as Float32Array, row)),
    }));
  }
}

/** Logistic regression on one row of the embedding. */
function lit(weights: number[], embedding: Float32Array, row: number): number {
  const last = weights.length - 1;
  const logit = weights.reduce((sum, weight, at) => sum + weight * (at < last ? embedding[row * last + at] : 1), 0);
  return 1 / (1 + Math.exp(-logit));
}
