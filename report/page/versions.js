// What is known of whole versions: the table, and the charts of size, noise, time, pruning and training.
const HEADLINES = ["fsdd_test", "unseen_speakers", "noise_10_db", "other_words_test_rejected"];
const STAGES = [...new Set(data.versions.map((one) => one.stage))];
const main = data.versions.filter((one) => !one.side);
const inTitle = Object.fromEntries(data.sets.map((one) => [one.id, one.title]));
const measuredOn = (set) => main.filter((one) => one.scores[set]);
const choosing = (version) => `data-version="${escaped(version.id)}"`;
const bounds = (score) => ({ low: 100 * score.low, high: 100 * score.high });
const sorting = { key: "", down: false };

function spread(scores, least = 1) {
  const low = Math.min(...scores.map((one) => 100 * one.low)), high = Math.max(...scores.map((one) => 100 * one.high));
  const room = Math.max(least, 0.06 * (high - low));
  return [Math.max(0, low - room), Math.min(100, high + room)];
}

function columns() {
  const number = (title, read, text = (value) => count(value)) => ({ title, read, text: (one) => text(read(one), one) });
  const share = (set) => ({
    title: inTitle[set],
    read: (one) => one.scores[set]?.value,
    text: (one) => {
      const score = one.scores[set];
      return `${(100 * score.value).toFixed(1)} <small>${(100 * score.low).toFixed(1)}–${(100 * score.high).toFixed(1)}</small>`;
    },
  });
  const shown = [...new Set([state.set, ...HEADLINES])].filter((set) => inTitle[set]);
  return [
    { title: "version", read: (one) => one.title, text: (one) => `<button type="button" ${choosing(one)}>${escaped(one.title)}</button>` },
    share(shown[0]),
    number("kB", (one) => one.bytes, (value) => count(Math.round(value / 1000))),
    number("ms", (one) => one.latency?.median_ms, (value) => value.toFixed(2)),
    ...shown.slice(1).map(share),
    number("parameters", (one) => one.parameters),
    number("not zero", (one) => one.nonzeros),
    number("kB, gzipped", (one) => one.bytes_gzipped, (value) => count(Math.round(value / 1000))),
  ];
}

function drawTable() {
  const all = columns(), by = all.find((column) => column.title === sorting.key);
  const rows = [...main];
  if (by) {
    rows.sort((a, b) => {
      const [x, y] = [by.read(a), by.read(b)];
      if (x == null || y == null) return (x == null) - (y == null); // what is not known comes last, both ways
      return (x < y ? -1 : x > y ? 1 : 0) * (sorting.down ? -1 : 1);
    });
  }
  const head = all.map((column) => {
    const sorted = column === by ? ` aria-sort="${sorting.down ? "descending" : "ascending"}"` : "";
    return `<th scope="col"${sorted}><button type="button" data-sort="${escaped(column.title)}">${escaped(column.title)}</button></th>`;
  });
  const body = rows.map((one) => {
    const cells = all.map((column) => `<td>${column.read(one) == null ? "–" : column.text(one)}</td>`);
    return `<tr class="${one.id === state.version ? "chosen" : ""}">${cells.join("")}</tr>`;
  });
  element("versions-table").innerHTML = `<thead><tr>${head.join("")}</tr></thead><tbody>${body.join("")}</tbody>`;
}

function drawSize(holder) {
  const sized = measuredOn(state.set).filter((one) => one.bytes);
  if (!sized.length) return false;
  const sizes = sized.map((one) => one.bytes / 1000);
  const x = [Math.min(...sizes) / 1.4, Math.max(...sizes) * 1.4];
  const ticks = [20, 50, 100, 200, 500, 1000, 2000, 5000].filter((size) => size > x[0] && size < x[1]);
  const chart = new Chart(holder, {
    x, y: spread(sized.map((one) => one.scores[state.set])), xLog: true, xTicks: ticks.map((size) => [size, count(size)]),
    xLabel: "file (kB, logarithmic)", yLabel: `${inTitle[state.set]} (%)`,
  });
  const order = [...sized].sort((a, b) => (a.id === state.version) - (b.id === state.version));
  for (const one of order) {
    const score = one.scores[state.set], chosen = one.id === state.version;
    const tip = `${one.title}\n${(one.bytes / 1000).toFixed(1)} kB\n${inWords(score)}`;
    chart.point(one.bytes / 1000, 100 * score.value, STAGES.indexOf(one.stage), tip, { ...bounds(score), chosen, action: choosing(one) });
  }
  chart.show([...new Set(sized.map((one) => one.stage))].map((stage) => [stage, STAGES.indexOf(stage)]));
  return true;
}

function drawNoise(holder) {
  const sets = data.noise_sets;
  const noisy = main.filter((one) => sets.every(([, set]) => one.scores[set]));
  if (!noisy.length) return false;
  const wanted = ["teacher", "student", "student alone", "distilled student", data.shipped, state.version];
  const shown = noisy.filter((one) => wanted.includes(one.id));
  const chart = new Chart(holder, {
    x: [-0.3, sets.length - 0.7], y: spread(shown.flatMap((one) => sets.map(([, set]) => one.scores[set]))),
    xTicks: sets.map(([title], place) => [place, title]), xLabel: "signal-to-noise ratio (dB), unseen speakers", yLabel: "accuracy (%)",
  });
  shown.forEach((one, number) => {
    const faded = shown.some((other) => other.id === state.version) && one.id !== state.version;
    chart.line(sets.map(([, set], place) => [place, 100 * one.scores[set].value]), number, faded);
    sets.forEach(([, set], place) => {
      const score = one.scores[set];
      chart.point(place, 100 * score.value, number, `${one.title}\n${inTitle[set]}\n${inWords(score)}`, { ...bounds(score), faded, action: choosing(one) });
    });
  });
  chart.show(shown.map((one, number) => [one.title, number]));
  return true;
}

function drawLatency(holder) {
  const timed = main.filter((one) => one.latency).sort((a, b) => a.latency.median_ms - b.latency.median_ms);
  if (!timed.length) return false;
  const row = 40, slowest = Math.max(...timed.map((one) => one.latency.p95_ms));
  const chart = new Chart(holder, {
    x: [0, 1.05 * slowest], y: [timed.length, 0], height: 50 + row * timed.length, left: 8, xLabel: "milliseconds",
  });
  timed.forEach((one, place) => {
    const [top, chosen] = [chart.up(place), one.id === state.version];
    const tip = `${one.title}\nmedian ${one.latency.median_ms.toFixed(3)} ms\n95th percentile ${one.latency.p95_ms.toFixed(3)} ms`;
    const end = chart.across(one.latency.p95_ms), width = chart.across(one.latency.median_ms) - chart.across(0);
    chart.parts.push(
      `<g class="mark" tabindex="0" role="button" ${choosing(one)} data-tip="${escaped(tip)}" aria-label="${escaped(tip)}">` +
      `<text x="${chart.across(0)}" y="${top + 14}" font-weight="${chosen ? 700 : 400}">${escaped(one.title)}: ${one.latency.median_ms.toFixed(2)} ms</text>` +
      `<rect class="dot" x="${chart.across(0)}" y="${top + 19}" width="${width}" height="13" fill="${colour(chosen ? 1 : 0)}"/>` +
      `<line x1="${end}" x2="${end}" y1="${top + 18}" y2="${top + 33}" stroke="var(--ink)" stroke-width="2"/></g>`
    );
  });
  chart.show();
  return true;
}

function drawSweep(holder) {
  const swept = data.versions.filter((one) => one.id.startsWith("sweep_") && one.scores[state.set]);
  if (!swept.length) return false;
  const zeros = (one) => 100 * (1 - (one.nonzeros ?? one.parameters) / one.parameters);
  const start = data.versions.filter((one) => one.id === "student" && one.scores[state.set]);
  const groups = [
    ["step by step", [...start, ...swept].sort((a, b) => zeros(a) - zeros(b))],
    ["as released", data.versions.filter((one) => one.id === "pruned" && one.scores[state.set])],
    ["in one step", data.versions.filter((one) => one.id.startsWith("one_shot") && one.scores[state.set])],
  ].filter(([, rows]) => rows.length);
  const chart = new Chart(holder, {
    x: [-3, 100], y: spread(groups.flatMap(([, rows]) => rows.map((one) => one.scores[state.set]))),
    xLabel: "zeros among the parameters (%)", yLabel: `${inTitle[state.set]} (%)`,
  });
  groups.forEach(([, rows], number) => {
    chart.line(rows.map((one) => [zeros(one), 100 * one.scores[state.set].value]), number);
    for (const one of rows) {
      const score = one.scores[state.set], tip = `${one.title}\n${count(one.nonzeros)} of ${count(one.parameters)} not zero\n${inWords(score)}`;
      chart.point(zeros(one), 100 * score.value, number, tip, bounds(score));
    }
  });
  chart.show(groups.map(([title], number) => [title, number]));
  return true;
}

/** Runs side by side: {name: [epoch]}, each with its validation score. */
function drawRuns(holder, runs) {
  const names = Object.keys(runs);
  if (!names.length) return false;
  const all = names.flatMap((name) => runs[name]);
  const lowest = all.map((one) => 100 * one.score.value).sort((a, b) => a - b)[Math.floor(0.05 * all.length)];
  const chart = new Chart(holder, {
    x: [0, Math.max(...all.map((one) => one.epoch)) + 1], y: [Math.max(0, lowest - 2), Math.min(100, spread(all.map((one) => one.score))[1])],
    xLabel: "epoch", yLabel: "validation accuracy (%)",
  });
  names.forEach((name, number) => {
    const rows = runs[name].filter((one) => 100 * one.score.value >= chart.options.y[0]);
    chart.line(rows.map((one) => [one.epoch, 100 * one.score.value]), number);
    for (const one of rows) {
      const tip = `${name}, epoch ${one.epoch}\n${inWords(one.score)}\nloss ${one.loss}`;
      chart.point(one.epoch, 100 * one.score.value, number, tip);
    }
  });
  chart.show(names.map((name, number) => [name, number]));
  return true;
}

function drawDistillation(holder) {
  const manners = Object.keys(data.distillation || {});
  const seeds = manners.flatMap((manner) => data.distillation[manner].filter((scores) => scores[state.set]).map((scores) => [manner, scores[state.set]]));
  if (!seeds.length) return false;
  const chart = new Chart(holder, {
    x: [-0.5, manners.length - 0.5], y: spread(seeds.map(([, score]) => score)), xTicks: manners.map((manner, place) => [place, manner]),
    xLabel: "the same student, a point for each seed", yLabel: `${inTitle[state.set]} (%)`,
  });
  const places = {};
  for (const [manner, score] of seeds) {
    const number = manners.indexOf(manner), seed = (places[manner] = (places[manner] ?? -1) + 1);
    chart.point(number + 0.12 * (seed - 1), 100 * score.value, number, `${manner}, seed ${seed}\n${inWords(score)}`, bounds(score));
  }
  chart.show();
  return true;
}
