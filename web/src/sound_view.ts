// The newest seconds of sound as a log-mel picture, with the words that were heard in it.
import { COLUMN_S, MEL_BANDS } from "./mel_picture";
import type { SpokenWord } from "./protocol";

const SHOWN_COLUMNS = 320; // about five seconds

export class SoundView {
  private readonly picture = new OffscreenCanvas(SHOWN_COLUMNS, MEL_BANDS);
  private columns = new Uint8Array(SHOWN_COLUMNS * MEL_BANDS);
  private words: SpokenWord[] = [];
  private count = 0; // of columns ever shown
  private isDue = false;

  constructor(private readonly canvas: HTMLCanvasElement) {
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  clear(): void {
    this.columns.fill(0);
    this.words = [];
    this.count = 0;
    this.draw();
  }

  add(columns: Uint8Array, words: SpokenWord[] = []): void {
    const newest = columns.subarray(-this.columns.length);
    this.columns.copyWithin(0, newest.length);
    this.columns.set(newest, this.columns.length - newest.length);
    this.count += columns.length / MEL_BANDS;
    this.words.push(...words);
    this.draw();
  }

  private draw(): void {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      this.drawNow();
    });
  }

  private drawNow(): void {
    const { canvas } = this, scale = devicePixelRatio, look = getComputedStyle(canvas);
    canvas.width = canvas.clientWidth * scale;
    canvas.height = canvas.clientHeight * scale;
    const [paper, ink] = ["--panel", "--ink"].map((name) => rgb(look.getPropertyValue(name)));
    const pixels = new ImageData(SHOWN_COLUMNS, MEL_BANDS);
    for (let column = 0; column < SHOWN_COLUMNS; column++) {
      for (let band = 0; band < MEL_BANDS; band++) {
        const loudness = this.columns[column * MEL_BANDS + band] / 255;
        const at = 4 * ((MEL_BANDS - 1 - band) * SHOWN_COLUMNS + column);
        for (const part of [0, 1, 2]) pixels.data[at + part] = paper[part] + (ink[part] - paper[part]) * loudness;
        pixels.data[at + 3] = 255;
      }
    }
    this.picture.getContext("2d")!.putImageData(pixels, 0, 0);
    const context = canvas.getContext("2d")!, column = canvas.width / SHOWN_COLUMNS;
    context.drawImage(this.picture, 0, 0, canvas.width, canvas.height);
    context.font = `bold ${22 * scale}px system-ui, sans-serif`;
    context.textAlign = "center";
    const across = (second: number) => (SHOWN_COLUMNS - this.count + second / COLUMN_S) * column;
    this.words = this.words.filter((word) => across(word.endS) > 0);
    for (const { digit, startS, endS, isUnsure } of this.words) {
      const [left, right] = [across(startS), across(endS)];
      context.fillStyle = look.getPropertyValue("--accent");
      context.globalAlpha = isUnsure ? 0.15 : 0.3;
      context.fillRect(left, 0, right - left, canvas.height);
      context.globalAlpha = 1;
      context.lineWidth = 5 * scale;
      context.strokeStyle = look.getPropertyValue("--panel");
      context.strokeText(isUnsure ? `${digit}?` : digit, (left + right) / 2, 26 * scale);
      context.fillText(isUnsure ? `${digit}?` : digit, (left + right) / 2, 26 * scale);
    }
  }
}

const rgb = (colour: string) => [1, 3, 5].map((at) => parseInt(colour.trim().slice(at, at + 2), 16));
