// Stands in for @std/path where JSR does not answer.
import * as node from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export { isAbsolute, relative, resolve } from "node:path";

export const SEPARATOR: "/" | "\\" = node.sep;

export function join(path: string | URL, ...paths: string[]): string {
  return node.join(textOf(path), ...paths);
}

export function normalize(path: string | URL): string {
  return node.normalize(textOf(path));
}

export function dirname(path: string | URL): string {
  return node.dirname(textOf(path));
}

export function basename(path: string | URL, suffix = ""): string {
  const text = textOf(path);
  const name = node.basename(text);
  if (name === "") return node.parse(text).root;
  return name === suffix ? name : node.basename(text, suffix);
}

export function extname(path: string | URL): string {
  return node.extname(textOf(path));
}

export function fromFileUrl(url: string | URL): string {
  return fileURLToPath(url);
}

export function toFileUrl(path: string): URL {
  if (!node.isAbsolute(path)) {
    throw new TypeError(`Cannot make a file URL of "${path}": give an absolute path`);
  }
  return pathToFileURL(path);
}

function textOf(path: string | URL): string {
  return path instanceof URL ? fileURLToPath(path) : path;
}
