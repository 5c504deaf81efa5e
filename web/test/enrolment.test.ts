// Words are enrolled as Python enrols them, from recordings and results that Python wrote down (tests/web_vectors.py):
// VECTORS names that file, RUNTIME the page's WebAssembly.
import assert from "node:assert";
import { readFileSync } from "node:fs";
import test from "node:test";
import { Ear } from "../src/ear";
import { dot, readWords, writtenWords } from "../src/enrolled";
import { enrolled, likenesses, unlike } from "../src/enrolment";
import { Model } from "../src/model";
import { SpeechRecogniser } from "../src/recogniser";
import { startRuntime } from "./runtime";

interface Enrolment { word: string; takes: { rate: number; pcm: string }[]; alike: number[]; file: string | null; unsure: boolean[] }

const LIKENESS_TOLERANCE = 0.02; // the hiss around a recording is of other random numbers
const vectors: { model: string; modelSha256: string; enrolments: Enrolment[] } = JSON.parse(readFileSync(process.env.VECTORS!, "utf8"));
startRuntime();
const recogniser = await SpeechRecogniser.open(await Model.open(readFileSync(vectors.model)));
const ear = new Ear(recogniser, () => {}), channels = recogniser.crowd!.channels;

for (const { word, takes, alike, file, unsure } of vectors.enrolments) {
  test(word, async () => {
    const directions: Float32Array[] = [];
    for (const { rate, pcm } of takes) {
      const bytes = Buffer.from(pcm, "base64");
      const samples = Float32Array.from({ length: bytes.length / 2 }, (_, place) => bytes.readInt16LE(2 * place) / 32_768);
      const { direction, fault } = await ear.take(samples, rate);
      assert.strictEqual(fault, "");
      directions.push(direction);
    }
    likenesses(directions).forEach((likeness, place) => {
      assert.ok(Math.abs(likeness - alike[place]) < LIKENESS_TOLERANCE, `take ${place}: ${likeness}, not ${alike[place]}`);
    });
    if (!file) return assert.throws(() => enrolled(directions), /Most recordings are unlike/);
    assert.deepStrictEqual(unlike(directions), unsure);
    const own = enrolled(directions), pythons = readWords(file, "words.json", vectors.modelSha256, channels).get(word)!;
    assert.ok(dot(own.prototype, pythons.prototype) > 1 - LIKENESS_TOLERANCE / 2);
    assert.deepStrictEqual([own.recordings, own.leastSimilarity], [pythons.recordings, pythons.leastSimilarity]);
    const again = writtenWords(new Map([[word, pythons]]), vectors.modelSha256);
    assert.deepStrictEqual(JSON.parse(again), JSON.parse(file)); // to the last digit
  });
}
