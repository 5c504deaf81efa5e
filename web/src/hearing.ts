// The one microphone of the page, for whoever asks for it: it is opened for one purpose at a time.
import type { Brain } from "./brain";
import { Microphone } from "./microphone";
import type { Purpose } from "./protocol";

export interface Spent { heardS: number; computeS: number }

/** Called when it has been stopped, by whomever; with an error when the device has gone. */
export type Stopped = (spent: Spent, gone?: Error) => void;

export class Hearing {
  private now: { purpose: Purpose; microphone: Microphone; stopped: Stopped } | null = null;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly brain: Brain) {}

  get purpose(): Purpose | null {
    return this.now?.purpose ?? null;
  }

  /** Open the microphone; whatever it was opened for is stopped. */
  start(purpose: Purpose, stopped: Stopped): Promise<void> {
    return this.inTurn(async () => {
      await this.stopNow();
      const microphone = await Microphone.open((error) => void this.inTurn(() => this.stopNow(error)));
      this.now = { purpose, microphone, stopped };
      await this.brain.ask("listen", { rate: microphone.rate, port: microphone.sound, purpose }, [microphone.sound]);
    });
  }

  stop(): Promise<void> {
    return this.inTurn(() => this.stopNow());
  }

  private async stopNow(gone?: Error): Promise<void> {
    const now = this.now;
    if (!now) return;
    this.now = null;
    await now.microphone.close();
    now.stopped(await this.brain.ask("stop", {}), gone);
  }

  /** One thing after the other, however fast buttons are pressed. */
  private inTurn(act: () => Promise<void>): Promise<void> {
    const done = this.turn.then(act);
    this.turn = done.catch(() => {});
    return done;
  }
}
