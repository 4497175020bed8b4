// @vitest-environment node
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { FILES, notices } from './notices.mjs'

// FAULTS F6: the notices are of what is built today.
test('THIRD_PARTY_NOTICES are as make generate writes them', { timeout: 120_000 }, async () => {
  const today = await notices()
  for (const [name, file] of Object.entries(FILES)) expect(readFileSync(file, 'utf8')).toBe(today[name])
  for (const name of ['zombiezen.com/go/sqlite', 'react-dom', 'The Go standard library']) {
    expect(today.binary).toContain(`\n  ${name}`)
  }
})
