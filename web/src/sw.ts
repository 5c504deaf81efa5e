// Everything is kept at the first visit, so that the page works without a network. A new build is a new cache.
declare const VERSION: string; // both are put in by the build
declare const FILES: string[];

interface ServiceWorkerEvents {
  addEventListener(kind: "install" | "activate", act: (event: { waitUntil(done: Promise<unknown>): void }) => void): void;
  addEventListener(kind: "fetch", act: (event: { request: Request; respondWith(answer: Promise<Response>): void }) => void): void;
}

const worker = self as unknown as ServiceWorkerEvents; // TypeScript has a page's names and a worker's, not both
const CACHE = `dwindle-${VERSION}`;

worker.addEventListener("install", (event) => {
  const fresh = FILES.map((file) => new Request(file, { cache: "no-cache" })); // asked again: an HTTP cache may hold an older build
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(fresh)));
});

worker.addEventListener("activate", (event) => {
  const removed = async () => {
    for (const name of await caches.keys()) if (name.startsWith("dwindle-") && name !== CACHE) await caches.delete(name);
  };
  event.waitUntil(removed());
});

worker.addEventListener("fetch", (event) => {
  event.respondWith(caches.match(event.request, { ignoreSearch: true }).then((kept) => kept ?? fetch(event.request)));
});
