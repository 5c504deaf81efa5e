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
  private now: AbortController | null = null; // of the text that is being written
  private turn: Promise<void> = Promise.resolve(); // the model has one state: a text waits until the one before has left it

  constructor(private readonly brain: Brain) {
    this.button.disabled = false;
    this.button.addEventListener("click", () => (this.now ? this.stop() : this.start()));
  }

  private start(): void {
    const now = new AbortController(), prompt = element<HTMLTextAreaElement>("prompt").value;
    this.show(now);
    element("written").replaceChildren(made("b", {}, prompt));
    this.turn = this.turn
      .then(() => this.write(prompt, now.signal))
      .catch((error: Error) => problem(error.message))
      .finally(() => {
        if (this.now === now) this.show(null);
      });
  }

  private stop(): void {
    this.now?.abort();
    this.show(null);
  }

  private async write(prompt: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return; // while it waited
    const temperature = element<HTMLInputElement>("temperature").valueAsNumber, started = performance.now(), speed = element("speed");
    speed.textContent = "";
    let unread = await this.brain.ask("begin", { text: prompt });
    while (unread && !signal.aborted) unread = await this.brain.ask("read", {});
    let count = 0;
    for (; count < MOST_CHARACTERS && !signal.aborted; count++) {
      const next = await this.brain.ask("next", { temperature });
      if (signal.aborted) break; // what was on its way: another text may stand there by now
      element("written").append(next);
    }
    if (count) speed.textContent = `${Math.round((1000 * count) / (performance.now() - started))} characters a second`;
  }

  private show(now: AbortController | null): void {
    this.now = now;
    this.button.textContent = now ? "Stop" : "Go on writing";
    this.button.setAttribute("aria-pressed", String(now !== null));
  }
}
