// The microphone at its own rate: sound goes from its thread to the worker's, past the page.

/** What a person can do about a microphone that does not open. */
export class MicrophoneError extends Error {}

const WAY_ON = "Or drop a sound file below, or try the recordings.";
const REASONS: Record<string, string> = {
  NotAllowedError: "The browser may not use the microphone. Allow it in the site's settings (beside the address) and try again.",
  NotFoundError: "No microphone was found. Connect one and try again.",
  NotReadableError: "The microphone is busy or does not answer. Close other programs that use it and try again.",
};

export class Microphone {
  private constructor(private readonly context: AudioContext, private readonly track: MediaStreamTrack, readonly sound: MessagePort) {}

  get rate(): number {
    return this.context.sampleRate;
  }

  /** `gone` is called when the device is unplugged or the permission taken back. */
  static async open(gone: (error: MicrophoneError) => void): Promise<Microphone> {
    if (!navigator.mediaDevices) {
      throw new MicrophoneError(`Browsers open the microphone only for pages from https or from this computer. ${WAY_ON}`);
    }
    const context = new AudioContext();
    let track: MediaStreamTrack | undefined;
    try {
      // raw sound: what cleans it for telephony takes soft consonants for noise
      const raw = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
      const stream = await navigator.mediaDevices.getUserMedia({ audio: raw });
      [track] = stream.getAudioTracks();
      track.onended = () => gone(new MicrophoneError(`The microphone has gone. Connect it and try again. ${WAY_ON}`));
      await context.audioWorklet.addModule("capture.js");
      const node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
      const channel = new MessageChannel();
      node.port.postMessage(channel.port1, [channel.port1]);
      context.createMediaStreamSource(stream).connect(node);
      await context.resume();
      return new Microphone(context, track, channel.port2);
    } catch (error) {
      track?.stop();
      await context.close();
      const name = error instanceof DOMException ? error.name : "";
      throw new MicrophoneError(`${REASONS[name] ?? `The microphone does not open (${error}).`} ${WAY_ON}`);
    }
  }

  async close(): Promise<void> {
    this.track.onended = null;
    this.track.stop();
    await this.context.close();
  }
}
