// axe-core in a page: what it finds against WCAG 2.2 AA and its own best practice, in words that lead to the fault.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'

const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

export const EVERYTHING = {
  type: 'tag',
  values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
}
export const COLOURS = { type: 'rule', values: ['color-contrast', 'link-in-text-block'] }

/** Each violation as a line: rule, element, reason. No rule is switched off. */
export async function violations(page, runOnly) {
  await page.evaluate(source) // the debugger's evaluation is not subject to the page's policy
  const found = await page.evaluate(
    (only) => window.axe.run({ runOnly: only, resultTypes: ['violations'] }),
    runOnly,
  )
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(
      (n) => `${id}: ${n.target.join(' ')}: ${n.failureSummary.split('\n').slice(1).join('; ').trim()}`,
    ),
  )
}
