// A sound file, whatever the browser decodes, as mono samples at a rate of its own.

const OTHER_RATE = 48_000; // Hz, for formats whose rate the browser does not tell
const LONGEST_S = 600;
const CANCELLED_DB = 20; // a mean so far below its channels

/** Mono samples and their rate; throws what a person can understand. */
export async function decoded(file: ArrayBuffer, name: string): Promise<{ samples: Float32Array; rate: number }> {
  const rate = wavRate(new DataView(file)) ?? OTHER_RATE;
  let sound: AudioBuffer;
  try {
    sound = await new OfflineAudioContext(1, 1, rate).decodeAudioData(file);
  } catch {
    throw new Error(`${name} is no sound file that this browser can read. WAV, MP3 and FLAC are read by most.`);
  }
  if (sound.duration > LONGEST_S) throw new Error(`${name} is longer than ${LONGEST_S / 60} minutes: cut it.`);
  const channels = Array.from({ length: sound.numberOfChannels }, (_, number) => sound.getChannelData(number));
  return { samples: mono(channels), rate };
}

/** The mean of the channels, or the first where the mean cancels because one has inverted polarity. */
function mono(channels: Float32Array[]): Float32Array {
  const mean = channels[0].map((_, place) => channels.reduce((sum, channel) => sum + channel[place], 0) / channels.length);
  const power = (samples: Float32Array) => samples.reduce((sum, sample) => sum + sample * sample, 0);
  const cancels = power(mean) < Math.min(...channels.map(power)) * 10 ** (-CANCELLED_DB / 10);
  return cancels ? channels[0] : mean;
}

/** The rate of a WAV file, so that only our own resampler touches it; null for other formats and odd rates. */
function wavRate(file: DataView): number | null {
  const isWav = file.byteLength > 44 && file.getUint32(0) === 0x52494646 && file.getUint32(8) === 0x57415645; // RIFF, WAVE
  const isFormatFirst = isWav && file.getUint32(12) === 0x666d7420; // "fmt "
  const rate = isFormatFirst ? file.getUint32(24, true) : 0;
  return rate >= 8_000 && rate <= 192_000 ? rate : null;
}
