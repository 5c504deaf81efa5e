// Handwritten digits: dwindle/infer/images/network.py in the browser.
import { floats, type Model, softmax } from "./model";
import { SIDE } from "./strokes";

export class DigitNetwork {
  readonly labels: string[];
  private readonly temperature: number;

  constructor(private readonly model: Model) {
    this.labels = JSON.parse(model.metadata.labels);
    this.temperature = model.number("temperature");
  }

  /** Of each image its probabilities, in the order of the labels. */
  async probabilities(images: Float32Array): Promise<Float32Array[]> {
    const count = images.length / SIDE ** 2, classes = this.labels.length;
    const { logits } = await this.model.run({ image: floats(images, [count, 1, SIDE, SIDE]) });
    const rows = (logits.data as Float32Array).map((logit) => logit / this.temperature);
    return Array.from({ length: count }, (_, row) => softmax(rows.slice(row * classes, (row + 1) * classes)));
  }
}
