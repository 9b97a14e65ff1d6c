/** JSON Schema to Python: one TypedDict per object, named by where it stands. */

interface Schema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

const PLAIN: Readonly<Record<string, string>> = {
  string: 'str',
  integer: 'int',
  number: 'float',
  boolean: 'bool',
  null: 'None',
};

/** What a class of Python may call a field: none of its words. */
const NAME =
  /^(?!(?:and|as|assert|async|await|break|class|continue|def|del|elif|else|except|finally|for|from|global|if|import|in|is|lambda|nonlocal|not|or|pass|raise|return|try|while|with|yield)$)[A-Za-z_]\w*$/;

/** Texts of classes, those that others need first. */
export function answerTypes(name: string, schema: object): string[] {
  const classes: string[] = [];
  const whole = typeOf(schema as Schema, name, classes);
  if (whole !== name) classes.push(`${name} = ${whole}\n`);
  return classes;
}

function typeOf(schema: Schema, name: string, classes: string[]): string {
  const { type, properties, additionalProperties: rest } = schema;
  if (schema.const !== undefined) return `Literal[${literal(schema.const)}]`;
  if (schema.enum) return `Literal[${schema.enum.map(literal).join(', ')}]`;
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return union(choices.map((choice) => typeOf(choice, name, classes)));
  if (Array.isArray(type)) return union(type.map((one) => PLAIN[one] ?? 'Any'));
  if (type === 'array') return `list[${typeOf(schema.items ?? {}, `${name}Item`, classes)}]`;
  if (type !== 'object') return PLAIN[String(type)] ?? 'Any';
  if (!properties) {
    return `dict[str, ${typeof rest === 'object' ? typeOf(rest, `${name}Value`, classes) : 'Any'}]`;
  }
  const names = Object.keys(properties);
  if (!names.every((field) => NAME.test(field))) return 'dict[str, Any]';
  const lines = names.map((field) => {
    const inner = typeOf(properties[field] as Schema, name + capital(field), classes);
    return `    ${field}: ${schema.required?.includes(field) ? inner : `NotRequired[${inner}]`}\n`;
  });
  classes.push(`class ${name}(TypedDict):\n${lines.join('') || '    pass\n'}`);
  return name;
}

function union(types: readonly string[]): string {
  const distinct = [...new Set(types)];
  return distinct.includes('Any') ? 'Any' : distinct.join(' | ');
}

function capital(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}

function literal(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return value === null ? 'None' : JSON.stringify(value);
}
