// The language model goes on as Python's does, always by the likeliest character: MODEL, RUNTIME and EXPECTED (JSON) name files.
import assert from "node:assert";
import { readFileSync } from "node:fs";
import test from "node:test";
import { LanguageModel } from "../src/language_model";
import { Model } from "../src/model";
import { startRuntime } from "./runtime";

const LIKELIEST = 1e-6; // a temperature at which nothing else is drawn
const { prompt, goes_on: goesOn }: { prompt: string; goes_on: string } = JSON.parse(readFileSync(process.env.EXPECTED!, "utf8"));

test("goes on as Python's", async () => {
  startRuntime();
  const model = new LanguageModel(await Model.open(readFileSync(process.env.MODEL!)));
  for (const text of ["what was read before is forgotten", prompt]) {
    for (let unread = model.begin(text); unread; ) unread = await model.readOn();
  }
  model.begin("what was not read is forgotten, too");
  for (let unread = model.begin(prompt); unread; ) unread = await model.readOn();
  let written = "";
  while (written.length < goesOn.length) written += await model.next(LIKELIEST);
  assert.strictEqual(written, goesOn);
});
