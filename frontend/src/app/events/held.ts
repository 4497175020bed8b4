/** What a list shows while its reader is further down. */
export interface Held<T> {
  rows: readonly T[]
  /** New rows above, not shown yet. */
  fresh: number
}

/**
 * Holds back the rows above the one that was on top when the reader left the top, so that what is being read
 * stays where it is. Anchors are that row and the ones after it, should it be deleted meanwhile.
 */
export function holdRows<T extends { id: string }>(
  rows: readonly T[],
  anchors: readonly string[] | null,
): Held<T> {
  if (!anchors) return { rows, fresh: 0 }
  for (const anchor of anchors) {
    const at = rows.findIndex((row) => row.id === anchor)
    if (at === 0) return { rows, fresh: 0 }
    if (at > 0) return { rows: rows.slice(at), fresh: at }
  }
  return { rows, fresh: 0 }
}
