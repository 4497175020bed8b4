// What a minifier cannot do, since it knows no types, and looks at one file after the other. Members that nobody
// outside the package can name get a short name: what is `private`, and all of what a comment marks as @internal.
// Members of enums and of objects `as const`, and numbers with a name, become the values that they stand for.
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
  const program = service.getProgram()
  const own = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(path.join(root, 'src/')))
  const checker = program.getTypeChecker()
  const members = own.flatMap((source) => renaming(service, source))
  const names = shortNames(members, own, sideBySide(checker, own))
  const edits = [
    ...members.map(({ name, prefixText = '', suffixText = '', ...place }) => ({
      ...place,
      text: prefixText + names.get(name) + suffixText,
    })),
    ...own.flatMap((source) => constants(checker, source)),
  ]
  const texts = new Map()
  for (const { fileName, text } of own) {
    const here = new Map(
      edits.filter((edit) => edit.fileName === fileName).map((edit) => [edit.textSpan.start, edit]),
    )
    if (here.size > 0) texts.set(fileName, edited(text, [...here.values()]))
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

/** The members of each type; what is never in the same one may have the same short name. */
function sideBySide(checker, sources) {
  const isType = (node) =>
    ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)
  const declarations = sources.flatMap(({ statements }) => statements.filter(isType))
  return declarations.flatMap(({ name }) => {
    const type = checker.getDeclaredTypeOfSymbol(checker.getSymbolAtLocation(name))
    const types = type.isUnion() ? type.types : [type]
    return types.map((each) => each.getProperties().map((member) => member.name))
  })
}

/** The most used ones get the shortest; none is a word of the sources already. */
function shortNames(edits, sources, groups) {
  const uses = new Map()
  for (const { name } of edits) uses.set(name, (uses.get(name) ?? 0) + 1)
  const words = new Set(sources.flatMap(({ text }) => text.match(/(?<=\.)[\w$]+/g)))
  const free = NAMES.filter((name) => !words.has(name))
  const sorted = [...uses].sort(([, a], [, b]) => b - a)
  const names = new Map()
  for (const [name] of sorted) {
    const near = new Set(groups.filter((group) => group.includes(name)).flat())
    const taken = [...near].map((other) => names.get(other))
    names.set(
      name,
      free.find((short) => !taken.includes(short)),
    )
  }
  return names
}

/** All places in a node that name a constant, with its value. */
function constants(checker, node, source = node) {
  if (isConstant(checker, node)) {
    const textSpan = { start: node.getStart(source), length: node.getWidth(source) }
    const value = JSON.stringify(checker.getTypeAtLocation(node).value)
    return [{ fileName: source.fileName, textSpan, text: `(${value} as typeof ${node.getText(source)})` }]
  }
  const found = []
  ts.forEachChild(node, (child) => void found.push(...constants(checker, child, source)))
  return found
}

/** A member of an enum or of an object `as const`, or a number with a name. */
function isConstant(checker, node) {
  if (ts.isPropertyAccessExpression(node)) {
    const member = checker.getSymbolAtLocation(node.name)?.valueDeclaration
    return member && (ts.isEnumMember(member) || isConst(member.parent.parent))
  }
  // Where it is read, not where it is declared or handed on.
  const isRead = ({ parent }) => ts.isBinaryExpression(parent) || ts.isCallExpression(parent)
  return ts.isIdentifier(node) && isRead(node) && isNumber(checker, node)
}

function isNumber(checker, name) {
  const symbol = checker.getSymbolAtLocation(name)
  const origin = symbol && symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  const { initializer, parent } = origin?.valueDeclaration ?? {}
  return initializer && ts.isNumericLiteral(initializer) && parent.flags & ts.NodeFlags.Const
}

const isConst = (node) => node && ts.isAsExpression(node) && ts.isConstTypeReference(node.type)

function edited(text, edits) {
  const last = edits.sort((a, b) => b.textSpan.start - a.textSpan.start)
  for (const edit of last) {
    const { start, length } = edit.textSpan
    text = text.slice(0, start) + edit.text + text.slice(start + length)
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
