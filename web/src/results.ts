// results.json of each task (dwindle/results.py), and what the graphs want to know of a row.

export interface Metric { value: number; low: number; high: number; count: number; unit: string; higher_is_better: boolean }

export interface Row {
  version: string;
  stage: string;
  command: string;
  parameters: number;
  nonzeros?: number;
  bytes?: number;
  bytes_gzipped?: number;
  scores: Record<string, Metric>;
  latency?: Record<string, { median_ms: number; p95_ms: number }>;
  processor?: string;
  note?: string;
}

export interface Results { task: string; rows: Row[] }

/** Ways to store and compute numbers, by the ending of a version's name; a version without one is float32. */
export const LEVELS: Record<string, string> = {
  "": "float32", fp16: "float16 weights", int8_weights: "INT8 weights", int4_weights: "INT4 weights", dynamic: "dynamic INT8",
  static_uint8: "static INT8, uint8 activations", static_int8: "static INT8", qat: "INT8, trained with rounding",
};

export const inWords = (name: string) => name.replaceAll("_", " ").replace(/ db$/, " dB");

/** The way of storing numbers of a version whose base is shared by others: "pruned_qat" is a "pruned" at level "qat". */
export function levelOf(version: string): { base: string; level: string } {
  const level = Object.keys(LEVELS).find((ending) => ending && version.endsWith(`_${ending}`)) ?? "";
  return { base: level ? version.slice(0, -level.length - 1) : version, level };
}

/** Of one inference on one thread, in whichever engine runs what ships. */
export const latencyOf = (row: Row) => row.latency?.onnxruntime ?? row.latency?.["1_threads"];

/** The scores that a task's rows share; one of a test set first. */
export function scoreNames({ rows }: Results): string[] {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row.scores)))];
  return names.sort((one, other) => Number(isTest(other)) - Number(isTest(one)));
}

const isTest = (name: string) => name.includes("test") && !name.includes("reject");

export function shown(metric: Metric): string {
  const { value, low, high, unit, count } = metric, people = count.toLocaleString("en");
  if (unit === "share") return `${(100 * value).toFixed(2)}% (95% interval ${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)}%, of ${people})`;
  return `${value.toFixed(4)} ${unit} (95% interval ${low.toFixed(4)} to ${high.toFixed(4)}, of ${people})`;
}

/** How much of another version's quality this one has: 1 is all of it, in any unit. */
export function kept(metric: Metric, whole: Metric): number {
  return metric.higher_is_better ? metric.value / whole.value : whole.value / metric.value;
}
