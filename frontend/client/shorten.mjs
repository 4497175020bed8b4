// Gives members that nobody outside the package can name a short name: what is `private`, and all of what a
// comment marks as @internal. A minifier cannot do that, since it knows no types; TypeScript's renaming can.
import path from 'node:path'
import ts from 'typescript'

const root = path.dirname(import.meta.dirname)
const { config } = ts.readConfigFile(path.join(root, 'tsconfig.json'), ts.sys.readFile)
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)

const LETTERS = [...'etnriaoscludfpmhgvbywkxjqzABCDEFGHIJKLMNOPQRSTUVWXYZ']
const NAMES = ['', ...LETTERS].flatMap((first) => LETTERS.map((last) => first + last))

/** The sources of these entries whose text changes, by file. Throws where the new names do not fit together. */
export function shorten(entries) {
  const files = [path.join(root, 'src/vite-env.d.ts'), ...entries]
  const service = languageService(files)
  const sources = service.getProgram().getSourceFiles()
  const own = sources.filter(({ fileName }) => fileName.startsWith(path.join(root, 'src/')))
  const edits = own.flatMap((source) => renaming(service, source))
  const names = shortNames(edits, own)
  const texts = new Map()
  for (const { fileName, text } of own) {
    const here = new Map(
      edits.filter((edit) => edit.fileName === fileName).map((edit) => [edit.textSpan.start, edit]),
    )
    if (here.size > 0) texts.set(fileName, renamed(text, [...here.values()], names))
  }
  check(languageService(files, texts))
  return texts
}

/** TypeScript at work on these files; texts stand in place of what is on disk. */
function languageService(files, texts = new Map()) {
  const readFile = (file) => texts.get(file) ?? ts.sys.readFile(file)
  return ts.createLanguageService({
    ...ts.sys,
    readFile,
    useCaseSensitiveFileNames: () => ts.sys.useCaseSensitiveFileNames,
    getScriptFileNames: () => files,
    getScriptVersion: () => '',
    getScriptSnapshot: (file) => ts.ScriptSnapshot.fromString(readFile(file) ?? ''),
    getCompilationSettings: () => options,
    getCurrentDirectory: () => root,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
  })
}

/** All places where the members stand that a file declares for inside use. */
function renaming(service, source) {
  return internalMembers(source).flatMap((name) => {
    const places = service.findRenameLocations(source.fileName, name.getStart(), false, false, {
      providePrefixAndSuffixTextForRename: true,
    })
    return places.map((place) => ({ ...place, name: name.text }))
  })
}

function internalMembers(node, isInside = false) {
  const isInternal = isInside || ts.getJSDocTags(node).some(({ tagName }) => tagName.text === 'internal')
  const modifiers = ts.getCombinedModifierFlags(node)
  const isMember = ts.isParameter(node) ? modifiers !== 0 : ts.isClassElement(node) || ts.isTypeElement(node)
  const isMeant = isMember && (isInternal || modifiers & ts.ModifierFlags.Private)
  const members = isMeant && node.name && ts.isIdentifier(node.name) ? [node.name] : []
  ts.forEachChild(node, (child) => void members.push(...internalMembers(child, isInternal && !isMember)))
  return members
}

/** The most used ones get the shortest; none is a word of the sources already. */
function shortNames(edits, sources) {
  const uses = new Map()
  for (const { name } of edits) uses.set(name, (uses.get(name) ?? 0) + 1)
  const words = new Set(sources.flatMap(({ text }) => text.match(/(?<=\.)[\w$]+/g)))
  const free = NAMES.filter((name) => !words.has(name))
  const sorted = [...uses].sort(([, a], [, b]) => b - a)
  return new Map(sorted.map(([name], i) => [name, free[i]]))
}

function renamed(text, edits, names) {
  const last = edits.sort((a, b) => b.textSpan.start - a.textSpan.start)
  for (const { textSpan, prefixText = '', suffixText = '', name } of last) {
    const { start, length } = textSpan
    text = text.slice(0, start) + prefixText + names.get(name) + suffixText + text.slice(start + length)
  }
  return text
}

function check(service) {
  const errors = ts.getPreEmitDiagnostics(service.getProgram())
  if (errors.length === 0) return
  throw new Error(
    errors.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' ')).join('\n'),
  )
}
