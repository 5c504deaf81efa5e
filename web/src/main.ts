// The page: what there is to try, and the one worker that computes it.
import { Brain } from "./brain";
import { Compare } from "./compare";
import { Draw } from "./draw";
import { Enrol } from "./enrol";
import { Crowd } from "./enrolled";
import { Hearing } from "./hearing";
import { OwnWords } from "./own_words";
import { element, made, problem } from "./page";
import type { ModelName, Questions, Site } from "./protocol";
import { Speak } from "./speak";
import { Tabs } from "./tabs";
import { Feel, GoOn } from "./write";

const NO_WEBASSEMBLY =
  "This browser runs no WebAssembly, so nothing can be recognised here. A current Firefox, Chrome, Edge or Safari does it. " +
  "The recordings below can still be played, and python infer.py --mic listens without a browser.";
const RUNTIME = "runtime.wasm.gz";

async function begin(): Promise<void> {
  const site: Site = await (await fetch("site.json")).json();
  const tabs = new Tabs();
  tabs.offer("speak");
  if (site.results.length) tabs.offer("compare", () => showResults(site).catch(notWhole));
  if (typeof WebAssembly !== "object") {
    for (const name of site.samples) element("samples").append(made("audio", { src: name, controls: "", title: name, preload: "none" }));
    return problem(NO_WEBASSEMBLY);
  }
  const brain = new Brain((message) => {
    if (message.kind === "words") speak.words(message.words);
    else if (message.kind === "take") enrol?.add(message.take);
    else if (hearing.purpose === "takes") enrol?.sound(message.sound);
    else speak.sound(message.sound);
  });
  const hearing = new Hearing(brain);
  let enrol: Enrol | null = null;
  const open = async (model: ModelName): Promise<Questions["open"][1]> => {
    const [url, runtimeUrl] = [site.models[model]!, RUNTIME].map((name) => new URL(name, document.baseURI).href);
    const said = await brain.ask("open", { model, url, runtimeUrl });
    document.body.dataset[model] = "open";
    return said;
  };
  const speak = new Speak(brain, hearing, site);
  if (site.models.digits) {
    tabs.offer("draw", () => {
      const labels = open("digits").then(({ metadata }) => JSON.parse(metadata.labels) as string[]);
      labels.catch(notWhole);
      new Draw(brain, labels);
    });
  }
  if (site.models.sentiment || site.models.language) tabs.offer("write", () => void write(site, brain, open).catch(notWhole));
  const { metadata } = await open("speech");
  const crowd = Crowd.of(metadata);
  const own = crowd && (await OwnWords.open(brain, site.speechSha256, crowd.channels));
  if (own) enrol = new Enrol(brain, hearing, own, JSON.parse(metadata.labels));
  speak.ready(own);
}

/** Each half of the tab appears when its model is there. */
async function write(site: Site, brain: Brain, open: (model: ModelName) => Promise<unknown>): Promise<void> {
  const halves = { sentiment: Feel, language: GoOn };
  for (const [model, half] of Object.entries(halves) as ["sentiment" | "language", typeof Feel | typeof GoOn][]) {
    if (!site.models[model]) continue;
    element(model).hidden = false;
    await open(model);
    new half(brain);
  }
}

async function showResults(site: Site): Promise<void> {
  new Compare(await Promise.all(site.results.map(async (url) => (await fetch(url)).json())));
}

const notWhole = (error: Error) => problem(`The page could not be loaded whole (${error.message}). Load it again.`);

/** Last of all, so that the first visit waits for nothing that only the next one needs. */
function keepForOffline(): void {
  navigator.serviceWorker?.register("sw.js").catch((error) => console.warn("this page will not work offline:", error));
}

begin()
  .catch(notWhole)
  .finally(keepForOffline);
