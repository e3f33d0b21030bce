import { ApiError } from '../http/api-error.js';
import { invalid } from '../http/validation.js';
import type { ChatObject } from '../providers/index.js';
import type { MessagesRequest } from './messages-request.js';

/** The tools as canonical functions. A tool that Anthropic would run itself is refused: it runs nowhere else. */
export function functionsOf(tools: MessagesRequest['tools']): ChatObject[] | undefined {
  if (tools == null || tools.length === 0) return undefined;
  return tools.map(({ type, name, description, input_schema, strict, cache_control }, index) => {
    if (type != null && type !== 'custom') {
      throw invalid(
        `tools[${index}].type`,
        `${JSON.stringify(type.slice(0, 64))} is a tool that cannot be run here; define it as a custom tool`,
      );
    }
    if (input_schema == null) throw invalid(`tools[${index}].input_schema`, 'is required');
    return {
      type: 'function',
      function: {
        name,
        ...(description != null && { description }),
        parameters: input_schema,
        ...(strict != null && { strict }),
      },
      ...(cache_control != null && { cache_control }),
    };
  });
}

/** `tool_choice` and `parallel_tool_calls`. */
export function choiceOf(choice: MessagesRequest['tool_choice']): ChatObject {
  if (choice == null) return {};
  return {
    tool_choice: canonicalChoice(choice),
    ...(choice.disable_parallel_tool_use === true && { parallel_tool_calls: false }),
  };
}

function canonicalChoice({ type, name }: NonNullable<MessagesRequest['tool_choice']>): unknown {
  switch (type) {
    case 'auto':
    case 'none':
      return type;
    case 'any':
      return 'required';
    case 'tool':
      if (name == null) throw invalid('tool_choice.name', 'is required');
      return { type: 'function', function: { name } };
  }
}

/** What would have Anthropic act by itself: left out silently, the answer would be to another question. */
export function refuseServerFeatures({ mcp_servers, container }: MessagesRequest): void {
  if (Array.isArray(mcp_servers) && mcp_servers.length > 0) throw invalid('mcp_servers', 'cannot be reached from here');
  if (container != null) throw invalid('container', 'is not available here');
}

/** Counting ahead of a call. */
export const cannotCount = () =>
  new ApiError(501, 'not_implemented', 'Tokens are not counted ahead of a call here; each answer says what it used', {
    metadata: { error_type: 'not_implemented' },
  });
