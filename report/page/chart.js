// Charts as SVG text, sized to their holder; marks carry their numbers as a tooltip that hover, focus and touch show.
const data = JSON.parse(document.getElementById("data").textContent);
const DASHES = ["", "7 4", "8 3 2 3", "2 3"];

const element = (id) => document.getElementById(id);
const colour = (number) => `var(--c${number % 7})`;
const count = (number) => number.toLocaleString("en");
const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)}%`;
const escaped = (text) =>
  String(text).replace(/[&<>"]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[sign]);

/** The 95% interval of a proportion, after Wilson. */
function wilson(correct, total) {
  if (!total) return [0, 1];
  const z2 = 1.959964 ** 2, share = correct / total;
  const centre = (share + z2 / (2 * total)) / (1 + z2 / total);
  const half = (1.959964 / (1 + z2 / total)) * Math.sqrt((share * (1 - share)) / total + z2 / (4 * total ** 2));
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

function scored(correct, total) {
  const [low, high] = wilson(correct, total);
  return { value: total ? correct / total : 0, correct, count: total, low, high };
}

/** A score in words, counts and interval included. */
const inWords = (score) =>
  `${percent(score.value, 2)}: ${count(Math.round(score.value * score.count))} of ${count(score.count)} ` +
  `(95% interval ${(100 * score.low).toFixed(1)} to ${percent(score.high)})`;

function niceTicks(low, high, wanted) {
  const rough = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough);
  const ticks = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-9; at += step) ticks.push(Number(at.toPrecision(10)));
  return ticks;
}

class Chart {
  /** options: x and y as [low, high], xLabel, yLabel; perhaps xLog, xTicks [[value, text]], height, left. */
  constructor(holder, options) {
    this.holder = holder;
    this.options = options;
    this.width = Math.max(280, holder.clientWidth);
    this.height = options.height || 300;
    this.margin = { left: options.left || 46, right: 12, top: 8, bottom: 40 };
    this.parts = [];
    this.axes();
  }

  across(value) {
    const { x, xLog } = this.options, { left, right } = this.margin;
    const [low, high, at] = xLog ? [...x, value].map(Math.log10) : [...x, value];
    return left + ((at - low) / (high - low || 1)) * (this.width - left - right);
  }

  up(value) {
    const { y } = this.options, { top, bottom } = this.margin;
    return this.height - bottom - ((value - y[0]) / (y[1] - y[0] || 1)) * (this.height - top - bottom);
  }

  valueAt(pixel) {
    const { x } = this.options, { left, right } = this.margin;
    return x[0] + ((pixel - left) / (this.width - left - right)) * (x[1] - x[0]);
  }

  axes() {
    const { x, y, xLabel, yLabel, xTicks } = this.options, { left, right, top, bottom } = this.margin;
    const floor = this.height - bottom;
    let taken = -Infinity; // where the last tick's text ends
    for (const [value, text] of xTicks || niceTicks(...x, this.width / 90).map((tick) => [tick, tick])) {
      const at = this.across(value), half = 3.6 * String(text).length;
      if (at - half < taken) continue;
      taken = at + half + 4;
      this.parts.push(`<line class="grid" x1="${at}" x2="${at}" y1="${top}" y2="${floor}"/>`);
      this.parts.push(`<text class="faint" x="${at}" y="${floor + 15}" text-anchor="middle">${escaped(text)}</text>`);
    }
    for (const tick of yLabel ? niceTicks(...y, 8) : []) {
      const at = this.up(tick);
      this.parts.push(`<line class="grid" x1="${left}" x2="${this.width - right}" y1="${at}" y2="${at}"/>`);
      this.parts.push(`<text class="faint" x="${left - 6}" y="${at + 4}" text-anchor="end">${tick}</text>`);
    }
    this.parts.push(`<text x="${(left + this.width - right) / 2}" y="${this.height - 4}" text-anchor="middle">${escaped(xLabel)}</text>`);
    if (yLabel) {
      const middle = (top + floor) / 2;
      this.parts.push(`<text transform="translate(11 ${middle}) rotate(-90)" text-anchor="middle">${escaped(yLabel)}</text>`);
    }
  }

  line(points, number, faded = false) {
    const path = points.map(([x, y]) => `${this.across(x).toFixed(1)},${this.up(y).toFixed(1)}`).join(" ");
    const look = `stroke="${colour(number)}" stroke-dasharray="${DASHES[number % 4]}" opacity="${faded ? 0.35 : 1}"`;
    this.parts.push(`<polyline points="${path}" fill="none" stroke-width="2" ${look}/>`);
  }

  /** A point with its interval (low and high in the units of y) and a tooltip; `action` names what a click chooses. */
  point(x, y, number, tip, { low, high, chosen = false, faded = false, action = "" } = {}) {
    const [across, up] = [this.across(x), this.up(y)];
    const whisker = low === undefined ? "" :
      `<line x1="${across}" x2="${across}" y1="${this.up(low)}" y2="${this.up(high)}" stroke="${colour(number)}" stroke-width="1.5"/>`;
    const ring = chosen ? `<circle cx="${across}" cy="${up}" r="10" fill="none" stroke="var(--ink)" stroke-width="2"/>` : "";
    this.parts.push(
      `<g class="mark" tabindex="0" role="${action ? "button" : "img"}" ${action} opacity="${faded ? 0.45 : 1}" ` +
      `data-tip="${escaped(tip)}" aria-label="${escaped(tip)}">${whisker}${ring}${marker(across, up, number)}` +
      `<circle cx="${across}" cy="${up}" r="12" fill="transparent"/></g>`
    );
  }

  show(keys = []) {
    const items = keys.map(([text, number]) =>
      `<li><svg viewBox="0 0 26 12" aria-hidden="true"><line x1="0" x2="26" y1="6" y2="6" stroke="${colour(number)}" stroke-width="2" ` +
      `stroke-dasharray="${DASHES[number % 4]}"/>${marker(13, 6, number)}</svg> ${escaped(text)}</li>`);
    this.holder.innerHTML =
      `<svg viewBox="0 0 ${this.width} ${this.height}" height="${this.height}">${this.parts.join("")}</svg>` +
      (items.length ? `<ul class="key">${items.join("")}</ul>` : "");
  }
}

/** Shapes differ as well as colours. */
function marker(x, y, number) {
  const fill = `class="dot" fill="${colour(number)}" stroke="var(--paper)"`;
  const shapes = [
    `<circle cx="${x}" cy="${y}" r="5" ${fill}/>`,
    `<rect x="${x - 4.5}" y="${y - 4.5}" width="9" height="9" ${fill}/>`,
    `<path d="M${x} ${y - 6.5}l6.5 6.5l-6.5 6.5l-6.5 -6.5z" ${fill}/>`,
    `<path d="M${x} ${y - 6}l6 10.5h-12z" ${fill}/>`,
    `<path d="M${x} ${y + 6}l6 -10.5h-12z" ${fill}/>`,
  ];
  return shapes[number % shapes.length];
}

function showTip(target) {
  const tip = element("tip"), box = target.getBoundingClientRect();
  tip.textContent = target.dataset.tip;
  tip.hidden = false;
  const left = Math.min(Math.max(6, box.left + box.width / 2 - tip.offsetWidth / 2), innerWidth - tip.offsetWidth - 6);
  const above = box.top - tip.offsetHeight - 6;
  tip.style.left = `${left}px`;
  tip.style.top = `${above < 4 ? box.bottom + 6 : above}px`;
}

for (const kind of ["mouseover", "focusin"]) {
  document.addEventListener(kind, (event) => {
    const target = event.target.closest("[data-tip]");
    if (target) showTip(target);
    else element("tip").hidden = true;
  });
}
document.addEventListener("focusout", () => { element("tip").hidden = true; });
document.addEventListener("keydown", (event) => { if (event.key === "Escape") element("tip").hidden = true; });
