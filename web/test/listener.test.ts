// The listener says what the Python listener says, at the same hop, on recordings whose words Python wrote down
// (tests/web_vectors.py): VECTORS names that file, RUNTIME the page's WebAssembly.
import assert from "node:assert";
import { readFileSync } from "node:fs";
import test from "node:test";
import { readWords } from "../src/enrolled";
import { Listener } from "../src/listener";
import { Model } from "../src/model";
import { SpeechRecogniser } from "../src/recogniser";
import { Resampler } from "../src/resampler";
import type { Word } from "../src/rules";
import { startRuntime } from "./runtime";

interface Expected { digit: string; start_s: number; end_s: number; confidence: number; emitted_s: number }
interface Recording { name: string; rate: number; chunk: number; pcm: string; words: Expected[] }

const CONFIDENCE_TOLERANCE = 0.002; // other instructions round otherwise
const STEP_S = 0.01; // of the levels that a word's extent is read from
const vectors: { model: string; modelSha256: string; file: string | null; recordings: Recording[] } = JSON.parse(readFileSync(process.env.VECTORS!, "utf8"));
startRuntime();
const recogniser = await SpeechRecogniser.open(await Model.open(readFileSync(vectors.model)));
if (vectors.file) recogniser.enrolled = readWords(vectors.file, "words.json", vectors.modelSha256, recogniser.crowd!.channels);

for (const { name, rate, chunk, pcm, words } of vectors.recordings) {
  test(name, async () => {
    const bytes = Buffer.from(pcm, "base64");
    const samples = Float32Array.from({ length: bytes.length / 2 }, (_, place) => bytes.readInt16LE(2 * place) / 32_768);
    const resampler = new Resampler(rate, recogniser.sampleRate), listener = new Listener(recogniser);
    const heard: Word[] = []; // as they were when they were said: ends move on
    const hear = async (words: Promise<Word[]>) => heard.push(...(await words).map((word) => ({ ...word })));
    for (let at = 0; at < samples.length; at += chunk) await hear(listener.process(resampler.process(samples.subarray(at, at + chunk))));
    await hear(listener.process(resampler.finish()));
    await hear(listener.finish());
    assert.deepStrictEqual(
      heard.map(({ digit, emittedS }) => [digit, emittedS.toFixed(4)]),
      words.map(({ digit, emitted_s }) => [digit, emitted_s.toFixed(4)]),
    );
    heard.forEach((word, place) => {
      const expected = words[place];
      assert.ok(Math.abs(word.confidence - expected.confidence) < CONFIDENCE_TOLERANCE, `confidence ${word.confidence}, not ${expected.confidence}`);
      assert.ok(Math.abs(word.startS - expected.start_s) < 1.5 * STEP_S, `starts at ${word.startS}, not ${expected.start_s}`);
      assert.ok(Math.abs(word.endS - expected.end_s) < 1.5 * STEP_S, `ends at ${word.endS}, not ${expected.end_s}`);
    });
  });
}
