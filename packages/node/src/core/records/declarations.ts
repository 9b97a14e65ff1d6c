/** Which namespaces there are and what they promise, as the services that own them declared. */
import { P2posError } from '@p2pos/protocol';
import { isNamespace, MAX_CALLER_BYTES } from './format/record.ts';
import type { NamespaceDeclaration } from './port.ts';

export interface Declarations {
  declare(declaration: NamespaceDeclaration): void;
  get(namespace: string): NamespaceDeclaration | undefined;
  /** @throws P2posError NAMESPACE_UNKNOWN */
  find(namespace: string): NamespaceDeclaration;
}

/** @param counts The numbers of replicas that this node keeps placements for. */
export function createDeclarations({ counts }: { readonly counts: readonly number[] }): Declarations {
  const declared: NamespaceDeclaration[] = [];
  const get = (namespace: string) =>
    isNamespace(namespace) ? declared.find(({ suffix }) => namespace.endsWith(suffix)) : undefined;

  return {
    declare(declaration) {
      const { suffix, replicas, maxValueBytes } = declaration;
      if (!counts.includes(replicas))
        throw new RangeError(`${suffix}: no placements of ${replicas} replicas are kept`);
      if (maxValueBytes > MAX_CALLER_BYTES)
        throw new RangeError(`${suffix}: values hold at most ${MAX_CALLER_BYTES} bytes`);
      if (declared.some((other) => other.suffix.endsWith(suffix) || suffix.endsWith(other.suffix))) {
        throw new Error(`${suffix} is declared already`);
      }
      declared.push(declaration);
    },
    get,
    find(namespace) {
      const found = get(namespace);
      if (!found) throw new P2posError('NAMESPACE_UNKNOWN', { namespace: String(namespace).slice(0, 128) });
      return found;
    },
  };
}
