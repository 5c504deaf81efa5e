// A Hugging Face tokenizer of the WordPiece kind, read from the JSON that a sentiment model carries: what
// dwindle/infer/text/review_tokenizer.py builds, and nothing else that such a file might hold.

type Step =
  | { type: "Sequence"; normalizers: Step[] }
  | { type: "BertNormalizer"; lowercase: boolean; strip_accents: boolean | null; clean_text: boolean; handle_chinese_chars: boolean }
  | { type: "Replace"; pattern: { String: string } | { Regex: string }; content: string };

interface TokenizerFile {
  normalizer: Step;
  model: { vocab: Record<string, number>; unk_token: string; continuing_subword_prefix: string; max_input_chars_per_word: number };
}

export const START = "[CLS]", END = "[SEP]";
export const LONGEST = 128; // tokens that a model reads at once, the two around them included
const SHORTEST_WINDOW = 8; // what is left of a long text after whole windows, if it is less, is not read
const DIGITS_85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
const CHINESE = /[\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff\u{20000}-\u{2a6df}\u{2a700}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;
const PUNCTUATION = /([!-/:-@[-`{-~]|\p{P})/gu;

export class WordPieces {
  private constructor(private readonly file: TokenizerFile) {}

  /** From a model's metadata: JSON, packed by zlib and written in base 85. */
  static async unpacked(text: string): Promise<WordPieces> {
    const packed = new Blob([base85(text) as BlobPart]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new WordPieces(await new Response(packed).json());
  }

  /** The tokens of a text of any length, in pieces that a model reads at once, each between start and end. */
  windows(text: string): number[][] {
    const { vocab } = this.file.model, tokens = this.tokens(text), step = LONGEST - 2, parts = [tokens.slice(0, step)];
    for (let at = step; at < tokens.length; at += step) parts.push(tokens.slice(at, at + step));
    if (parts.length > 1 && parts.at(-1)!.length < SHORTEST_WINDOW) parts.pop();
    return parts.map((part) => [vocab[START], ...part, vocab[END]]);
  }

  private tokens(text: string): number[] {
    const words = normalised(text, this.file.normalizer).replace(PUNCTUATION, " $1 ").split(/\s+/u).filter(Boolean);
    return words.flatMap((word) => this.pieces([...word]));
  }

  /** The longest piece that a word begins with, then the longest that goes on: all of it, or it is unknown. */
  private pieces(letters: string[]): number[] {
    const { vocab, unk_token, continuing_subword_prefix, max_input_chars_per_word } = this.file.model, found = [];
    if (letters.length > max_input_chars_per_word) return [vocab[unk_token]];
    for (let at = 0; at < letters.length; ) {
      let end = letters.length;
      const piece = () => (at ? continuing_subword_prefix : "") + letters.slice(at, end).join("");
      while (end > at && !Object.hasOwn(vocab, piece())) end--;
      if (end === at) return [vocab[unk_token]];
      found.push(vocab[piece()]);
      at = end;
    }
    return found;
  }
}

function normalised(text: string, step: Step): string {
  if (step.type === "Sequence") return step.normalizers.reduce(normalised, text);
  if (step.type === "Replace") {
    const pattern = step.pattern;
    return "Regex" in pattern ? text.replace(new RegExp(pattern.Regex, "gu"), () => step.content) : text.replaceAll(pattern.String, () => step.content);
  }
  let normal = text;
  if (step.clean_text) normal = normal.replace(/[\t\n\r\p{Zs}]/gu, " ").replace(/[\p{C}\ufffd]/gu, "");
  if (step.handle_chinese_chars) normal = normal.replace(CHINESE, " $& ");
  if (step.strip_accents ?? step.lowercase) normal = normal.normalize("NFD").replace(/\p{Mn}/gu, "");
  return step.lowercase ? normal.toLowerCase() : normal;
}

/** Python's base64.b85decode. */
function base85(text: string): Uint8Array {
  const missing = (5 - (text.length % 5)) % 5, whole = text + "~".repeat(missing), bytes = new Uint8Array((whole.length / 5) * 4);
  for (let at = 0; at < whole.length; at += 5) {
    const value = [...whole.slice(at, at + 5)].reduce((sum, sign) => sum * 85 + DIGITS_85.indexOf(sign), 0);
    new DataView(bytes.buffer).setUint32((at / 5) * 4, value);
  }
  return bytes.subarray(0, bytes.length - missing);
}
