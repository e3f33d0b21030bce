import { ApiError } from '../http/api-error.js';

/** 404 for what is not there, or is somebody else's: the two are not told apart. */
export const notFound = (code: string, message: string): ApiError =>
  new ApiError(404, code, message, { metadata: { error_type: 'not_found' } });
