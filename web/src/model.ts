// An ONNX model in the browser's WebAssembly, one thread, and what its file says of itself.
import * as ort from "onnxruntime-web/wasm";
import { metadataOf } from "./metadata";

export type Outputs = Record<string, ort.Tensor>;

/** Give the runtime its WebAssembly; before the first model is opened. */
export function setRuntime(wasm: ArrayBuffer): void {
  ort.env.wasm.wasmBinary = wasm;
  ort.env.wasm.numThreads = 1; // more would need headers (cross-origin isolation) that a plain file server does not send
  ort.env.logLevel = "error";
}

export class Model {
  private constructor(private readonly session: ort.InferenceSession, readonly metadata: Record<string, string>) {}

  static async open(bytes: Uint8Array): Promise<Model> {
    return new Model(await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"], logSeverityLevel: 3 }), metadataOf(bytes));
  }

  /** Each input with its sizes; a name stands for one that may be any. */
  shapes(): [string, readonly (number | string)[]][] {
    return this.session.inputMetadata.flatMap((input) => (input.isTensor ? [[input.name, input.shape] as [string, readonly (number | string)[]]] : []));
  }

  run(inputs: Record<string, ort.Tensor>): Promise<Outputs> {
    return this.session.run(inputs);
  }

  /** A number that the file's metadata must have. */
  number(key: string): number {
    const value = Number(this.metadata[key]?.trim() || NaN);
    if (!Number.isFinite(value)) throw new Error(`the model carries no ${key} in its metadata: export it again`);
    return value;
  }
}

export function floats(data: Float32Array, shape: number[]): ort.Tensor {
  return new ort.Tensor("float32", data, shape);
}

export function wholeNumbers(data: number[], shape: number[]): ort.Tensor {
  return new ort.Tensor("int64", BigInt64Array.from(data, BigInt), shape);
}

/** Over the whole of a row, safe for large values. */
export function softmax(logits: Float32Array): Float32Array {
  const largest = Math.max(...logits);
  const shifted = logits.map((logit) => Math.exp(logit - largest));
  const sum = shifted.reduce((total, value) => total + value, 0);
  return shifted.map((value) => value / sum);
}
