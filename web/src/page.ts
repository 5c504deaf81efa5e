// What every tab needs of the page.

/** The element of that id; the page's own HTML has it, so that its absence is a fault of the program. */
export function element<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element ${id}`);
  return found as Kind;
}

/** A new element with its attributes and children. */
export function made(name: string, attributes: Record<string, string> = {}, ...children: (Node | string)[]): HTMLElement {
  const one = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) one.setAttribute(key, value);
  one.append(...children);
  return one;
}

export const UNMUTE = "Nothing but zeros comes in: is the microphone muted?";

/** Say what is wrong and what can be done about it, where it is seen; an empty text takes it back. */
export function problem(text: string, place = "problem"): void {
  const box = element(place);
  box.textContent = text;
  box.hidden = !text;
  if (text) box.scrollIntoView({ block: "nearest" });
}

/** What went wrong with a file, in a line that names it. */
export function faultOf(file: File, error: unknown): string {
  const { message } = error as Error;
  return message.includes(file.name) ? message : `${file.name}: ${message}`;
}

export const percent = (share: number, digits = 0) => `${(100 * share).toFixed(digits)}%`;

export function milliseconds(ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms).toLocaleString("en")} ms`;
}
