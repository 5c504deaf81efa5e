// The Speak tab: digits and a person's own words as they are said, in a microphone, a file or a recording of the project.
import type { Brain } from "./brain";
import type { Hearing, Spent } from "./hearing";
import { MicrophoneError } from "./microphone";
import type { OwnWords } from "./own_words";
import { element, faultOf, made, milliseconds, percent, problem, UNMUTE } from "./page";
import type { HeardFile, Measured, Site, SoundState, SpokenWord } from "./protocol";
import { decoded } from "./sound_file";
import { SoundView } from "./sound_view";

const MOST_SHOWN = 100; // words

export class Speak {
  private readonly listen = element<HTMLButtonElement>("listen");
  private readonly view = new SoundView(element<HTMLCanvasElement>("sound"));
  private own: OwnWords | null = null;
  private turn: Promise<void> = Promise.resolve();
  private waiting = 0; // for their turn, or in it
  private isMuted = false;
  private soundS = 0;
  private computeS = 0;

  constructor(private readonly brain: Brain, private readonly hearing: Hearing, site: Site) {
    this.listen.addEventListener("click", () => this.busy(() => (this.isListening ? hearing.stop() : this.start())));
    const file = element<HTMLInputElement>("file");
    file.addEventListener("change", () => {
      const chosen = [...(file.files ?? [])];
      file.value = ""; // so that the same file can be heard again, once a word is added
      this.hearFiles(chosen);
    });
    this.takeDrops(element("drop"));
    for (const name of site.samples) {
      const button = made("button", { type: "button" }, name.replace(/^.*\/|\.wav$/g, "").replaceAll("_", " "));
      button.addEventListener("click", () => this.hearSample(name));
      element("samples").append(button);
    }
    if (site.python) this.showPython(site.python);
  }

  private get isListening(): boolean {
    return this.hearing.purpose === "words";
  }

  /** The model is there: from now on it listens; `own` where words can be enrolled. */
  ready(own: OwnWords | null): void {
    this.own = own;
    this.listen.disabled = false;
    this.listen.textContent = "Listen";
    element("load").textContent = milliseconds(performance.now());
    document.body.dataset.ready = "speech";
  }

  words(words: SpokenWord[], columns: Uint8Array = new Uint8Array(0), isLive = true): void {
    this.view.add(columns, words);
    const heard = element("heard");
    for (const { digit, confidence, latencyMs, startS, isOwn, isUnsure } of words) {
      const when = isLive ? milliseconds(Math.max(0, latencyMs)) : `at ${startS.toFixed(2)} s`;
      const look = { "data-digit": digit, class: isUnsure ? "unsure" : "sure" };
      const title = isUnsure ? "unsure: so faint a likeness may be none" : "";
      const sure = isOwn ? `${percent(confidence)} alike` : percent(confidence);
      heard.append(made("li", { ...look, title }, made("b", {}, isUnsure ? `${digit}?` : digit), made("small", {}, `${sure} · ${when}`)));
    }
    while (heard.children.length > MOST_SHOWN) heard.firstChild!.remove();
  }

  sound({ levelDb, muted, voiceActive, waiting, columns }: SoundState): void {
    if (!this.isListening) return; // what was on its way when it was stopped
    element<HTMLMeterElement>("level").value = levelDb;
    element("state").textContent = voiceActive ? "hearing a voice" : "listening";
    element("waiting").textContent = waiting.length ? `perhaps ${waiting.join(" ")}: waiting for another digit` : "";
    this.view.add(columns);
    if (muted !== this.isMuted) problem(muted ? UNMUTE : "");
    this.isMuted = muted;
  }

  private async start(): Promise<void> {
    problem("");
    this.clear();
    await this.hearing.start("words", (spent, gone) => this.stopped(spent, gone));
    this.show("Stop", "listening");
  }

  private stopped({ heardS, computeS }: Spent, gone?: Error): void {
    this.spent(heardS, computeS);
    element<HTMLMeterElement>("level").value = -60;
    element("waiting").textContent = "";
    this.show("Listen", `listened for ${heardS.toFixed(1)} s`);
    if (gone) problem(gone.message);
  }

  private hearSample(name: string): void {
    this.busy(async () => {
      const response = await fetch(name);
      if (!response.ok) throw new Error(`${name} is not there.`);
      const file = await response.arrayBuffer();
      const player = new Audio(name);
      player.play().catch(() => {}); // whoever has no loudspeaker sees the answer all the same
      await this.empty();
      await this.hear(file, name.replace(/^.*\//, ""));
    });
  }

  private hearFiles(files: File[]): void {
    this.busy(async () => {
      const answers = element("answers"), faults: string[] = [];
      if (!files.every((file) => this.isOfWords(file))) await this.empty(); // words can be added while the microphone is open
      answers.replaceChildren();
      answers.hidden = files.length < 2; // the answer to one stands above
      for (const file of files) {
        const line = made("li");
        try {
          line.textContent = await this.answered(file);
        } catch (error) {
          console.warn(error);
          faults.push((line.textContent = faultOf(file, error)));
          line.className = "bad";
        }
        answers.append(line);
      }
      problem(faults.join("\n"));
    });
  }

  private isOfWords(file: File): boolean {
    return this.own !== null && file.name.endsWith(".json");
  }

  /** What is to be said of a file. */
  private async answered(file: File): Promise<string> {
    if (!this.isOfWords(file)) return this.hear(await file.arrayBuffer(), file.name);
    await this.own!.takeFile(file);
    return `${file.name}: taken, a file of words`;
  }

  /** What was heard before is gone, and the microphone is closed. */
  private async empty(): Promise<void> {
    await this.hearing.stop();
    problem("");
    this.clear();
  }

  /** Show the words of a recording in place of the last one's. */
  private async hear(file: ArrayBuffer, name: string): Promise<string> {
    const { samples, rate } = await decoded(file, name), asked = performance.now();
    const heard: HeardFile = await this.brain.ask("hear", { samples, rate }, [samples.buffer]);
    const firstAnswer = element("first-answer");
    if (!this.soundS) firstAnswer.textContent = milliseconds(performance.now() - asked);
    this.spent(heard.soundS, heard.computeS);
    this.clearWords();
    this.words(heard.words, heard.columns, false);
    return (element("state").textContent = `${name}: ${asText(heard.words) || "nothing that is known here"}`);
  }

  private takeDrops(zone: HTMLElement): void {
    const over = (isOver: boolean) => (event: DragEvent) => {
      event.preventDefault();
      zone.classList.toggle("over", isOver);
    };
    document.addEventListener("dragover", over(true));
    document.addEventListener("dragleave", over(false));
    document.addEventListener("drop", (event) => {
      over(false)(event);
      if (event.dataTransfer?.files.length) this.hearFiles([...event.dataTransfer.files]);
    });
  }

  /** One thing after the other, however fast buttons are pressed; what goes wrong is said. */
  private busy(act: () => Promise<void>): void {
    if (!document.body.dataset.ready) return problem("The model is still being loaded.");
    this.waiting++;
    this.listen.disabled = true;
    this.turn = this.turn
      .then(act)
      .catch((error: Error) => {
        problem(error.message);
        if (!(error instanceof MicrophoneError)) console.warn(error);
      })
      .finally(() => {
        this.listen.disabled = --this.waiting > 0;
      });
  }

  private show(action: string, state: string): void {
    this.listen.textContent = action;
    this.listen.setAttribute("aria-pressed", String(this.isListening));
    element("state").textContent = state;
  }

  private clear(): void {
    this.clearWords();
    element("answers").replaceChildren();
    element("answers").hidden = true;
    element("state").textContent = "";
  }

  private clearWords(): void {
    element("heard").replaceChildren();
    this.view.clear();
  }

  private spent(soundS: number, computeS: number): void {
    this.soundS += soundS;
    this.computeS += computeS;
    if (this.soundS) element("real-time").textContent = milliseconds((1000 * this.computeS) / this.soundS);
  }

  private showPython({ loadMs, firstAnswerMs, realTimeFactor, where }: Measured): void {
    element("python-where").textContent = `Python (${where})`;
    element("python-load").textContent = milliseconds(loadMs);
    element("python-first-answer").textContent = milliseconds(firstAnswerMs);
    element("python-real-time").textContent = milliseconds(1000 * realTimeFactor);
  }
}

/** Digits run together ("173"), longer words stand apart ("4 marvin"). */
function asText(words: SpokenWord[]): string {
  const said = words.map((word) => word.digit);
  return said.join(said.every((word) => word.length === 1) ? "" : " ");
}
