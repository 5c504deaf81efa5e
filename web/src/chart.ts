// Charts as SVG: axes, points with their intervals; every point can be reached by keyboard and chosen.
import { made } from "./page";

const NAMESPACE = "http://www.w3.org/2000/svg";
const MARGIN = { left: 58, right: 16, top: 12, bottom: 46 };
const HEIGHT = 320, ROOM = 0.08; // of the range, around the points
const NAME_WIDTH = 84; // pixels; where there are fewer, names stand upright
const NAME_LINES = 4, UPRIGHT_HEIGHT = 120, UPRIGHT_LETTERS = 17, LINE = 12; // the most lines of a name, and pixels
const LETTER_WIDTH = 7; // pixels
const NEAR = 14; // pixels: points that lie so close are chosen together, for one hides the other

export interface Point {
  x: number; // of an axis with names, the place of one
  y: number;
  low?: number;
  high?: number;
  series: number; // its colour and shape
  label: string;
}

export interface Axes { xLabel: string; yLabel: string; xLog?: boolean; xNames?: string[]; yTick: (value: number) => string; series: string[] }

type Attributes = Record<string, string | number>;

/** `choose` is given the point that was chosen, and after it those that it may hide. */
export function draw<Kind extends Point>(holder: HTMLElement, points: Kind[], axes: Axes, choose: (chosen: Kind[]) => void): void {
  const width = Math.max(300, holder.clientWidth), isUpright = axes.xNames !== undefined && width < NAME_WIDTH * axes.xNames.length;
  const svg = shape("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "group" });
  svg.setAttribute("aria-label", `${axes.yLabel} against ${axes.xLabel}`);
  const scale = axes.xLog ? Math.log10 : (value: number) => value;
  const [left, right] = axes.xNames ? [-0.5, axes.xNames.length - 0.5] : widened(points.map((point) => scale(point.x)));
  const [low, high] = widened(points.flatMap((point) => [point.y, point.low ?? point.y, point.high ?? point.y]));
  const floor = HEIGHT - (isUpright ? UPRIGHT_HEIGHT : axes.xNames ? LINE * (NAME_LINES + 1) : MARGIN.bottom);
  const across = (x: number) => MARGIN.left + ((scale(x) - left) / (right - left)) * (width - MARGIN.left - MARGIN.right);
  const up = (y: number) => floor - ((y - low) / (high - low)) * (floor - MARGIN.top);

  for (const tick of ticks(low, high, 6)) {
    svg.append(shape("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: up(tick), y2: up(tick) }));
    svg.append(text(axes.yTick(tick), { x: MARGIN.left - 6, y: up(tick) + 4, "text-anchor": "end" }));
  }
  const names = axes.xNames?.map((name, place) => [place, name] as const);
  for (const [at, name] of names ?? (axes.xLog ? powers(left, right) : ticks(left, right, width / 100)).map((tick) => [tick, thousands(tick)] as const)) {
    const x = across(at);
    svg.append(shape("line", { class: "grid", x1: x, x2: x, y1: MARGIN.top, y2: floor }));
    if (isUpright) {
      const lines = wrapped(name, UPRIGHT_LETTERS), first = x + 4 - (LINE * (lines.length - 1)) / 2;
      lines.forEach((part, line) => svg.append(text(part, { transform: `translate(${first + LINE * line} ${floor + 8}) rotate(-90)`, "text-anchor": "end" })));
      continue;
    }
    wrapped(name, names ? (width - MARGIN.left - MARGIN.right) / names.length / LETTER_WIDTH : Infinity).forEach((part, line) =>
      svg.append(text(part, { x, y: floor + 14 + LINE * line, "text-anchor": "middle" })));
  }
  svg.append(text(axes.xLabel, { x: (MARGIN.left + width - MARGIN.right) / 2, y: HEIGHT - 2, "text-anchor": "middle", class: "title" }));
  const middle = (MARGIN.top + floor) / 2;
  svg.append(text(axes.yLabel, { transform: `translate(12 ${middle}) rotate(-90)`, "text-anchor": "middle", class: "title" }));

  for (const point of points) {
    const { x, y, low: from, high: to, series, label } = point;
    const chosen = () => {
      const distance = (other: Point) => Math.hypot(across(other.x) - across(x), up(other.y) - up(y));
      choose([point, ...points.filter((other) => other !== point && distance(other) <= NEAR)]);
    };
    const mark = shape("g", { class: "mark", tabindex: 0, role: "button", "aria-label": label, "data-series": series });
    if (from !== undefined && to !== undefined) mark.append(shape("line", { class: `series${series % 7}`, x1: across(x), x2: across(x), y1: up(from), y2: up(to) }));
    mark.append(marker(across(x), up(y), series), shape("circle", { cx: across(x), cy: up(y), r: NEAR, fill: "transparent" }));
    const title = shape("title", {});
    title.textContent = label;
    mark.append(title);
    mark.addEventListener("click", chosen);
    mark.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      chosen();
    });
    svg.append(mark);
  }
  const key = made("ul", { class: "key" });
  axes.series.forEach((name, number) => {
    const sign = shape("svg", { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" });
    sign.append(marker(8, 8, number));
    const item = made("li", {});
    item.append(sign, ` ${name}`);
    key.append(item);
  });
  holder.replaceChildren(svg, key);
}

function shape(name: string, attributes: Attributes): SVGElement {
  const one = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) one.setAttribute(key, String(value));
  return one;
}

function text(content: string, attributes: Attributes): SVGElement {
  const one = shape("text", attributes);
  one.textContent = content;
  return one;
}

/** Shapes differ as well as colours. */
function marker(x: number, y: number, series: number): SVGElement {
  const paths = [
    `M${x - 5} ${y}a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z`, `M${x - 4.5} ${y - 4.5}h9v9h-9z`, `M${x} ${y - 6.5}l6.5 6.5l-6.5 6.5l-6.5 -6.5z`,
    `M${x} ${y - 6}l6 10.5h-12z`, `M${x} ${y + 6}l6 -10.5h-12z`,
  ];
  return shape("path", { class: `dot series${series % 7}`, d: paths[series % paths.length] });
}

function widened(values: number[]): [number, number] {
  const low = Math.min(...values), high = Math.max(...values), room = (high - low || Math.abs(high) || 1) * ROOM;
  return [low - room, high + room];
}

function ticks(low: number, high: number, wanted: number): number[] {
  const rough = (high - low) / Math.max(1, wanted), power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough)!;
  const found = [];
  for (let at = Math.ceil(low / step); at * step <= high; at++) found.push(Number((at * step).toPrecision(10)));
  return found;
}

/** Round numbers between two powers of ten. */
function powers(low: number, high: number): number[] {
  const found = [];
  for (let power = Math.floor(low); power <= high; power++) {
    for (const digit of high - low > 2 ? [1, 3] : [1, 2, 5]) if (Math.log10(digit) + power >= low && Math.log10(digit) + power <= high) found.push(digit * 10 ** power);
  }
  return found;
}

const thousands = (value: number) => Number(value.toPrecision(6)).toLocaleString("en");

function wrapped(name: string, letters: number): string[] {
  const lines: string[] = [];
  for (const word of name.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`;
    if (lines.length && longer.length <= letters) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.slice(0, NAME_LINES);
}
