/** Files with the relative path each will have: of a file input, or of a drop that may hold folders. */
const IGNORED = new Set([".DS_Store", "Thumbs.db"]);
const wanted = ({ path }) => !IGNORED.has(path.split("/").at(-1));

export function fromInput(list) {
  return [...list].map((file) => ({ file, path: file.webkitRelativePath || file.name })).filter(wanted);
}

export async function fromDrop(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return fromInput(transfer.files);
  return (await Promise.all(entries.map(walk))).flat().filter(wanted);
}

async function walk(entry) {
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) return [{ file: await new Promise((done, fail) => entry.file(done, fail)), path }];
  const reader = entry.createReader();
  const children = [];
  for (;;) {
    const batch = await new Promise((done, fail) => reader.readEntries(done, fail)); // at most 100 at a time
    if (!batch.length) break;
    children.push(...batch);
  }
  return (await Promise.all(children.map(walk))).flat();
}
