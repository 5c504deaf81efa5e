// Strokes of a pen become the network's input as dwindle/infer/images/normalise.py makes it of a photograph: 20 pixels
// large, centred by its mass in 28. Strokes are lines here, so that nothing has to be found or thinned first.

export interface Point { x: number; y: number }
export type Stroke = Point[];

export const SIDE = 28; // pixels of the network's input, in both directions
const FINE = 4; // times finer than that: where strokes are drawn
const DIGIT = 20; // pixels of the digit's longer side
const PEN = 2.8; // pixels; MNIST's pens are so wide
const PART_HEIGHT = 0.75; // of the usual height: a smaller stroke may be a part of the one that it stands beside
const BESIDE = 0.22; // of the usual height: parts of a digit are no further from it
const OVERLAP = 0.5; // of the narrower of two strokes: they are one digit

interface Box { left: number; top: number; right: number; bottom: number }

const width = (box: Box) => box.right - box.left;
const height = (box: Box) => box.bottom - box.top;

function boxOf(strokes: Stroke[]): Box {
  const points = strokes.flat(), across = points.map((point) => point.x), down = points.map((point) => point.y);
  return { left: Math.min(...across), top: Math.min(...down), right: Math.max(...across), bottom: Math.max(...down) };
}

/** Strokes that make one digit together, from left to right. */
export function digitsOf(strokes: Stroke[]): Stroke[][] {
  const usual = Math.max(...strokes.map((stroke) => Math.max(height(boxOf([stroke])), 1)));
  const digits: Stroke[][] = [];
  for (const stroke of strokes) {
    const own = strokes.length > 1 ? digits.filter((digit) => areOne(boxOf(digit), boxOf([stroke]), usual)) : [];
    for (const digit of own) digits.splice(digits.indexOf(digit), 1);
    digits.push([...own.flat(), stroke]);
  }
  return digits.sort((one, other) => boxOf(one).left - boxOf(other).left);
}

function areOne(one: Box, other: Box, usual: number): boolean {
  const shared = Math.min(one.right, other.right) - Math.max(one.left, other.left);
  if (shared >= OVERLAP * Math.max(1, Math.min(width(one), width(other)))) return true;
  const isPart = Math.min(height(one), height(other)) < PART_HEIGHT * usual;
  const together = Math.max(one.right, other.right) - Math.min(one.left, other.left);
  return isPart && -shared <= BESIDE * usual && together <= 1.1 * usual;
}

/** The 28 x 28 values of one digit, ink 1 on 0. */
export function normalised(strokes: Stroke[]): Float32Array {
  const box = boxOf(strokes), side = SIDE * FINE, pen = PEN * FINE;
  const scale = (DIGIT * FINE - pen) / Math.max(width(box), height(box), 1e-6);
  const size = { x: width(box) * scale, y: height(box) * scale };
  const ink = drawn(strokes, box, scale, { x: (side - size.x) / 2, y: (side - size.y) / 2 }, pen, side);
  let total = 0, across = 0, down = 0;
  ink.forEach((value, place) => {
    total += value;
    across += value * ((place % side) + 0.5);
    down += value * (Math.floor(place / side) + 0.5);
  });
  const within = (start: number, length: number) => Math.min(Math.max(start, pen / 2), side - pen / 2 - length);
  const centred = {
    x: within((side - size.x) / 2 + side / 2 - across / total, size.x), y: within((side - size.y) / 2 + side / 2 - down / total, size.y),
  };
  const fine = drawn(strokes, box, scale, centred, pen, side), values = new Float32Array(SIDE * SIDE);
  fine.forEach((value, place) => {
    values[Math.floor(place / side / FINE) * SIDE + Math.floor((place % side) / FINE)] += value / FINE ** 2;
  });
  return values;
}

/** Ink at each fine pixel, the box's corner placed at `at`. */
function drawn(strokes: Stroke[], box: Box, scale: number, at: Point, pen: number, side: number): Float32Array {
  const context = new OffscreenCanvas(side, side).getContext("2d", { willReadFrequently: true })!;
  trace(context, strokes.map((stroke) => stroke.map(({ x, y }) => ({ x: at.x + (x - box.left) * scale, y: at.y + (y - box.top) * scale }))), pen);
  const { data } = context.getImageData(0, 0, side, side);
  return Float32Array.from({ length: side * side }, (_, place) => data[4 * place + 3] / 255);
}

/** Draw strokes with round ends; a mere touch is a dot. */
export function trace(context: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D, strokes: Stroke[], pen: number): void {
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = pen;
  for (const [first, ...rest] of strokes) {
    context.beginPath();
    context.moveTo(first.x, first.y);
    for (const { x, y } of rest.length ? rest : [{ x: first.x + 0.01, y: first.y }]) context.lineTo(x, y);
    context.stroke();
  }
}
