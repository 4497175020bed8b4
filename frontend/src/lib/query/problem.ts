/** One field a server refused, and why. */
export interface FieldProblem {
  field: string
  reason: string
}

/** An RFC 9457 problem, or what stands in for one when the answer was none. status 0: no answer at all. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem'
  readonly title: string
  readonly status: number
  readonly code: string
  readonly detail: string
  readonly errors: readonly FieldProblem[]
  /** Seconds to wait, where the server said so. */
  readonly retryAfter: number | null
  /** When what was not found was deleted; null: it never was there, or nobody remembers. */
  readonly deletedAt: string | null

  constructor(parts: {
    title: string
    status: number
    code?: string
    detail?: string
    errors?: readonly FieldProblem[]
    retryAfter?: number | null
    deletedAt?: string | null
  }) {
    super(parts.detail ? `${parts.title}: ${parts.detail}` : parts.title)
    this.title = parts.title
    this.status = parts.status
    this.code = parts.code ?? ''
    this.detail = parts.detail ?? ''
    this.errors = parts.errors ?? []
    this.retryAfter = parts.retryAfter ?? null
    this.deletedAt = parts.deletedAt ?? null
  }
}

const isRecord = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null
const text = (v: unknown): string => (typeof v === 'string' ? v : '')

function readErrors(v: unknown): FieldProblem[] {
  if (!Array.isArray(v)) return []
  return v.filter(isRecord).map((e) => ({ field: text(e.field), reason: text(e.reason) }))
}

/** Reads the body of a refused request, whatever it is. */
export function problemOf(status: number, body: unknown, retryAfter: string | null = null): ApiProblem {
  const b = isRecord(body) ? body : {}
  const seconds = Number(retryAfter)
  return new ApiProblem({
    title: text(b.title) || `The server answered ${status}`,
    status,
    code: text(b.code),
    detail: text(b.detail),
    errors: readErrors(b.errors),
    deletedAt: text(b.deleted_at) || null,
    retryAfter: retryAfter && Number.isFinite(seconds) ? seconds : null,
  })
}

/** The problem behind a thrown value; a network failure included. */
export function asProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error
  return new ApiProblem({
    title: 'The server cannot be reached',
    status: 0,
    code: 'unreachable',
    detail: error instanceof Error && error.name !== 'TypeError' ? error.message : '',
  })
}
