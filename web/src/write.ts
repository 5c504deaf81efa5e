// The Write tab: how a sentence feels, what each word adds to that, and a text that goes on.
import type { Brain } from "./brain";
import { element, made, percent, problem } from "./page";

const MOST_WORDS = 60; // whose influence is asked for
const PAUSE_MS = 150; // in typing, before a sentence is read
const MOST_CHARACTERS = 600; // that are written at a time
const LEAST_SHOWN = 0.1; // of a probability: where no word adds as much, all grounds are pale
const POSITIVE = 1; // the place of its share

/** A sentence, answered while it is written. */
export class Feel {
  private readonly sentence = element<HTMLTextAreaElement>("sentence");
  private asked = 0; // sentences; the answer to an older one is not shown
  private timer = 0;

  constructor(private readonly brain: Brain) {
    this.sentence.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.answer(), PAUSE_MS);
    });
    for (const example of document.querySelectorAll<HTMLElement>("#sentences button")) {
      example.addEventListener("click", () => {
        this.sentence.value = example.textContent!;
        this.answer();
      });
    }
    if (this.sentence.value) this.answer(); // the browser kept it
  }

  private answer(): void {
    this.ask().catch((error: Error) => problem(error.message));
  }

  private async ask(): Promise<void> {
    const number = ++this.asked, text = this.sentence.value, words = text.match(/\S+/g) ?? [];
    const whole = await this.brain.ask("feel", { text });
    if (number !== this.asked) return;
    element("feeling").textContent = whole ? `${whole.label}${whole.isUnsure ? "?" : ""}, ${percent(whole.confidence)}${whole.isUnsure ? ": unsure" : ""}` : "";
    element<HTMLMeterElement>("positive").value = whole ? whole.shares[POSITIVE] : 0.5;
    element("influence").replaceChildren();
    if (!whole || words.length > MOST_WORDS || words.length < 2) return;
    const found: [string, number][] = [];
    for (const [place, word] of words.entries()) {
      const rest = await this.brain.ask("feel", { text: words.filter((_, other) => other !== place).join(" ") });
      if (number !== this.asked) return;
      found.push([word, rest ? whole.shares[POSITIVE] - rest.shares[POSITIVE] : 0]);
    }
    const strongest = Math.max(LEAST_SHOWN, ...found.map(([, influence]) => Math.abs(influence)));
    element("influence").replaceChildren(...found.flatMap(([word, influence]) => [this.marked(word, influence, strongest), " "]));
  }

  /** A word on a ground that shows what is gone without it. */
  private marked(word: string, influence: number, strongest: number): HTMLElement {
    const points = Math.round(100 * influence), sign = points > 0 ? "+" : points < 0 ? "−" : "";
    const one = made("span", { class: influence > 0 ? "for" : "against", "data-influence": influence.toFixed(3) }, word, made("small", {}, ` ${sign}${Math.abs(points)}`));
    one.style.setProperty("--strength", `${Math.round((50 * Math.abs(influence)) / strongest)}%`);
    return one;
  }
}

/** A text that goes on for as long as it is let. */
export class GoOn {
  private readonly button = element<HTMLButtonElement>("go-on");
  private isWriting = false;

  constructor(private readonly brain: Brain) {
    this.button.disabled = false;
    this.button.addEventListener("click", () => {
      if (this.isWriting) this.isWriting = false;
      else this.write().catch((error: Error) => problem(error.message));
    });
  }

  private async write(): Promise<void> {
    const prompt = element<HTMLTextAreaElement>("prompt").value, written = element("written");
    const temperature = element<HTMLInputElement>("temperature").valueAsNumber, started = performance.now();
    this.show(true);
    written.replaceChildren(made("b", {}, prompt));
    try {
      await this.brain.ask("begin", { text: prompt });
      let count = 0;
      for (; count < MOST_CHARACTERS && this.isWriting; count++) written.append(await this.brain.ask("next", { temperature }));
      element("speed").textContent = `${Math.round((1000 * count) / (performance.now() - started))} characters a second`;
    } finally {
      this.show(false);
    }
  }

  private show(isWriting: boolean): void {
    this.isWriting = isWriting;
    this.button.textContent = isWriting ? "Stop" : "Go on writing";
    this.button.setAttribute("aria-pressed", String(isWriting));
  }
}
