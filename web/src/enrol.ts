// Adding a word in the page: its recordings, said or chosen, each of them judged; then the word is heard.
import type { Brain } from "./brain";
import { enrolled, faultOfName, likenesses, unlike } from "./enrolment";
import type { Hearing } from "./hearing";
import type { OwnWords } from "./own_words";
import { element, faultOf, made, percent, problem, UNMUTE } from "./page";
import type { SoundState, Take } from "./protocol";
import { decoded } from "./sound_file";

const ENOUGH = 5; // recordings, after which it stops by itself
const PROBLEM = "own-problem";

export class Enrol {
  private readonly name = element<HTMLInputElement>("own-word");
  private readonly record = element<HTMLButtonElement>("record");
  private readonly level = element<HTMLMeterElement>("record-level");
  private takes: { take: Take; title: string }[] = [];
  private goal = ENOUGH; // good recordings at which the microphone is closed
  private said = 0;
  private isMuted = false;

  constructor(private readonly brain: Brain, private readonly hearing: Hearing, private readonly own: OwnWords, private readonly labels: string[]) {
    this.record.addEventListener("click", () => this.tried(() => (hearing.purpose === "takes" ? hearing.stop() : this.start())));
    const files = element<HTMLInputElement>("record-files");
    files.addEventListener("change", () => this.tried(() => this.hearFiles([...(files.files ?? [])])).finally(() => (files.value = "")));
    element<HTMLFormElement>("enrol").addEventListener("submit", (event) => {
      event.preventDefault();
      this.tried(() => this.finish());
    });
  }

  /** One more recording, from the microphone. */
  add(take: Take): void {
    this.push(take, `Recording ${++this.said}`);
    if (this.good.length >= this.goal) void this.tried(() => this.hearing.stop());
  }

  sound({ levelDb, muted }: SoundState): void {
    this.level.value = levelDb;
    if (muted !== this.isMuted) problem(muted ? UNMUTE : "", PROBLEM);
    this.isMuted = muted;
  }

  private get good(): Take[] {
    return this.takes.map(({ take }) => take).filter(({ fault }) => !fault);
  }

  private async start(): Promise<void> {
    this.goal = Math.max(ENOUGH, this.good.length + 1);
    await this.hearing.start("takes", (_, gone) => this.stopped(gone));
    this.showRecording(true);
    const wanted = this.goal - this.good.length;
    this.tell(wanted === 1 ? "Say the word once." : `Say the word ${wanted} times, with a pause after each.`);
  }

  private stopped(gone?: Error): void {
    this.showRecording(false);
    this.level.value = -60;
    if (gone) problem(gone.message, PROBLEM);
  }

  private async hearFiles(files: File[]): Promise<void> {
    await this.hearing.stop();
    const faults: string[] = [];
    for (const file of files) {
      try {
        const { samples, rate } = await decoded(await file.arrayBuffer(), file.name);
        this.push(await this.brain.ask("take", { samples, rate }, [samples.buffer]), file.name);
      } catch (error) {
        faults.push(faultOf(file, error));
      }
    }
    problem(faults.join("\n"), PROBLEM); // the others are in the list
  }

  private push(take: Take, title: string): void {
    this.takes.push({ take, title });
    this.show();
    const last = element("takes").lastElementChild!.querySelector("span")!.textContent;
    this.tell(`${last} ${this.good.length} of ${Math.max(ENOUGH, this.good.length)}.`);
    this.own.tell("");
  }

  private async finish(): Promise<void> {
    await this.hearing.stop();
    const name = this.name.value.trim(), fault = faultOfName(name, this.labels);
    if (fault) {
      this.name.focus();
      throw new Error(fault);
    }
    await this.own.add(name, enrolled(this.good.map(({ direction }) => direction)));
    this.takes = [];
    this.said = 0;
    this.name.value = "";
    this.show();
    this.tell("");
  }

  /** Each recording with its judgement, to be heard again or removed. */
  private show(): void {
    const directions = this.good.map(({ direction }) => direction), alike = likenesses(directions), isUnlike = unlike(directions);
    let place = 0; // among the good ones
    const rows = this.takes.map((one) => {
      const { fault } = one.take, at = place;
      if (!fault) place++;
      const share = percent(Math.max(0, alike[at]));
      const judgement = fault || (isUnlike[at] ? `unlike the others (${share}): listen to it, or remove it` : directions.length > 1 ? `good, ${share} like the others` : "good");
      const play = made("button", { type: "button", "aria-label": `Play ${one.title}` }, "Play");
      const remove = made("button", { type: "button", "aria-label": `Remove ${one.title}` }, "Remove");
      play.addEventListener("click", () => played(one.take));
      remove.addEventListener("click", () => this.remove(one));
      const look = { class: fault ? "bad" : isUnlike[at] ? "unlike" : "good" };
      return made("li", look, made("span", {}, `${one.title}: ${judgement}.`), made("div", { class: "pair" }, play, remove));
    });
    element("takes").replaceChildren(...rows);
  }

  private remove(one: { take: Take; title: string }): void {
    const at = this.takes.indexOf(one);
    this.takes.splice(at, 1);
    this.show();
    this.tell(`${one.title} is removed.`);
    const next = element("takes").children[Math.min(at, this.takes.length - 1)];
    (next?.querySelector<HTMLElement>("button:last-child") ?? this.record).focus();
  }

  private showRecording(isOn: boolean): void {
    this.record.textContent = isOn ? "Stop" : "Record";
    this.record.setAttribute("aria-pressed", String(isOn));
  }

  private tell(text: string): void {
    element("record-state").textContent = text;
  }

  /** What goes wrong is said beside the form. */
  private async tried(act: () => Promise<void>): Promise<void> {
    problem("", PROBLEM);
    try {
      await act();
    } catch (error) {
      problem((error as Error).message, PROBLEM);
    }
  }
}

function played({ samples, rate }: Take): void {
  const context = new AudioContext(), source = context.createBufferSource(), buffer = context.createBuffer(1, samples.length, rate);
  buffer.copyToChannel(samples as Float32Array<ArrayBuffer>, 0);
  source.buffer = buffer;
  source.connect(context.destination);
  source.onended = () => void context.close();
  source.start();
}
