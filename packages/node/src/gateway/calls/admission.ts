/** How much may be in flight at once: requests, and bytes of their bodies. What does not fit is refused at once. */
import { P2posError } from '@p2pos/protocol';

export interface AdmissionConfig {
  readonly maxInFlight: number;
  readonly maxBodyBytesInFlight: number;
}

export interface Admission {
  inFlight(): number;
  /** Dispose once when the request is over. @throws P2posError OVERLOADED */
  enter(bodyBytes: number): Disposable;
}

export function createAdmission({ maxInFlight, maxBodyBytesInFlight }: AdmissionConfig): Admission {
  let requests = 0;
  let bytes = 0;
  return {
    inFlight: () => requests,
    enter(bodyBytes) {
      if (requests >= maxInFlight || (bodyBytes > 0 && bytes + bodyBytes > maxBodyBytesInFlight)) {
        throw new P2posError('OVERLOADED', { what: 'This node' });
      }
      requests++;
      bytes += bodyBytes;
      let left = false;
      return {
        [Symbol.dispose]() {
          if (left) return;
          left = true;
          requests--;
          bytes -= bodyBytes;
        },
      };
    },
  };
}
