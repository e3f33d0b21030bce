import { ApiError } from './api-error.js';

/** What a key of the other kind is told, in OpenRouter's words where it has some. */
const PERMISSION_DENIED = { metadata: { error_type: 'permission_denied' } };

/** 403: the key manages keys and does not spend. */
export const inferenceNotAllowed = (): ApiError =>
  new ApiError(403, 'permission_denied', 'Management keys cannot be used for inference', PERMISSION_DENIED);

/** 403: the key spends and does not manage. */
export const managementOnly = (): ApiError =>
  new ApiError(403, 'permission_denied', 'Only management keys can perform this operation', PERMISSION_DENIED);
