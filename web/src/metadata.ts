// What an ONNX file says of itself. The runtime for browsers does not pass it on, so it is read from the file's bytes.

const METADATA_FIELD = 14; // of ModelProto: repeated StringStringEntryProto (1: key, 2: value)
const VARINT = 0, LENGTH_DELIMITED = 2; // protobuf wire types; an ONNX file has no other at these levels

/** The key-value pairs of a model file; throws for bytes that are no protobuf message. */
export function metadataOf(bytes: Uint8Array): Record<string, string> {
  const entries = fields(bytes).filter(({ number }) => number === METADATA_FIELD).map(({ body }) => {
    const texts = fields(body).map((field) => [field.number, new TextDecoder().decode(field.body)]);
    const { 1: key = "", 2: value = "" } = Object.fromEntries(texts);
    return [key, value];
  });
  return Object.fromEntries(entries);
}

function fields(bytes: Uint8Array): { number: number; body: Uint8Array }[] {
  const found = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      if (at >= bytes.length) throw new Error("this is no ONNX model");
      const byte = bytes[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint(), number = Math.floor(tag / 8), length = varint();
    if (tag % 8 === VARINT) continue; // its value is what was read as a length
    if (tag % 8 !== LENGTH_DELIMITED || at + length > bytes.length) throw new Error("this is no ONNX model");
    found.push({ number, body: bytes.subarray(at, at + length) });
    at += length;
  }
  return found;
}
