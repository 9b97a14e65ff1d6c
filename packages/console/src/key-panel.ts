/** Data in, data out: stores, reads and deletes a key and says who held it. */
import { DoorError, door } from './door.ts';
import { byId, html } from './element.ts';

export interface KeyPanel {
  /** Peer ids of the chosen key's replicas. */
  holders(): ReadonlySet<string>;
  refresh(): Promise<void>;
}

export interface KeyPanelDeps {
  /** The name of a node. */
  readonly nameOf: (peerId: string) => string;
  readonly changed: () => void;
  readonly say: (text: string) => void;
}

const decoder = new TextDecoder('utf-8', { fatal: true });

export function createKeyPanel({ nameOf, changed, say }: KeyPanelDeps): KeyPanel {
  const form = byId<HTMLFormElement>('key-form');
  const key = byId<HTMLInputElement>('key');
  const value = byId<HTMLTextAreaElement>('value');
  const answer = byId<HTMLOutputElement>('answer');
  const prefix = byId<HTMLInputElement>('prefix');
  const keys = byId('keys');
  let held: ReadonlySet<string> = new Set();

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const action = (event.submitter as HTMLButtonElement | null)?.value ?? 'put';
    void perform(action === 'get' ? read : action === 'delete' ? remove : store);
  });
  key.addEventListener('input', () => hold([]));
  prefix.addEventListener('input', () => void refresh());

  async function perform(action: () => Promise<string>): Promise<void> {
    for (const button of form.querySelectorAll('button')) button.disabled = true;
    try {
      show(await action(), 'good');
    } catch (error) {
      show(error instanceof DoorError ? error.message : String(error), 'bad');
    } finally {
      for (const button of form.querySelectorAll('button')) button.disabled = false;
    }
    await refresh();
  }

  async function store(): Promise<string> {
    const started = performance.now();
    const receipt = await door.put(key.value, value.value);
    hold(receipt.explain?.replicas ?? receipt.replicas);
    say(`${key.value} stored on ${names(receipt.replicas)}`);
    const following = (receipt.explain?.replicas ?? []).filter(
      (peerId) => !receipt.replicas.includes(peerId),
    );
    const rest = following.length > 0 ? `; ${names(following)} follows` : '';
    return `Stored in ${since(started)}, on the disks of ${names(receipt.replicas)}${rest}.`;
  }

  async function read(): Promise<string> {
    const started = performance.now();
    const { bytes, explain } = await door.get(key.value);
    hold(explain.replicas);
    value.value = textOf(bytes);
    const from = explain.answered.map((one) => one.peerId);
    say(`${key.value} read from ${names(from)}`);
    return `Read in ${since(started)}: ${bytes.length} bytes; ${names(from)} answered.`;
  }

  async function remove(): Promise<string> {
    const { existed } = await door.delete(key.value);
    hold([]);
    say(existed ? `${key.value} deleted` : `${key.value} was not there`);
    return existed ? 'Deleted.' : 'There was nothing under this key.';
  }

  function hold(peerIds: readonly string[]): void {
    held = new Set(peerIds);
    changed();
  }

  function show(text: string, mood: 'good' | 'bad'): void {
    answer.className = mood;
    answer.textContent = text;
  }

  const names = (peerIds: readonly string[]) => listOf(peerIds.map(nameOf).toSorted());

  async function refresh(): Promise<void> {
    const page = await door.list(prefix.value).catch(() => undefined);
    if (!page) return;
    const more = page.cursor ? [html('li', { class: 'quiet' }, '… and more')] : [];
    const none = page.keys.length === 0 ? [html('li', { class: 'quiet' }, 'none yet')] : [];
    keys.replaceChildren(...page.keys.map(drawKey), ...more, ...none);
  }

  function drawKey(name: string): HTMLLIElement {
    const button = html('button', { type: 'button', title: name }, name);
    button.setAttribute('aria-current', String(name === key.value));
    button.addEventListener('click', () => {
      key.value = name;
      void perform(read);
    });
    return html('li', {}, button);
  }

  return { holders: () => held, refresh };
}

function textOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    return `(${bytes.length} bytes that are no text)`;
  }
}

function since(started: number): string {
  return `${Math.max(1, Math.round(performance.now() - started))} ms`;
}

function listOf(names: readonly string[]): string {
  if (names.length < 2) return names.join('') || 'no node';
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
