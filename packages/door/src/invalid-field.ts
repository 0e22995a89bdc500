import { ProblemError } from '@shoal/api/problem'

/** A field whose schema is kept and which is no good nevertheless. */
export function invalidField(field: string, detail: string): ProblemError {
  return new ProblemError('VALIDATION', detail, { errors: [{ field, detail }] })
}
