/** Files in and out of the page. */
export interface ChosenFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const MAX_FILE_BYTES = 64 * 1_048_576;

export async function readFiles(list: FileList | null): Promise<ChosenFile[]> {
  const files = [...(list ?? [])];
  for (const { name, size } of files)
    if (size > MAX_FILE_BYTES) throw new Error(`${name}: ${size} B > ${MAX_FILE_BYTES} B`);
  return Promise.all(
    files.map(async (file) => ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) })),
  );
}

/** Gives it to the browser's downloads. */
export function saveFile(name: string, content: Uint8Array | string): void {
  const part = typeof content === 'string' ? content : new Uint8Array(content);
  const url = URL.createObjectURL(new Blob([part], { type: 'application/octet-stream' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser reads it after this turn.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
