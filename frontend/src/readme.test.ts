import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

it('the README shows a component that compiles', () => {
  const readme = readFileSync('../README.md', 'utf8')
  const shown = /```tsx\n([\s\S]*?)```/.exec(readme)?.[1]
  expect(shown).toBe(readFileSync('src/readme.example.tsx', 'utf8'))
})
