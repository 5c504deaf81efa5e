// All tasks side by side: two charts, two tables, and the command of whatever is chosen.
const ALL = "all";
const SIZES = {
  bytes: ["file (kB, logarithmic)", (row) => row.bytes / 1000],
  bytes_gzipped: ["file, packed by gzip (kB, logarithmic)", (row) => row.bytes_gzipped / 1000],
  nonzeros: ["parameters that are not zero (logarithmic)", (row) => row.nonzeros ?? row.parameters],
};
const WHOLE = ["student", "distilled student", "student alone"]; // what quality is compared with on one scale
const FAMILIES = ["CNN", "LSTM", "Transformer"];
const tasks = data.runs.filter((run) => !run.name);
const state = { task: ALL, set: "", size: "bytes", chosen: "" };
const sorting = { key: "", down: false };

const isOne = () => state.task !== ALL;
const shownTasks = () => (isOne() ? tasks.filter((run) => run.task === state.task) : tasks);
/** The release of a task and the runs that stand beside it. */
const runsOf = (task) => data.runs.filter((run) => run.task === task.task);
const judged = (run) => (isOne() ? state.set : run.sets[0].id);
const nameOf = (run) => run.title + (run.name ? `, ${run.name}` : "");
const key = (run, row) => `${run.task}/${run.name}/${row.version}`;
const marked = (run, row) => `data-row="${escaped(key(run, row))}"`;

const shares = (score) => score.unit === "share";
const valued = (score) => (shares(score) ? 100 * score.value : score.value);
function told(score) {
  const [low, high] = [score.low, score.high].map((one) => (shares(score) ? percent(one) : one.toFixed(3)));
  return `${shares(score) ? percent(score.value, 2) : `${score.value.toFixed(4)} ${score.unit}`} (95% interval ${low} to ${high}, of ${count(score.count)})`;
}
function brief(score) {
  const text = (value) => (shares(score) ? (100 * value).toFixed(1) : value.toFixed(3));
  return `${text(score.value)} <small>${text(score.low)}–${text(score.high)}</small> ${shares(score) ? "%" : score.unit}`;
}
const kept = (score, whole) => 100 * (score.higher_is_better ? score.value / whole.value : whole.value / score.value);
const kilobytes = (row) => (row.bytes ? `${count(Number((row.bytes / 1000).toPrecision(3)))} kB` : "no file");

function drawScore(holder) {
  const [label, sized] = SIZES[state.size], points = [];
  for (const task of shownTasks()) {
    const set = judged(task), whole = task.rows.find((row) => WHOLE.includes(row.version) && row.scores[set]);
    for (const run of runsOf(task)) {
      for (const row of run.rows) {
        const score = row.scores[set], x = sized(row);
        if (!score || !(x > 0) || (!isOne() && !whole)) continue;
        const unit = isOne() ? (shares(score) ? 100 : 1) : kept(score, whole.scores[set]) / score.value;
        const whisker = isOne() ? { low: unit * score.low, high: unit * score.high } : {};
        points.push({ run, row, x, y: unit * score.value, score, number: isOne() ? FAMILIES.indexOf(row.family) : tasks.indexOf(task), ...whisker });
      }
    }
  }
  if (!points.length) return false;
  const xs = points.map((one) => one.x), ys = points.flatMap((one) => [one.y, one.low ?? one.y, one.high ?? one.y]);
  const room = 0.06 * (Math.max(...ys) - Math.min(...ys)) || 1;
  const x = [Math.min(...xs) / 1.4, Math.max(...xs) * 1.4];
  const ticks = [1, 2, 5].flatMap((digit) => [-1, 0, 1, 2, 3, 4, 5, 6, 7].map((power) => digit * 10 ** power)).filter((one) => one > x[0] && one < x[1]).sort((a, b) => a - b);
  const set = isOne() && shownTasks()[0].sets.find((one) => one.id === state.set).title;
  const score = points[0].score;
  const chart = new Chart(holder, {
    x, y: [Math.min(...ys) - room, Math.max(...ys) + room], xLog: true, xTicks: ticks.map((one) => [one, count(one)]), xLabel: label,
    yLabel: isOne() ? `${set} (${shares(score) ? "%" : score.unit})` : "quality kept (%)", height: 340,
  });
  for (const { run, row, x, y, score, number, low, high } of points) {
    const tip = `${nameOf(run)}: ${row.title}\n${row.family}, ${kilobytes(row)}\n${told(score)}`;
    chart.point(x, y, number, tip, { low, high, chosen: key(run, row) === state.chosen, action: marked(run, row) });
  }
  const names = isOne() ? FAMILIES : tasks.map((run) => run.title);
  chart.show(names.map((name, number) => [name, number]).filter(([, number]) => points.some((one) => one.number === number)));
  element("score-of").textContent = isOne()
    ? `Every version; ${score.higher_is_better ? "higher" : "lower"} is better; the shape tells the kind of network.`
    : "Each task by its main test set: 100% is its student in float, before compression.";
  return true;
}

function drawLatency(holder) {
  const timed = shownTasks().flatMap((run) => run.rows.filter((row) => row.level != null && row.latency).map((row) => ({ run, row })));
  const used = data.levels.filter(([level]) => timed.some((one) => one.row.level === level));
  if (!used.length) return false;
  const base = (run) => run.rows.find((row) => row.level === "" && row.latency)?.latency.median_ms;
  const unit = (run) => (isOne() ? 1 : base(run));
  const those = timed.filter((one) => unit(one.run));
  const slowest = Math.max(...those.map((one) => one.row.latency.p95_ms / unit(one.run)));
  const chart = new Chart(holder, {
    x: [0, 1.05 * slowest], y: [used.length, 0], height: 50 + 42 * used.length, left: 8, xLabel: isOne() ? "milliseconds" : "times float32's median",
  });
  used.forEach(([level, title], place) => {
    chart.parts.push(`<text x="${chart.across(0)}" y="${chart.up(place) + 12}">${escaped(title)}</text>`);
    for (const { run, row } of those.filter((one) => one.row.level === level)) {
      const { median_ms, p95_ms } = row.latency, number = tasks.indexOf(run);
      const end = chart.across(p95_ms / unit(run)), at = chart.across(median_ms / unit(run)), up = chart.up(place) + 20 + 5 * shownTasks().indexOf(run);
      chart.parts.push(`<line x1="${at}" x2="${end}" y1="${up}" y2="${up}" stroke="${colour(number)}" stroke-width="1.5"/>`);
      const tip = `${run.title}: ${row.title}\nmedian ${median_ms.toFixed(3)} ms, 95th percentile ${p95_ms.toFixed(3)} ms` + (base(run) ? `\n${(median_ms / base(run)).toFixed(2)} times float32's` : "");
      chart.parts.push(
        `<g class="mark" tabindex="0" role="button" ${marked(run, row)} data-tip="${escaped(tip)}" aria-label="${escaped(tip)}">` +
        `${marker(at, up, number)}<circle cx="${at}" cy="${up}" r="8" fill="transparent"/></g>`
      );
    }
  });
  chart.show(shownTasks().map((run) => [run.title, tasks.indexOf(run)]));
  element("latency-of").textContent = "One answer in ONNX Runtime on one thread: the mark is the median, the line ends at the 95th percentile. " +
    (isOne() ? "" : "Tasks differ in what an answer is, so each is measured by its own float32.");
  return true;
}

const COLUMNS = [
  ["task", ({ run }) => nameOf(run)],
  ["kind", ({ row }) => row.family],
  ["network", ({ row }) => row.title],
  ["parameters", ({ row }) => row.parameters, count],
  ["million multiply-adds", ({ row }) => row.multiply_adds, (value) => (value / 1e6).toFixed(2)],
  ["kB", ({ row }) => row.bytes, (value) => count(Math.round(value / 1000))],
  ["ms", ({ row }) => row.latency?.median_ms, (value) => value.toFixed(2)],
  ["ms in PyTorch", ({ row }) => row.pytorch_ms, (value) => value.toFixed(2)],
  ["score", ({ run, row }) => row.scores[judged(run)] && valued(row.scores[judged(run)]), (_, { run, row }) => brief(row.scores[judged(run)])],
];

function drawNetworks() {
  const lines = shownTasks().flatMap((task) => runsOf(task)).flatMap((run) => run.rows.filter((row) => ["teacher", "student", "distilled"].includes(row.stage)).map((row) => ({ run, row })));
  const by = COLUMNS.find(([title]) => title === sorting.key);
  if (by) {
    lines.sort((a, b) => {
      const [x, y] = [by[1](a), by[1](b)];
      if (x == null || y == null) return (x == null) - (y == null); // what is not known comes last, both ways
      return (x < y ? -1 : x > y ? 1 : 0) * (sorting.down ? -1 : 1);
    });
  }
  const head = COLUMNS.map((column) => `<th scope="col"${column === by ? ` aria-sort="${sorting.down ? "descending" : "ascending"}"` : ""}><button type="button" data-sort="${column[0]}">${column[0]}</button></th>`);
  const body = lines.map((line) => {
    const cells = COLUMNS.map(([title, read, text = escaped]) => {
      const value = read(line), shown = value == null ? "–" : text(value, line);
      return `<td>${title === "network" ? `<button type="button" ${marked(line.run, line.row)}>${shown}</button>` : shown}</td>`;
    });
    return `<tr class="${key(line.run, line.row) === state.chosen ? "chosen" : ""}">${cells.join("")}</tr>`;
  });
  element("networks-table").innerHTML = `<thead><tr>${head.join("")}</tr></thead><tbody>${body.join("")}</tbody>`;
}

function drawTechniques() {
  const those = shownTasks(), times = (ratio) => (ratio == null ? "–" : `${ratio.toFixed(1)}×`);
  const cell = (run, technique) => run.effects.filter((one) => one.technique === technique).map((one) => {
    const row = run.rows.find((other) => other.version === one.version);
    const text = `${times(one.smaller)}, ${times(one.faster)}, ${one.kept == null ? "–" : `${(100 * one.kept).toFixed(1)}%`}`;
    const tip = `${one.version}, of ${one.of}\n${one.cost}`;
    return `<button type="button" ${marked(run, row)} data-tip="${escaped(tip)}" aria-label="${escaped(`${text}: ${tip}`)}">${text}</button>`;
  }).join("<br>") || "–";
  const lines = data.techniques.filter((technique) => those.some((run) => run.effects.some((one) => one.technique === technique)));
  element("techniques-table").innerHTML =
    `<thead><tr><th scope="col">technique</th>${those.map((run) => `<th scope="col">${escaped(run.title)}</th>`).join("")}</tr></thead><tbody>` +
    lines.map((technique) => `<tr><td>${escaped(technique)}</td>${those.map((run) => `<td>${cell(run, technique)}</td>`).join("")}</tr>`).join("") + "</tbody>";
}

function tell() {
  for (const run of data.runs) {
    const row = run.rows.find((one) => key(run, one) === state.chosen);
    if (!row) continue;
    const score = row.scores[judged(run)] ?? row.scores[run.sets[0].id];
    const zeros = row.nonzeros == null ? "" : `, ${count(row.nonzeros)} of them not zero`;
    element("chosen").textContent = `${nameOf(run)}: ${row.title}. ${row.family}, ${kilobytes(row)}, ${count(row.parameters)} parameters${zeros}` +
      (score ? `; ${told(score)}` : "") + (row.latency ? `; median ${row.latency.median_ms.toFixed(3)} ms` : "") + (row.processor ? ` (${row.processor})` : "") + (row.note ? `. ${row.note}` : ".");
    element("command").textContent = row.command;
    element("command-line").hidden = false;
  }
}

function drawAll() {
  for (const [id, draw] of [["score", drawScore], ["latency", drawLatency]]) {
    const section = element(id);
    section.hidden = false; // a hidden holder has no width
    section.hidden = !draw(section.querySelector(".chart"));
  }
  drawNetworks();
  drawTechniques();
  tell();
}

const options = (pairs) => pairs.map(([value, text]) => `<option value="${escaped(value)}">${escaped(text)}</option>`).join("");
element("task").innerHTML = options([[ALL, "all tasks"], ...tasks.map((run) => [run.task, run.title])]);
element("size").innerHTML = options(Object.entries(SIZES).map(([name, [label]]) => [name, label.replace(", logarithmic", "").replace(" (logarithmic)", "")]));
element("task").onchange = (event) => {
  state.task = event.target.value;
  const sets = isOne() ? shownTasks()[0].sets : [];
  state.set = sets[0]?.id ?? "";
  element("set").innerHTML = options(isOne() ? sets.map((one) => [one.id, one.title]) : [["", "each task's main test set"]]);
  element("set").disabled = !isOne();
  drawAll();
};
element("set").onchange = (event) => { state.set = event.target.value; drawAll(); };
element("size").onchange = (event) => { state.size = event.target.value; drawAll(); };
element("switches").onsubmit = (event) => event.preventDefault();

function act(event) {
  const mark = event.target.closest("[data-row]"), head = event.target.closest("[data-sort]");
  if (!mark && !head) return;
  if (mark) state.chosen = mark.dataset.row;
  else {
    sorting.down = sorting.key === head.dataset.sort ? !sorting.down : false;
    sorting.key = head.dataset.sort;
  }
  const focused = document.activeElement, section = focused?.closest("section")?.id;
  const place = focused?.dataset.row ? `[data-row="${CSS.escape(focused.dataset.row)}"]` : focused?.dataset.sort ? `[data-sort="${focused.dataset.sort}"]` : "";
  drawAll();
  if (section && place) element(section).querySelector(place)?.focus(); // what was redrawn has lost the keyboard's place
}
document.addEventListener("click", act);
document.addEventListener("keydown", (event) => {
  if ((event.key === "Enter" || event.key === " ") && event.target.closest("g[data-row]")) {
    event.preventDefault();
    act(event);
  }
});
element("task").onchange({ target: element("task") });
let resizing, drawnWidth = innerWidth;
addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(() => { if (innerWidth !== drawnWidth) { drawnWidth = innerWidth; drawAll(); } }, 150);
});
