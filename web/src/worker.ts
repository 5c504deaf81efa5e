// The models' own thread: the page stays quick whatever they compute.
import { DigitNetwork } from "./digit_network";
import { Ear } from "./ear";
import { LanguageModel } from "./language_model";
import { Model, setRuntime } from "./model";
import type { FromWorker, ModelName, Question, Questions } from "./protocol";
import { SpeechRecogniser } from "./recogniser";
import { SentimentModel } from "./sentiment_model";

type Answers = { [Name in Question]: (asked: Questions[Name][0]) => Promise<Questions[Name][1]> };

const GZIP_MAGIC = [0x1f, 0x8b]; // some servers unpack what is named .gz, and most do not
let runtime: Promise<void> | null = null;
let ear: Ear | null = null;
let eye: DigitNetwork | null = null;
let reader: SentimentModel | null = null;
let writer: LanguageModel | null = null;

const send = (message: FromWorker, transfer: Transferable[] = []) => postMessage(message, { transfer });

async function bytesOf(url: string): Promise<Uint8Array> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} is not there (${response.status})`);
  return new Uint8Array(await response.arrayBuffer());
}

async function loadRuntime(url: string): Promise<void> {
  const bytes = await bytesOf(url);
  const isPacked = GZIP_MAGIC.every((byte, place) => bytes[place] === byte);
  const unpacked = () => new Response(new Blob([bytes as BlobPart]).stream().pipeThrough(new DecompressionStream("gzip")));
  setRuntime(isPacked ? await unpacked().arrayBuffer() : (bytes.buffer as ArrayBuffer));
}

const openers: Record<ModelName, (model: Model) => Promise<void>> = {
  speech: async (model) => void (ear = new Ear(await SpeechRecogniser.open(model), send)),
  digits: async (model) => void (eye = new DigitNetwork(model)),
  sentiment: async (model) => void (reader = await SentimentModel.open(model)),
  language: async (model) => void (writer = new LanguageModel(model)),
};

const opened = <T>(thing: T | null): T => {
  if (!thing) throw new Error("the model is not there yet");
  return thing;
};

const answers: Answers = {
  async open({ model, url, runtimeUrl }) {
    runtime ??= loadRuntime(runtimeUrl);
    const [bytes] = await Promise.all([bytesOf(url), runtime]);
    const network = await Model.open(bytes);
    await openers[model](network);
    return { metadata: network.metadata };
  },
  hear: ({ samples, rate }) => opened(ear).hear(samples, rate),
  async listen({ rate, port, purpose }) {
    opened(ear).listen(rate, port, purpose);
  },
  stop: () => opened(ear).stop(),
  take: ({ samples, rate }) => opened(ear).take(samples, rate),
  async enrol({ words }) {
    opened(ear).enrol(words);
  },
  look: ({ images }) => opened(eye).see(images),
  feel: ({ text }) => opened(reader).feeling(text),
  async begin({ text }) {
    return opened(writer).begin(text);
  },
  read: () => opened(writer).readOn(),
  next: ({ temperature }) => opened(writer).next(temperature),
};

addEventListener("message", async ({ data: { id, question, asked } }: MessageEvent) => {
  try {
    send({ kind: "answer", id, result: await (answers[question as Question] as (asked: unknown) => Promise<unknown>)(asked) });
  } catch (error) {
    send({ kind: "answer", id, error: error instanceof Error ? error.message : String(error) });
  }
});
