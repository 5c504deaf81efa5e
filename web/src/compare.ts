// The Compare tab: what smallness cost, in every task; each point tells its numbers and the command that made it.
import { draw, type Point } from "./chart";
import { element, made } from "./page";
import { inWords, kept, latencyOf, LEVELS, levelOf, scoreNames, shown, type Results, type Row } from "./results";

const ALL = "all tasks";
const WHOLE = ["student", "distilled student"]; // what quality is compared with: the network before it was compressed

interface RowPoint extends Point { task: string; row: Row }

/** What may be meant by size; a file that is not packed stores zeros like other numbers. */
const SIZES: Record<string, { label: string; of: (row: Row) => number | undefined }> = {
  file: { label: "size of the file (kB, logarithmic)", of: (row) => row.bytes && row.bytes / 1000 },
  packed: { label: "size of the file, packed by gzip (kB, logarithmic)", of: (row) => row.bytes_gzipped && row.bytes_gzipped / 1000 },
  parameters: { label: "parameters that are not zero (logarithmic)", of: (row) => row.nonzeros ?? row.parameters },
};

export class Compare {
  private readonly task = element<HTMLSelectElement>("task");
  private readonly size = element<HTMLSelectElement>("size");
  private readonly score = element<HTMLSelectElement>("score");

  constructor(private readonly results: Results[]) {
    const names = [...results.map((one) => one.task), ...(results.length > 1 ? [ALL] : [])];
    this.task.replaceChildren(...names.map((name) => made("option", { value: name }, inWords(name))));
    this.task.addEventListener("change", () => this.chooseTask());
    for (const choice of [this.score, this.size]) choice.addEventListener("change", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(element("compare"));
    this.chooseTask();
  }

  private get chosen(): Results[] {
    return this.task.value === ALL ? this.results : this.results.filter((one) => one.task === this.task.value);
  }

  private chooseTask(): void {
    const isOne = this.chosen.length === 1;
    this.score.replaceChildren(...(isOne ? scoreNames(this.chosen[0]) : []).map((name) => made("option", { value: name }, inWords(name))));
    this.score.disabled = !isOne;
    element("chosen").replaceChildren("Choose a point to see what it is and which command made it.");
    this.draw();
  }

  private draw(): void {
    if (!element("compare").clientWidth) return; // hidden: drawn when it is seen
    if (this.chosen.length > 1) this.drawTasks();
    else this.drawTask(this.chosen[0]);
    this.drawLatency();
  }

  private drawTask({ task, rows }: Results): void {
    const measured = rows.filter((row) => this.sizeOf(row) && row.scores[this.score.value]);
    const stages = [...new Set(measured.map((row) => row.stage))], isShare = measured[0]?.scores[this.score.value].unit === "share";
    const scale = isShare ? 100 : 1;
    const points = measured.map((row): RowPoint => {
      const { value, low, high } = row.scores[this.score.value];
      return {
        task, row, x: this.sizeOf(row)!, y: scale * value, low: scale * low, high: scale * high, series: stages.indexOf(row.stage),
        label: `${inWords(row.version)}: ${kilobytes(row)}, ${shown(row.scores[this.score.value])}`,
      };
    });
    const unit = isShare ? "%" : measured[0]?.scores[this.score.value].unit;
    draw(element("size-chart"), points, {
      xLabel: SIZES[this.size.value].label, yLabel: `${inWords(this.score.value)} (${unit})`, xLog: true, yTick: String, series: stages,
    }, tell);
  }

  /** Every task on one scale: the share of the uncompressed network's quality that is left. */
  private drawTasks(): void {
    const points = this.chosen.flatMap(({ task, rows }, series) => {
      const [name] = scoreNames({ task, rows }), whole = rows.find((row) => WHOLE.includes(row.version) && row.scores[name]);
      if (!whole) return [];
      return rows.filter((row) => this.sizeOf(row) && row.scores[name]).map((row): RowPoint => {
        const share = kept(row.scores[name], whole.scores[name]);
        const label = `${inWords(task)}, ${inWords(row.version)}: ${kilobytes(row)}, ${(100 * share).toFixed(1)}% of the uncompressed network's ${inWords(name)}`;
        return { task, row, x: this.sizeOf(row)!, y: 100 * share, series, label };
      });
    });
    draw(element("size-chart"), points, {
      xLabel: SIZES[this.size.value].label, yLabel: "quality kept (%)", xLog: true, yTick: String, series: this.chosen.map((one) => inWords(one.task)),
    }, tell);
  }

  private drawLatency(): void {
    const levels = Object.keys(LEVELS);
    const timed = this.chosen.flatMap(({ task, rows }, series) => {
      const quantised = rows.map((row) => ({ ...levelOf(row.version), row })).filter(({ row }) => latencyOf(row));
      const base = quantised.find(({ level }) => level && !level.endsWith("weights"))?.base ?? "pruned"; // of which every level was made
      return quantised.filter((one) => one.base === base).map(({ row, level }) => ({ task, row, level, series }));
    });
    const used = levels.filter((level) => timed.some((one) => one.level === level));
    const isOne = this.chosen.length === 1; // tasks differ in what an inference is: beside each other they are measured in their own
    const units = this.chosen.map((_, series) => {
      const whole = timed.find((one) => one.series === series && !one.level);
      return isOne || !whole ? 1 : latencyOf(whole.row)!.median_ms;
    });
    const points = timed.map(({ task, row, level, series }): RowPoint => {
      const { median_ms, p95_ms } = latencyOf(row)!, unit = units[series];
      const label = `${inWords(task)}, ${LEVELS[level]}: median ${median_ms.toFixed(3)} ms, 95% within ${p95_ms.toFixed(3)} ms`;
      return { task, row, x: used.indexOf(level), y: median_ms / unit, low: median_ms / unit, high: p95_ms / unit, series, label };
    });
    element("latency").hidden = !points.length;
    if (!points.length) return;
    draw(element("latency-chart"), points, {
      xLabel: "", yLabel: isOne ? "ms, median to 95%" : "times float32's, median to 95%", xNames: used.map((level) => LEVELS[level]), yTick: String, series: this.chosen.map((one) => inWords(one.task)),
    }, tell);
  }

  private sizeOf(row: Row): number | undefined {
    return SIZES[this.size.value].of(row);
  }
}

/** What is known of a version, the command that made it first; others that lie there are folded up. */
function tell(chosen: RowPoint[]): void {
  element("chosen").replaceChildren(...chosen.map(({ task, row }, place) => {
    const one = made("details", place ? {} : { open: "" }, made("summary", {}, `${inWords(task)}: ${inWords(row.version)}`));
    const list = facts(row).flatMap(([name, value]) => [made("dt", {}, name), made("dd", {}, value)]);
    one.append(made("code", { class: "command" }, row.command), made("dl", {}, ...list));
    return one;
  }));
}

function facts(row: Row): [string, string][] {
  const latency = latencyOf(row), zeros = row.nonzeros === undefined ? "" : `, of which ${row.nonzeros.toLocaleString("en")} are not zero`;
  const found: [string, string][] = [["parameters", row.parameters.toLocaleString("en") + zeros]];
  if (row.bytes) found.unshift(["size", kilobytes(row) + (row.bytes_gzipped ? `, packed ${Math.round(row.bytes_gzipped / 1000)} kB` : "")]);
  for (const [name, metric] of Object.entries(row.scores)) found.push([inWords(name), shown(metric)]);
  if (latency) {
    const where = row.processor ? ` (${row.processor})` : "";
    found.push(["one inference", `median ${latency.median_ms.toFixed(3)} ms, 95% within ${latency.p95_ms.toFixed(3)} ms${where}`]);
  }
  if (row.note) found.push(["note", row.note]);
  return found;
}

const kilobytes = (row: Row) => (row.bytes ? `${(row.bytes / 1000).toFixed(row.bytes < 1e5 ? 1 : 0)} kB` : "no file");
