// The page's own WebAssembly, in Node: RUNTIME names its packed file.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { setRuntime } from "../src/model";

export function startRuntime(): void {
  const wasm = gunzipSync(readFileSync(process.env.RUNTIME!));
  setRuntime(wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.byteLength) as ArrayBuffer);
}
