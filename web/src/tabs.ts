// Tabs as the ARIA practices have them: arrows move, the address remembers.
import { element } from "./page";

/** Show a tab's panel, and call what it needs when it is first seen. */
export class Tabs {
  private readonly firstSeen = new Map<string, () => void>();

  constructor() {
    for (const tab of this.all) {
      tab.addEventListener("click", () => this.choose(panelOf(tab)));
      tab.addEventListener("keydown", (event) => this.move(event));
    }
    addEventListener("hashchange", () => this.choose(location.hash.slice(1)));
  }

  /** This tab can be used; `seen` is called before it is first shown. */
  offer(panel: string, seen: () => void = () => {}): void {
    element(`tab-${panel}`).hidden = false;
    this.firstSeen.set(panel, seen);
    if (location.hash === `#${panel}`) this.choose(panel);
  }

  private get all(): HTMLElement[] {
    return [...document.querySelectorAll<HTMLElement>("[role=tab]")];
  }

  private choose(panel: string): void {
    const chosen = this.all.find((tab) => panelOf(tab) === panel && !tab.hidden);
    if (!chosen) return;
    for (const tab of this.all) {
      tab.setAttribute("aria-selected", String(tab === chosen));
      tab.tabIndex = tab === chosen ? 0 : -1;
      element(panelOf(tab)).hidden = tab !== chosen;
    }
    history.replaceState(null, "", `#${panel}`);
    this.firstSeen.get(panel)?.();
    this.firstSeen.delete(panel);
  }

  private move(event: KeyboardEvent): void {
    const shown = this.all.filter((tab) => !tab.hidden), at = shown.indexOf(event.target as HTMLElement);
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const tab = shown.at(next % shown.length)!;
    tab.focus();
    this.choose(panelOf(tab));
  }
}

const panelOf = (tab: HTMLElement) => tab.getAttribute("aria-controls")!;
