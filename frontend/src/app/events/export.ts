import type { ApiClient } from '../api/client'
import { queryOf } from '../../lib/query/filters'
import type { Filters } from '../../lib/query/filters'

export type ExportFormat = 'json' | 'ndjson' | 'csv'

/** Fetches an export piece by piece; tells how many bytes have come. Abort the signal to stop it. */
export async function fetchExport(
  api: ApiClient,
  format: ExportFormat,
  filters: Filters,
  signal: AbortSignal,
  onProgress: (bytes: number) => void,
): Promise<Blob> {
  const query = queryOf(filters)
  query.set('format', format)
  const answer = await api.request(`/api/events/export?${query.toString()}`, { signal })
  const type = answer.headers.get('Content-Type') ?? 'application/octet-stream'
  if (!answer.body) return answer.blob()
  const reader = answer.body.getReader()
  const parts: BlobPart[] = []
  let received = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return new Blob(parts, { type })
    parts.push(value)
    received += value.length
    onProgress(received)
  }
}

/** Hands a file to the browser's downloads. */
export function download(blob: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}
