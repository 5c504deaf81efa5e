// A person's own words: kept by this browser, taken from a file and written to one, forgotten.
import type { Brain } from "./brain";
import { type EnrolledWord, type EnrolledWords, readWords, writtenWords } from "./enrolled";
import { element, made, problem } from "./page";

const STORED = "dwindle-words"; // in the browser's storage, as the text of a file
const FILE = "model_int8.words.json"; // where infer.py looks for words by itself: beside the model
const PROBLEM = "own-problem";
const LARGEST_BYTES = 10e6; // thousands of words

export class OwnWords {
  private words: EnrolledWords = new Map();

  private constructor(private readonly brain: Brain, private readonly modelSha256: string, private readonly channels: number) {
    const file = element<HTMLInputElement>("own-file");
    file.addEventListener("change", async () => {
      for (const one of file.files ?? []) await this.takeFile(one).catch((error) => problem(error.message, PROBLEM));
      file.value = ""; // so that the same file can be taken again
    });
    element("own-download").addEventListener("click", () => this.download());
    addEventListener("storage", ({ key }) => {
      if (key === STORED) void this.restore(); // another window of this page changed them
    });
  }

  /** With the words that this browser keeps; they are heard from now on. */
  static async open(brain: Brain, modelSha256: string, channels: number): Promise<OwnWords> {
    const own = new OwnWords(brain, modelSha256, channels);
    await own.restore();
    element("own").hidden = false;
    return own;
  }

  /** One more; a word of that name is replaced. */
  async add(name: string, word: EnrolledWord): Promise<void> {
    const isNew = !this.words.has(name);
    await this.keep(new Map([...this.words, [name, word]]));
    this.tell(`${name} is ${isNew ? "added" : "replaced"}: press Listen and say it.`);
  }

  /** The words of a file, added to those that are there; throws what a person can understand. */
  async takeFile(file: File): Promise<void> {
    problem("", PROBLEM);
    if (file.size > LARGEST_BYTES) throw new Error(`${file.name} is no file of words: it is too large.`);
    const taken = readWords(await file.text(), file.name, this.modelSha256, this.channels);
    await this.keep(new Map([...this.words, ...taken]));
    this.tell(taken.size ? `${[...taken.keys()].join(", ")}: heard from now on.` : `${file.name} holds no words.`);
    element("own").scrollIntoView({ block: "nearest" });
  }

  private async forget(name: string): Promise<void> {
    await this.keep(new Map([...this.words].filter(([word]) => word !== name)));
    this.tell(`${name} is forgotten.`);
    (element("own-words").querySelector("button") ?? element("own-word")).focus();
  }

  private async restore(): Promise<void> {
    problem("", PROBLEM);
    try {
      const text = localStorage.getItem(STORED);
      this.words = text ? readWords(text, "What this browser kept", this.modelSha256, this.channels) : new Map();
    } catch (error) {
      problem((error as Error).message, PROBLEM);
    }
    await this.show();
  }

  private async keep(words: EnrolledWords): Promise<void> {
    this.words = words;
    problem("", PROBLEM);
    try {
      if (words.size) localStorage.setItem(STORED, this.text);
      else localStorage.removeItem(STORED);
    } catch {
      problem("This browser keeps nothing for this page: download the words, or they are gone when it is closed.", PROBLEM);
    }
    await this.show();
  }

  private get text(): string {
    return writtenWords(this.words, this.modelSha256);
  }

  private async show(): Promise<void> {
    await this.brain.ask("enrol", { words: this.words });
    const rows = [...this.words].map(([name, { recordings }]) => {
      const button = made("button", { type: "button", "aria-label": `Forget ${name}` }, "Forget");
      button.addEventListener("click", () => this.forget(name));
      return made("li", {}, made("span", {}, made("b", {}, name), made("small", {}, `${recordings} recordings`)), button);
    });
    element("own-words").replaceChildren(...rows);
    element("own-words").hidden = element("own-download").hidden = !rows.length;
  }

  private download(): void {
    const address = URL.createObjectURL(new Blob([this.text], { type: "application/json" }));
    made("a", { href: address, download: FILE }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }

  /** Say what became of the words. */
  tell(text: string): void {
    element("own-state").textContent = text;
  }
}
