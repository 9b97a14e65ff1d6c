/** `node gateway.ts INNER OUTER`: UPnP for the router of a namespace; what it maps is a rule of nftables there. */
import { execFileSync } from 'node:child_process';
import { createFakeRouter } from '../../packages/node/src/testing/fake-router.ts';

const [host = '', outerHost = ''] = process.argv.slice(2);
const nft = (rules: string) => execFileSync('nft', ['-f', '-'], { input: rules });

await createFakeRouter({
  host,
  outerHost,
  multicast: true,
  onChange(table) {
    const rules = [...table].map(([name, { client, port }]) => {
      const [protocol = '', outer = ''] = name.toLowerCase().split(' ');
      return `iifname wan ${protocol} dport ${outer} dnat to ${client}:${port}`;
    });
    // Its own table: what the router does otherwise stays as it is.
    nft(
      `add table ip mapped\ndelete table ip mapped\ntable ip mapped { chain arriving { type nat hook prerouting priority -101;\n${rules.join('\n')}\n}\n}\n`,
    );
  },
});
process.stdout.write('ready\n');
