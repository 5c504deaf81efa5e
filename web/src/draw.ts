// The Draw tab: digits on a canvas, answered while they are drawn.
import type { Brain } from "./brain";
import { element, made, percent, problem } from "./page";
import type { SeenDigit } from "./protocol";
import { display } from "./seven_segments";
import { digitsOf, normalised, SIDE, trace, type Point, type Stroke } from "./strokes";

const PEN = 14; // pixels on the canvas
const LEAST_SURE = 0.6; // below, the answer is shown as a question
const EXAMPLE: number[][][] = [ // a three and a four, as x and y from 0 to 1
  [[0.12, 0.2, 0.26, 0.14, 0.4, 0.2, 0.42, 0.34, 0.36, 0.44, 0.26, 0.48, 0.38, 0.52, 0.44, 0.64, 0.4, 0.78, 0.26, 0.84, 0.12, 0.78]],
  [[0.68, 0.16, 0.58, 0.54, 0.9, 0.54], [0.8, 0.34, 0.78, 0.86]],
];

export class Draw {
  private readonly canvas = element<HTMLCanvasElement>("canvas");
  private strokes: Stroke[] = [];
  private readonly drawing = new Map<number, Stroke>(); // of each pointer that is down: several fingers may draw at once
  private isAsking = false;
  private isChanged = false;

  private labels: string[] = [];

  /** The labels come when the model is open; what was drawn until then is read then. */
  constructor(private readonly brain: Brain, private readonly opened: Promise<string[]>) {
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      const stroke = [this.pointOf(event)];
      this.drawing.set(event.pointerId, stroke);
      this.strokes.push(stroke);
      this.changed();
    });
    this.canvas.addEventListener("pointermove", (event) => {
      const stroke = this.drawing.get(event.pointerId);
      if (!stroke) return;
      stroke.push(...event.getCoalescedEvents().map((one) => this.pointOf(one)), this.pointOf(event));
      this.changed();
    });
    for (const end of ["pointerup", "pointercancel"] as const) this.canvas.addEventListener(end, (event) => this.drawing.delete(event.pointerId));
    element("undo").addEventListener("click", () => this.become(this.strokes.slice(0, -1)));
    element("clear").addEventListener("click", () => this.become([]));
    element("example").addEventListener("click", () => this.become(exampleOn(this.canvas)));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.show());
    this.changed();
  }

  private become(strokes: Stroke[]): void {
    this.strokes = strokes;
    this.drawing.clear(); // what is cleared in mid-stroke stays cleared
    this.changed();
  }

  private pointOf(event: PointerEvent): Point {
    const box = this.canvas.getBoundingClientRect(), scale = this.canvas.width / box.width;
    return { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale };
  }

  private changed(): void {
    this.show();
    this.isChanged = true;
    if (!this.isAsking) this.answer().catch((error: Error) => problem(error.message));
  }

  private show(): void {
    const context = this.canvas.getContext("2d")!;
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.strokeStyle = getComputedStyle(this.canvas).color;
    trace(context, this.strokes, PEN);
  }

  /** One question at a time; what was drawn meanwhile is the next one. */
  private async answer(): Promise<void> {
    this.isAsking = true;
    try {
      const labels = await this.opened.catch(() => null); // whoever opens it says what is wrong
      if (!labels) return;
      this.labels = labels;
      while (this.isChanged) {
        this.isChanged = false;
        const digits = this.strokes.length ? digitsOf(this.strokes).map(normalised) : [];
        if (!digits.length) this.tell([], []);
        else this.tell(digits, await this.brain.ask("look", { images: Float32Array.from(digits.flatMap((digit) => [...digit])) }));
      }
    } finally {
      this.isAsking = false;
    }
  }

  private tell(images: Float32Array[], answers: SeenDigit[]): void {
    const best = answers.map(({ shares }) => shares.indexOf(Math.max(...shares)));
    const text = best.map((index, place) => (answers[place].shares[index] < LEAST_SURE ? `${this.labels[index]}?` : this.labels[index])).join(" ");
    const drawn = element("drawn");
    if (drawn.textContent !== (text || "–")) drawn.textContent = text || "–"; // a screen reader says it again only when it is another
    const rows = answers.map(({ shares, segments }, place) =>
      made("li", {}, picture(images[place]), ...(segments.length ? [display(segments)] : []), likeliest(shares, this.labels)));
    element("details").replaceChildren(...rows);
    element("details-key").hidden = !rows.length;
  }
}

/** The three likeliest answers, with their shares. */
function likeliest(shares: Float32Array, labels: string[]): HTMLElement {
  const order = [...shares.keys()].sort((one, other) => shares[other] - shares[one]).slice(0, 3);
  const rows = order.map((index) => made("span", { class: "share" }, made("b", {}, labels[index]), ` ${percent(shares[index])} `,
    made("meter", { min: "0", max: "1", value: String(shares[index]), "aria-label": `share of ${labels[index]}` })));
  return made("span", { class: "shares" }, ...rows);
}

/** What the network sees of a digit. */
function picture(image: Float32Array): HTMLCanvasElement {
  const canvas = made("canvas", { width: String(SIDE), height: String(SIDE), class: "seen", role: "img", "aria-label": "what the network sees" }) as HTMLCanvasElement;
  const pixels = new ImageData(SIDE, SIDE);
  image.forEach((ink, place) => pixels.data.set([255 * ink, 255 * ink, 255 * ink, 255], 4 * place));
  canvas.getContext("2d")!.putImageData(pixels, 0, 0);
  return canvas;
}

function exampleOn({ width, height }: HTMLCanvasElement): Stroke[] {
  return EXAMPLE.flat().map((flat) => Array.from({ length: flat.length / 2 }, (_, place) => ({ x: flat[2 * place] * width, y: flat[2 * place + 1] * height })));
}
