// Goes on writing, character by character: dwindle/infer/text/language_memory.py in the browser.
import { floats, type Model, softmax, wholeNumbers } from "./model";

const BEGINNING = "\n"; // of which a text is taken to follow as many as the network looks back at, and one
const RINGS = "memory"; // memories RINGS_0, RINGS_1 … into which new entries go, position p into slot p % window
const NEW = "new_";
const MOST_AT_ONCE = 64; // characters of a text that are read in one run
const UNKNOWN_SIGN = "\ufffd";

export class LanguageModel {
  private readonly labels: string[];
  private readonly numberOf: Map<string, number>;
  private state: Record<string, { data: Float32Array; shape: number[] }> = {};
  private readonly lookedBack: number; // characters that the embedding looks back at
  private before: number[] = [];
  private unread: number[] = [];
  private position = 0;
  private following: Float32Array = new Float32Array(0); // logits of the next character

  constructor(private readonly model: Model) {
    this.labels = JSON.parse(model.metadata.labels);
    this.lookedBack = Number(Object.fromEntries(model.shapes()).before[1]);
    this.numberOf = new Map(this.labels.slice(0, -1).map((label, number) => [label, number]));
  }

  /** Forget all, and take this text, which readOn() reads; how much of it is unread. */
  begin(text: string): number {
    const tokens = Array.from(BEGINNING.repeat(this.lookedBack + 1) + text, (sign) => this.numberOf.get(sign) ?? this.labels.length - 1);
    this.state = Object.fromEntries(this.model.shapes().filter(([name]) => !["tokens", "before", "start"].includes(name)).map(([name, shape]) => {
      const sizes = shape.map((size) => (typeof size === "number" ? size : 1)); // one text
      return [name, { data: new Float32Array(sizes.reduce((product, size) => product * size, 1)), shape: sizes }];
    }));
    this.position = 0;
    this.before = tokens.slice(0, this.lookedBack);
    this.unread = tokens.slice(this.lookedBack);
    return this.unread.length;
  }

  /** One piece, so that a long text can be left between two; how much is unread then. */
  async readOn(): Promise<number> {
    await this.read(this.unread.splice(0, MOST_AT_ONCE));
    return this.unread.length;
  }

  /** The next character, drawn by its probability; a low temperature keeps to the likeliest. */
  async next(temperature: number): Promise<string> {
    const known = this.following.slice(0, -1); // never the sign for what is unknown
    const shares = softmax(known.map((logit) => logit / temperature));
    let left = Math.random();
    const drawn = shares.findIndex((share) => (left -= share) < 0), token = drawn < 0 ? shares.indexOf(Math.max(...shares)) : drawn;
    await this.read([token]);
    return this.labels[token] ?? UNKNOWN_SIGN;
  }

  private async read(tokens: number[]): Promise<void> {
    const inputs = {
      tokens: wholeNumbers(tokens, [1, tokens.length]), before: wholeNumbers(this.before, [1, this.before.length]), start: wholeNumbers([this.position], [1]),
    };
    const memory = Object.entries(this.state).map(([name, { data, shape }]) => [name, floats(data, shape)]);
    const given = await this.model.run({ ...inputs, ...Object.fromEntries(memory) });
    for (const [name, tensor] of Object.entries(given)) {
      if (name.startsWith(NEW)) this.keep(name.slice(NEW.length), tensor.data as Float32Array, [...tensor.dims]);
    }
    this.before = [...this.before, ...tokens].slice(-this.lookedBack);
    this.position += tokens.length;
    this.following = (given.logits.data as Float32Array).slice(-this.labels.length);
  }

  private keep(name: string, fresh: Float32Array, shape: number[]): void {
    if (name !== RINGS) {
      this.state[name] = { data: fresh.slice(), shape };
      return;
    }
    const [, rings, heads, count, numbers] = shape;
    for (let head = 0; head < rings * heads; head++) {
      const { data, shape: [, , window] } = this.state[`${RINGS}_${Math.floor(head / heads)}`];
      for (let place = Math.max(0, count - window); place < count; place++) {
        const from = (head * count + place) * numbers, slot = (this.position + place) % window;
        data.set(fresh.subarray(from, from + numbers), ((head % heads) * window + slot) * numbers);
      }
    }
  }
}
