// The site, whole, in web/dist or a folder that is named: node build.mjs [FOLDER]. Models, results and recordings are taken from the project as they are.
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const web = dirname(fileURLToPath(import.meta.url)), project = dirname(web);
const dist = resolve(process.argv[2] ?? join(web, "dist"));
const MOST_BYTES = 15e6;
const RUNTIME = join(web, "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm");
const TASKS = { speech: "spoken_digits", digits: "handwritten_digits", sentiment: "sentiment", language: "language_model" };

/** A shipped file of a task; the first task's may stand in artifacts itself. */
function shipped(task, name) {
  const places = [join("artifacts", task, name), ...(task === TASKS.speech ? [join("artifacts", name)] : [])];
  return places.map((place) => join(project, place)).find(existsSync);
}

function put(name, content) {
  const path = join(dist, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
const options = { bundle: true, minify: true, format: "esm", target: "es2022", outdir: dist, logLevel: "warning", absWorkingDir: web };
await build({ ...options, entryPoints: ["main", "worker", "capture"].map((name) => `src/${name}.ts`) });
for (const name of ["index.html", "style.css", "icon.svg"]) cpSync(join(web, "src", name), join(dist, name));
put("runtime.wasm.gz", gzipSync(readFileSync(RUNTIME), { level: 9 })); // a quarter of it; plain file servers do not pack

const site = { models: {}, speechSha256: "", samples: [], results: [], python: null };
for (const [name, task] of Object.entries(TASKS)) {
  const model = shipped(task, "model_int8.onnx"), results = shipped(task, "results.json");
  if (model) put((site.models[name] = `models/${task}.onnx`), readFileSync(model));
  if (results) site.results.push(`results/${task}.json`), put(`results/${task}.json`, JSON.stringify(JSON.parse(readFileSync(results, "utf8"))));
}
if (!site.models.speech) throw new Error("artifacts/ holds no speech model: make pipeline trains one");
site.speechSha256 = createHash("sha256").update(readFileSync(join(dist, site.models.speech))).digest("hex"); // words are enrolled with one model
for (const name of readdirSync(join(project, "samples")).filter((file) => file.endsWith(".wav")).sort()) {
  put(`samples/${name}`, readFileSync(join(project, "samples", name)));
  site.samples.push(`samples/${name}`);
}
const measured = join(project, "logs/page.json");
if (existsSync(measured)) site.python = JSON.parse(readFileSync(measured, "utf8")).python;
put("site.json", JSON.stringify(site));

const files = readdirSync(dist, { recursive: true }).filter((file) => statSync(join(dist, file)).isFile()).sort();
const version = createHash("sha256");
for (const file of files) version.update(file).update(readFileSync(join(dist, file)));
const define = { VERSION: JSON.stringify(version.digest("hex").slice(0, 12)), FILES: JSON.stringify(["./", ...files]) };
await build({ ...options, entryPoints: ["src/sw.ts"], define });
const bytes = [...files, "sw.js"].reduce((sum, file) => sum + statSync(join(dist, file)).size, 0);
if (bytes > MOST_BYTES) throw new Error(`the site has ${bytes} bytes, more than ${MOST_BYTES}`);
console.log(`${relative(process.cwd(), dist)}: ${files.length + 1} files, ${(bytes / 1e6).toFixed(1)} MB`);
