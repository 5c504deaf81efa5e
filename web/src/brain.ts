// The page's side of the worker: questions that are answered, and what it tells unasked.
import type { FromWorker, Question, Questions } from "./protocol";

type Told = Exclude<FromWorker, { kind: "answer" }>;

export class Brain {
  private readonly worker = new Worker(new URL("worker.js", document.baseURI), { type: "module" });
  private readonly waiting = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>();
  private asked = 0;

  constructor(told: (message: Told) => void) {
    this.worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.kind !== "answer") return told(data);
      const question = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if (data.error === undefined) question?.resolve(data.result as never);
      else question?.reject(new Error(data.error));
    };
    this.worker.onerror = () => {
      for (const { reject } of this.waiting.values()) reject(new Error("the program for the models could not be loaded"));
      this.waiting.clear();
    };
  }

  ask<Name extends Question>(question: Name, asked: Questions[Name][0], transfer: Transferable[] = []): Promise<Questions[Name][1]> {
    const id = this.asked++;
    this.worker.postMessage({ id, question, asked }, transfer);
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }
}
