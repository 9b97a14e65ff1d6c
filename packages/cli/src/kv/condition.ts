/** `--cas`, `--if-version` and `--if-absent`. */
import { usage } from '../failure.ts';

/** Undefined without `--cas`. @throws usage for flags that do not go together; `refused` are those of plain keys */
export function conditionOf(
  flags: Readonly<Record<string, unknown>>,
  refused: readonly string[] = [],
): { readonly ifVersion?: string; readonly ifAbsent?: boolean } | undefined {
  const ifVersion = flags['ifVersion'] as string | undefined;
  const ifAbsent = flags['ifAbsent'] === true;
  if (flags['cas'] !== true) {
    if (ifVersion === undefined && !ifAbsent) return undefined;
    throw usage('Conditions need --cas.', 'p2pctl kv put KEY VALUE --cas --if-absent');
  }
  if (ifVersion !== undefined && ifAbsent)
    throw usage('Give --if-version or --if-absent, not both.', 'p2pctl kv put KEY VALUE --cas --if-absent');
  const plain = ['explain', ...refused].find((name) => flags[name] !== undefined);
  if (plain !== undefined) throw usage(`--${plain} is for plain keys.`, 'p2pctl kv get KEY --cas');
  return { ...(ifVersion !== undefined && { ifVersion }), ...(ifAbsent && { ifAbsent }) };
}
