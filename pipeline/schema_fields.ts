/**
 * The names of the fields that a schema knows. Standard Schema has no such question, so schemas are
 * asked in the ways in which they do answer.
 *
 * @module
 */

type Bag = { readonly [property: string]: unknown };

/**
 * The names of a state's fields, or `undefined` if the schema does not tell, or takes others too.
 * Asked in turn: the fields that `unchecked` was given, the JSON Schema of the specification's
 * extension, the shape of a zod object, the entries of a valibot object.
 */
export function fieldsOf(schema: object): ReadonlySet<string> | undefined {
  if (!isBag(schema)) return undefined;
  const fields = givenFields(schema) ?? jsonSchemaFields(schema) ?? zodFields(schema) ??
    valibotFields(schema);
  return fields && new Set(fields);
}

function givenFields({ "~standard": standard, fields }: Bag): readonly string[] | undefined {
  const isOurs = isBag(standard) && standard.vendor === "@firefly/pipeline";
  return isOurs && Array.isArray(fields) ? fields : undefined;
}

/** Source: https://standardschema.dev/json-schema */
function jsonSchemaFields(schema: Bag): readonly string[] | undefined {
  const standard = schema["~standard"];
  const converter = isBag(standard) ? standard.jsonSchema : undefined;
  const convert = isBag(converter) ? converter.output : undefined;
  if (typeof convert !== "function") return undefined;
  try {
    const json: unknown = convert.call(converter, { target: "draft-2020-12" });
    return isBag(json) ? closedProperties(json) : undefined;
  } catch {
    // It has parts that JSON Schema cannot express.
    return undefined;
  }
}

function closedProperties(json: Bag): readonly string[] | undefined {
  const { type, properties, additionalProperties = false, patternProperties } = json;
  const isClosed = type === "object" && additionalProperties === false &&
    patternProperties === undefined;
  return isClosed && isBag(properties) ? Object.keys(properties) : undefined;
}

function zodFields({ shape, def }: Bag): readonly string[] | undefined {
  const isClosed = isBag(def) && def.type === "object" && def.catchall === undefined;
  return isClosed && isBag(shape) ? Object.keys(shape) : undefined;
}

function valibotFields({ type, entries, pipe = [] }: Bag): readonly string[] | undefined {
  const isClosed = type === "object" || type === "strict_object";
  const isPlain = Array.isArray(pipe) &&
    !pipe.some((action) => isBag(action) && action.kind === "transformation");
  return isClosed && isPlain && isBag(entries) ? Object.keys(entries) : undefined;
}

function isBag(value: unknown): value is Bag {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
