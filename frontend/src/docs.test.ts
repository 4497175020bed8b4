// @vitest-environment node
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import ts from 'typescript'
import { expect, it } from 'vitest'

const root = path.resolve(import.meta.dirname, '..')
const lib = path.join(root, 'src/lib')

/** The pages with code for people to copy, and how many blocks each has at least. */
const pages: [string, number][] = [
  ['docs/react.md', 9],
  ['README.md', 1],
]

/** The code of a page of the documentation, each block a module of its own, as an application would have it. */
function snippets(page: string): Map<string, string> {
  const text = readFileSync(path.join(root, '..', page), 'utf8')
  const blocks = [...text.matchAll(/^```(?:tsx|ts)\n([\s\S]*?)^```/gm)].map((found) => found[1] ?? '')
  return new Map(blocks.map((code, i) => [path.join(root, `src/docs-${i + 1}.tsx`), code]))
}

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  jsx: ts.JsxEmit.ReactJSX,
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  types: ['vite/client'],
  paths: {
    '@apier/client': [path.join(lib, 'index.ts')],
    '@apier/client/react': [path.join(lib, 'react.ts')],
    '@apier/client/query': [path.join(lib, 'query/index.ts')],
    '@apier/client/testing': [path.join(lib, 'testing/index.ts')],
    '@apier/client/style.css': [path.join(root, 'src/styles/base.css')],
  },
}

/** What the compiler has to say about them. */
function errorsOf(files: Map<string, string>): string[] {
  const host = ts.createCompilerHost(options)
  const { readFile, fileExists, getSourceFile } = host
  host.getCurrentDirectory = () => root
  host.readFile = (name) => files.get(name) ?? readFile(name)
  host.fileExists = (name) => files.has(name) || fileExists(name)
  host.getSourceFile = (name, version, ...rest) => {
    const code = files.get(name)
    return code === undefined
      ? getSourceFile(name, version, ...rest)
      : ts.createSourceFile(name, code, version, true, ts.ScriptKind.TSX)
  }
  const program = ts.createProgram([...files.keys()], options, host)
  return ts.getPreEmitDiagnostics(program).map((d) => {
    const line = d.file && d.start !== undefined ? d.file.getLineAndCharacterOfPosition(d.start).line + 1 : 0
    return `${path.basename(d.file?.fileName ?? '')}:${line} ${ts.flattenDiagnosticMessageText(d.messageText, ' ')}`
  })
}

it.each(pages)('every snippet of %s compiles', { timeout: 60_000 }, (page, least) => {
  const files = snippets(page)
  expect(files.size).toBeGreaterThanOrEqual(least)
  expect(errorsOf(files)).toEqual([])
})

it('no other page has TypeScript that nobody compiles', () => {
  const all = readdirSync(path.join(root, '../docs')).filter((name) => name.endsWith('.md'))
  const others = [...all.map((name) => `docs/${name}`), 'protocol/README.md', 'CONTRIBUTING.md']
  const known = pages.map(([page]) => page)
  for (const page of others.filter((name) => !known.includes(name))) expect(snippets(page).size, page).toBe(0)
})

it('a snippet that does not compile is seen', { timeout: 60_000 }, () => {
  const code = "import { useLiveEvents } from '@apier/client/query'\nuseLiveEvents({ status: 'lost' })\n"
  expect(errorsOf(new Map([[path.join(root, 'src/docs-bad.tsx'), code]]))).toHaveLength(1)
})
