// Serves the built page, the dashboards as they lie in their folder, and Prometheus under /prometheus.
// PROMETHEUS_URL names the server, PREVIEW_PORT the port on 127.0.0.1, PREVIEW_DASHBOARDS another folder of dashboards; the URL
// is printed once it listens.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const HERE = new URL("..", import.meta.url).pathname;
const DASHBOARDS = process.env.PREVIEW_DASHBOARDS || join(HERE, "..");
const PROMETHEUS = (process.env.PROMETHEUS_URL || "http://127.0.0.1:9090").replace(/\/$/, "");
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".json": "application/json" };

async function file(root, path, response) {
  const type = TYPES[extname(path)] || "application/octet-stream";
  const content = await readFile(join(root, normalize(path)));
  response.writeHead(200, { "content-type": type, "cache-control": "no-cache" }).end(content);
}

async function prometheus(path, response) {
  const answer = await fetch(PROMETHEUS + path);
  const type = answer.headers.get("content-type") || "text/plain";
  response.writeHead(answer.status, { "content-type": type }).end(Buffer.from(await answer.arrayBuffer()));
}

async function answer(request, response) {
  const { pathname, search } = new URL(request.url, "http://preview");
  if (pathname.startsWith("/prometheus/")) return prometheus(pathname.slice("/prometheus".length) + search, response);
  if (/^\/dashboards\/[\w-]+\.json$/.test(pathname)) return file(DASHBOARDS, pathname.slice("/dashboards".length), response);
  if (pathname.startsWith("/assets/")) return file(join(HERE, "dist"), pathname, response);
  if (pathname === "/" || pathname.startsWith("/d/")) return file(join(HERE, "dist"), "/index.html", response);
  response.writeHead(404).end(`nothing at ${pathname}\n`);
}

const server = createServer((request, response) => {
  answer(request, response).catch((error) => {
    const status = error.code === "ENOENT" ? 404 : 502;
    if (!response.headersSent) response.writeHead(status, { "content-type": "text/plain" });
    response.end(`${request.url}: ${error.cause?.message || error.message}\n`);
  });
});
server.on("error", (error) => {
  const hint = error.code === "EADDRINUSE" ? " (set PREVIEW_PORT to another port)" : "";
  console.error(`cannot listen on port ${process.env.PREVIEW_PORT}: ${error.message}${hint}`);
  process.exitCode = 1;
});
server.listen(Number(process.env.PREVIEW_PORT || 0), "127.0.0.1", () => {
  fetch(`${PROMETHEUS}/api/v1/query?query=1`).then(
    (ready) => ready.ok || console.error(`${PROMETHEUS} answers a query with status ${ready.status}`),
    (error) => console.error(`no Prometheus at ${PROMETHEUS}: ${error.cause?.message || error.message} (set PROMETHEUS_URL)`),
  );
  console.log(`dashboards at http://127.0.0.1:${server.address().port}/d/pg-suite-overview, data from ${PROMETHEUS}`);
});
