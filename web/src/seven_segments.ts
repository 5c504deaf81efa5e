// A seven-segment display: the strokes that the network sees in a digit, each as bright as it is probable.
import { percent } from "./page";

const SVG = "http://www.w3.org/2000/svg";
const NAMES = ["top", "upper left", "upper right", "middle", "lower left", "lower right", "bottom"];
const LINES = [[3, 2, 13, 2], [2, 3, 2, 13], [14, 3, 14, 13], [3, 14, 13, 14], [2, 15, 2, 25], [14, 15, 14, 25], [3, 26, 13, 26]]; // x1 y1 x2 y2

export function display(segments: number[]): SVGElement {
  const svg = drawn("svg", { viewBox: "0 0 16 28", class: "segments", role: "img" });
  const lit = NAMES.filter((_, at) => segments[at] >= 0.5);
  svg.setAttribute("aria-label", `strokes of a display: ${lit.join(", ") || "none"}`);
  svg.append(...LINES.map(([x1, y1, x2, y2], at) => {
    const line = drawn("line", { x1, y1, x2, y2, "stroke-opacity": Math.max(0.08, segments[at]).toFixed(2) });
    line.append(Object.assign(drawn("title", {}), { textContent: `${NAMES[at]}: ${percent(segments[at])}` }));
    return line;
  }));
  return svg;
}

function drawn(name: string, attributes: Record<string, string | number>): SVGElement {
  const shape = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) shape.setAttribute(key, String(value));
  return shape;
}
