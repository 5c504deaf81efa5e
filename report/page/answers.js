// What is known of single clips: rejection, confusions, voices, and pictures of mistakes.
const REJECTED = ["other_words_test", "wake_words_test", "noise_validation", "other_words_validation", "wake_words_validation"];
const answers = data.answers;
const bare = (set) => set.replace(/_rejected$/, "");
const titleOf = (set) => inTitle[set] || inTitle[`${set}_rejected`] || set;

/** The answers of the chosen version where there are some, else of the first model. */
function answering() {
  const version = data.versions.find((one) => one.id === state.version);
  return answers.models.find((model) => model.file === version?.file) || answers.models[0];
}

/** The chosen set where it was answered clip by clip (with digits, if asked), else the first such. */
function answeredSet(digitsOnly) {
  const hasDigits = (set) => !digitsOnly || Boolean(answers.clips[set].speakers);
  const chosen = bare(state.set);
  if (answers.clips[chosen] && hasDigits(chosen)) return chosen;
  return ["unseen_speakers", ...Object.keys(answers.clips)].find((set) => answers.clips[set] && hasDigits(set));
}

const inLabel = (number) => (answers.labels[number] === "reject" ? "none" : answers.labels[number]);

function acceptedAt(set, threshold) {
  const { said } = answers.clips[set], { probability, heard } = answering().sets[set];
  let accepted = 0, wrong = 0;
  for (let clip = 0; clip < said.length; clip++) {
    if (probability[clip] < Math.floor(1e6 * threshold)) continue;
    accepted++;
    if (heard[clip] !== said[clip]) wrong++;
  }
  return { accepted, wrong, total: said.length };
}

function drawRejection(holder) {
  const set = answers && answeredSet(true);
  if (!set) return false;
  const lines = [set, ...REJECTED.filter((one) => answers.clips[one]).slice(0, 3)];
  const chart = new Chart(holder, { x: [0, 1], y: [0, 100], xLabel: "threshold", yLabel: "accepted (%)", height: 280 });
  const steps = Array.from({ length: 201 }, (_, step) => step / 200);
  lines.forEach((one, number) => {
    chart.line(steps.map((at) => { const { accepted, total } = acceptedAt(one, at); return [at, (100 * accepted) / total]; }), number);
  });
  const [top, floor] = [chart.up(100), chart.up(0)];
  chart.parts.push(
    `<g class="handle" id="handle" tabindex="0" role="slider" aria-label="threshold" aria-valuemin="0" aria-valuemax="1">` +
    `<line y1="${top}" y2="${floor}" stroke="var(--ink)" stroke-width="2"/><circle cy="${(top + floor) / 2}" r="9" fill="var(--ink)"/>` +
    `<rect x="-16" y="${top}" width="32" height="${floor - top}" fill="transparent"/></g>`
  );
  chart.show(lines.map((one, number) => [titleOf(one).replace(/ rejected$/, ""), number]));
  const handle = element("handle");
  const move = (value) => {
    state.threshold = Math.min(1, Math.max(0, Math.round(1000 * value) / 1000));
    placeThreshold(chart, handle, lines);
  };
  handle.onpointerdown = (event) => { handle.setPointerCapture(event.pointerId); handle.focus(); };
  handle.onpointermove = (event) => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const box = holder.querySelector("svg").getBoundingClientRect();
    move(chart.valueAt(((event.clientX - box.left) / box.width) * chart.width));
  };
  handle.onkeydown = (event) => {
    const step = { ArrowLeft: -0.005, ArrowDown: -0.005, ArrowRight: 0.005, ArrowUp: 0.005, PageDown: -0.05, PageUp: 0.05 }[event.key];
    if (event.key === "Home" || event.key === "End") move(event.key === "End" ? 1 : 0);
    else if (step) move(state.threshold + step);
    else return;
    event.preventDefault();
  };
  element("shipped-threshold").onclick = () => { state.threshold = null; placeThreshold(chart, handle, lines); };
  placeThreshold(chart, handle, lines);
  return true;
}

function placeThreshold(chart, handle, sets) {
  const at = state.threshold ?? answering().threshold;
  state.threshold = at;
  handle.setAttribute("transform", `translate(${chart.across(at)} 0)`);
  handle.setAttribute("aria-valuenow", at.toFixed(3));
  const rows = sets.map((set, number) => {
    const { accepted, wrong, total } = acceptedAt(set, at), score = scored(accepted, total);
    const share = `${percent(score.value)} <small>${(100 * score.low).toFixed(1)}–${(100 * score.high).toFixed(1)}</small>`;
    return `<tr><td>${escaped(titleOf(set).replace(/ rejected$/, ""))}</td><td>${count(accepted)} of ${count(total)}</td><td>${share}</td><td>${number ? "–" : count(wrong)}</td></tr>`;
  });
  element("accepted").innerHTML =
    `<thead><tr><th scope="col">threshold ${at.toFixed(3)}, ${escaped(answering().file)}</th><th scope="col">accepted</th><th scope="col">share</th>` +
    `<th scope="col">as a wrong digit</th></tr></thead><tbody>${rows.join("")}</tbody>`;
}

function drawConfusion() {
  const set = answers && answeredSet(false);
  if (!set) return false;
  const { said } = answers.clips[set], { heard } = answering().sets[set];
  const cells = new Map();
  said.forEach((one, clip) => {
    const key = `${one},${heard[clip]}`;
    if (!cells.has(key)) cells.set(key, []);
    cells.get(key).push(clip);
  });
  const rows = [...new Set(said)].sort((a, b) => a - b), all = [...new Set([...said, ...heard])].sort((a, b) => a - b);
  const most = Math.max(1, ...[...cells].filter(([key]) => key.split(",")[0] !== key.split(",")[1]).map(([, clips]) => clips.length));
  const head = `<thead><tr><th scope="col">said</th>${all.map((column) => `<th scope="col">${inLabel(column)}</th>`).join("")}</tr></thead>`;
  const body = rows.map((row) => `<tr><th scope="row">${inLabel(row)}</th>` + all.map((column) => {
    const clips = cells.get(`${row},${column}`) || [];
    if (!clips.length) return "<td></td>";
    const heat = row === column ? "" : `style="background:rgb(var(--heat) / ${(0.15 + (0.5 * clips.length) / most).toFixed(2)})"`;
    const words = `said ${inLabel(row)}, heard ${inLabel(column)}: ${count(clips.length)}`;
    return `<td><button type="button" ${heat} data-cell="${row},${column}" data-tip="${words}" aria-label="${words}">${count(clips.length)}</button></td>`;
  }).join("") + "</tr>");
  element("confusion-table").innerHTML = head + `<tbody>${body.join("")}</tbody>`;
  element("confusion").querySelector(".of").textContent = `Said (row) and heard (column): ${titleOf(set)}, ${count(said.length)} clips, ${answering().file}`;
  element("voices").textContent = "Choose a cell to see whose clips they are.";
  element("confusion-table").onclick = (event) => {
    const cell = event.target.closest("[data-cell]");
    if (cell) element("voices").textContent = `${cell.dataset.tip}. ${whose(set, cells.get(cell.dataset.cell))}`;
  };
  return true;
}

function whose(set, clips) {
  const { speakers, speaker } = answers.clips[set];
  if (!speakers) return "These clips have no named speakers.";
  const tally = {};
  for (const clip of clips) tally[speakers[speaker[clip]]] = (tally[speakers[speaker[clip]]] || 0) + 1;
  const most = Object.entries(tally).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const named = most.slice(0, 40).map(([name, number]) => (number > 1 ? `${name} (${number})` : name)).join(", ");
  return `Speakers: ${named}${most.length > 40 ? `, and ${most.length - 40} more` : ""}.`;
}

function drawSpeakers(holder) {
  const set = answers && answeredSet(true);
  if (!set) return false;
  const { said, speakers, speaker } = answers.clips[set], { heard } = answering().sets[set];
  const tally = speakers.map((name) => ({ name, right: 0, total: 0 }));
  said.forEach((one, clip) => { tally[speaker[clip]].total++; if (heard[clip] === one) tally[speaker[clip]].right++; });
  tally.sort((a, b) => b.total - b.right - (a.total - a.right) || a.right / a.total - b.right / b.total);
  const few = tally.length <= 12, most = Math.max(1, ...tally.map((one) => one.total));
  const chart = new Chart(holder, {
    x: [-1, tally.length], y: [0, most * 1.04], xTicks: few ? tally.map((one, place) => [place, one.name]) : [],
    xLabel: few ? "speaker" : `${tally.length} speakers, most mistakes first`, yLabel: "clips", height: 240,
  });
  const width = Math.max(1.5, 0.8 * (chart.across(1) - chart.across(0)));
  tally.forEach((one, place) => {
    const left = chart.across(place) - width / 2, tip = `${one.name}\n${inWords(scored(one.right, one.total))}`;
    const [top, middle, floor] = [chart.up(one.total), chart.up(one.right), chart.up(0)];
    chart.parts.push(
      `<g class="mark" ${few || one.right < one.total ? 'tabindex="0"' : ""} role="img" data-tip="${escaped(tip)}" aria-label="${escaped(tip)}">` +
      `<rect x="${left}" y="${middle}" width="${width}" height="${floor - middle}" fill="${colour(5)}"/>` +
      `<rect x="${left}" y="${top}" width="${width}" height="${middle - top}" fill="${colour(1)}"/></g>`
    );
  });
  chart.show([["wrong", 1], ["right", 5]]);
  element("speakers").querySelector(".of").textContent = `${titleOf(set)}, ${answering().file}: all clips of each speaker`;
  return true;
}

function drawHeldOut(holder) {
  const names = Object.keys(data.held_out || {}).sort();
  if (!names.length) return false;
  const chart = new Chart(holder, {
    x: [-0.5, names.length - 0.5], y: spread(names.map((name) => data.held_out[name])), xTicks: names.map((name, place) => [place, name]),
    xLabel: "speaker that the model never heard", yLabel: "accuracy (%)", height: 240,
  });
  names.forEach((name, place) => {
    const score = data.held_out[name];
    chart.point(place, 100 * score.value, 0, `${name}\n${inWords(score)}`, bounds(score));
  });
  chart.show();
  return true;
}

const DARK_TO_BRIGHT = [[0, 0, 4], [81, 18, 124], [183, 55, 121], [252, 137, 97], [252, 253, 191]];

function drawMisheard(holder) {
  if (!answers?.misheard.length) return false;
  holder.innerHTML = "";
  const model = answers.models[0];
  for (const one of answers.misheard) {
    const pixels = Uint8Array.from(atob(one.log_mel), (sign) => sign.charCodeAt(0)), bands = answers.picture.bands, frames = pixels.length / bands;
    const { heard, probability } = model.sets[one.set], clips = answers.clips[one.set];
    const caption = `said ${inLabel(clips.said[one.clip])}, heard ${inLabel(heard[one.clip])} (${(probability[one.clip] / 1e6).toFixed(2)})`;
    const figure = document.createElement("figure"), canvas = document.createElement("canvas"), text = document.createElement("figcaption");
    [canvas.width, canvas.height] = [frames, bands];
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `spectrogram: ${caption}`);
    const context = canvas.getContext("2d"), image = context.createImageData(frames, bands);
    pixels.forEach((value, at) => {
      const place = (value / 255) * (DARK_TO_BRIGHT.length - 1), below = Math.min(DARK_TO_BRIGHT.length - 2, Math.floor(place));
      const row = bands - 1 - Math.floor(at / frames), target = 4 * (row * frames + (at % frames));
      for (let part = 0; part < 3; part++) {
        const [from, to] = [DARK_TO_BRIGHT[below][part], DARK_TO_BRIGHT[below + 1][part]];
        image.data[target + part] = from + (to - from) * (place - below);
      }
      image.data[target + 3] = 255;
    });
    context.putImageData(image, 0, 0);
    text.textContent = `${caption}, ${titleOf(one.set)}, ${clips.speakers[clips.speaker[one.clip]]}`;
    figure.append(canvas, text);
    holder.append(figure);
  }
  return true;
}
