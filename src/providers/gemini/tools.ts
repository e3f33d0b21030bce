import { CannotSay } from '../wire-format.js';
import { isGiven, isObject, type Json, objectsIn, textIn } from './values.js';

/**
 * Functions with their parameters in full JSON Schema, as `parametersJsonSchema`: every model that is still served takes it.
 * The older `parameters` is a dialect without `additionalProperties`, `$ref`, `const`, `oneOf` and more, and refuses their very names.
 */
export function functionDeclarations(tools: unknown): readonly Json[] {
  return objectsIn(tools).map((tool, index) => {
    const declared = tool['function'];
    const name = isObject(declared) ? textIn(declared['name']) : undefined;
    if (tool['type'] !== 'function' || !isObject(declared) || name === undefined) {
      throw new CannotSay(`Google cannot be given a tool of type '${tool['type']}'.`, `tools[${index}]`);
    }
    const { description, parameters } = declared;
    return {
      name,
      ...(isGiven(description) && { description }),
      ...(isObject(parameters) && { parametersJsonSchema: schemaOf(parameters) }),
    };
  });
}

/** A JSON schema without the name of its dialect, which says nothing of the data. */
export function schemaOf({ $schema: _, ...schema }: Json): Json {
  return schema;
}

/** Whether functions may, must or must not be called. */
export function functionCallingConfig(choice: unknown): Json {
  if (choice === 'auto') return { mode: 'AUTO' };
  if (choice === 'none') return { mode: 'NONE' };
  if (choice === 'required') return { mode: 'ANY' };
  const named = isObject(choice) && isObject(choice['function']) ? textIn(choice['function']['name']) : undefined;
  if (named === undefined) throw new CannotSay('Google has no word for this choice of tools.', 'tool_choice');
  return { mode: 'ANY', allowedFunctionNames: [named] };
}
