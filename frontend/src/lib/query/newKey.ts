/** A key for one submission, so that sending it again is safe. crypto.randomUUID is younger than our browsers. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('')
}
