// The microphone's own thread: gathers what the sound card brings into blocks of 10 ms and sends them on.
declare const sampleRate: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: unknown): void;

const BLOCK_S = 0.01;

class Capture extends AudioWorkletProcessor {
  private readonly block = new Float32Array(Math.round(BLOCK_S * sampleRate));
  private filled = 0;
  private listener: MessagePort | null = null;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => {
      this.listener = data;
    };
  }

  process([channels]: Float32Array[][]): boolean {
    const length = channels[0]?.length ?? 0;
    for (let place = 0; place < length && this.listener; place++) {
      this.block[this.filled++] = channels.reduce((sum, channel) => sum + channel[place], 0) / channels.length;
      if (this.filled === this.block.length) {
        const samples = this.block.slice();
        this.listener.postMessage({ samples, capturedAt: Date.now() }, [samples.buffer]);
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("capture", Capture);
