import { formatTimestamp } from '@p2pos/protocol';
import type { Clock } from '../clock/index.ts';
import { jsonValue, textValue, toJson } from './field.ts';
import type { LogFields, Logger } from './port.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LogDeps {
  readonly clock: Pick<Clock, 'now'>;
  /** Takes whole lines, each with its line feed; `process.stdout` will do. */
  readonly destination: { write(line: string): unknown };
}

export interface LogConfig {
  /** The least grave that is written. */
  readonly level: LogLevel;
  readonly format: 'text' | 'json';
}

type Fields = Readonly<Record<string, unknown>>;

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
/** What stands at a fixed place in a line. */
const RESERVED = new Set(['time', 'level', 'msg']);

/** Never throws: what cannot be written is left out. The settings are read for each line: they may change while it runs. */
export function createLogger({ clock, destination }: LogDeps, config: LogConfig): Logger {
  const rank = new Map(LEVELS.map((level, index) => [level, index]));

  function loggerWith(inherited: Fields): Logger {
    const at = (level: LogLevel) => (fields: LogFields, phrase: string) => {
      if ((rank.get(level) ?? 0) < (rank.get(config.level) ?? 0)) return;
      const render = config.format === 'json' ? jsonLine : textLine;
      destination.write(render(formatTimestamp(clock.now()), level, { ...inherited, ...fields }, phrase));
    };
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      child: (fields) => loggerWith({ ...inherited, ...fields }),
    };
  }
  return loggerWith({});
}

function textLine(time: string, level: LogLevel, fields: Fields, phrase: string): string {
  const { action, ...others } = fields;
  const pairs = [`action=${textValue('action', action)}`];
  for (const [name, value] of Object.entries(others)) {
    if (value !== undefined && !RESERVED.has(name)) pairs.push(`${name}=${textValue(name, value)}`);
  }
  return `${time} ${level.padEnd(5)} ${pairs.join(' ')} msg=${toJson(phrase)}\n`;
}

function jsonLine(time: string, level: LogLevel, fields: Fields, msg: string): string {
  const shown = Object.entries(fields)
    .filter(([name, value]) => value !== undefined && !RESERVED.has(name))
    .map(([name, value]) => [name, jsonValue(name, value)]);
  return `${toJson({ time, level, ...Object.fromEntries(shown), msg })}\n`;
}
