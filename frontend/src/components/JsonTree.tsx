import { ChevronDown, ChevronRight } from 'lucide-react'
import { useMemo, useState } from 'react'
import { partsOf, startOf } from '../app/events/parts'
import type { JsonPart } from '../app/events/parts'
import styles from './JsonTree.module.css'

// Deeper levels are closed at first, and long lists cut: raw has all of it.
const OPEN_LEVELS = 2
const SHOWN = 200
// Beyond it, lines are not moved in any further: they would leave the panel.
const MOVED_IN = 20

interface Line {
  key: string
  level: number
  name: string
  /** The value as it is written; '' for one that has parts. */
  text: string
  /** Of one that has parts: where it begins, what it holds, and whether it is open. */
  branch?: { start: number; size: string; open: boolean }
}

/**
 * JSON as a tree that can be folded, read from its text: numbers and equal names stand as they are written.
 * The lines are flat, and only what is open is read: a payload of any depth can be shown.
 */
export function JsonTree({ json }: { json: string }) {
  // By where they begin: branches that are not as they were at first.
  const [turned, setTurned] = useState<ReadonlySet<number>>(new Set())
  const lines = useMemo(() => linesOf(json, turned), [json, turned])
  const turn = (start: number) =>
    setTurned((before) => {
      const next = new Set(before)
      if (!next.delete(start)) next.add(start)
      return next
    })
  if (lines.length === 0) return <p className={styles.quiet}>empty</p>
  return (
    <ul className={styles.tree}>
      {lines.map((line) => (
        <li key={line.key} style={{ paddingLeft: 16 * Math.min(line.level, MOVED_IN) }}>
          <LineView line={line} onTurn={turn} />
        </li>
      ))}
    </ul>
  )
}

function LineView({ line, onTurn }: { line: Line; onTurn: (start: number) => void }) {
  const { branch } = line
  if (!branch) {
    return line.text === '' ? (
      <span className={styles.quiet}>{line.name}</span>
    ) : (
      <>
        <span className={styles.name}>{line.name}</span>: <span className={styles.text}>{line.text}</span>
      </>
    )
  }
  const Sign = branch.open ? ChevronDown : ChevronRight
  return (
    <button
      type="button"
      className={styles.branch}
      aria-expanded={branch.open}
      onClick={() => onTurn(branch.start)}
    >
      <Sign size={14} aria-hidden />
      <span className={styles.name}>{line.name}</span> <span className={styles.quiet}>{branch.size}</span>
    </button>
  )
}

function linesOf(json: string, turned: ReadonlySet<number>): Line[] {
  const lines: Line[] = []
  // What is still to be shown, the next one last.
  const ahead: (() => void)[] = []
  const enter = (start: number, level: number) => {
    const parts = partsOf(json, start)
    if (parts.length > SHOWN) {
      ahead.push(() => lines.push(quiet(start, level, `${parts.length - SHOWN} more: see Raw`)))
    } else if (parts.length === 0 && level > 0) {
      ahead.push(() => lines.push(quiet(start, level, 'empty')))
    }
    const shown = parts.slice(0, SHOWN)
    for (let i = shown.length - 1; i >= 0; i--) {
      const part = shown[i] as JsonPart
      ahead.push(() => show(part, part.name ?? String(i), level))
    }
  }
  const show = (part: JsonPart, name: string, level: number) => {
    const first = json[part.start]
    const line: Line = { key: String(part.start), level, name, text: '' }
    lines.push(line)
    if (first !== '{' && first !== '[') {
      line.text = written(json.slice(part.start, part.end))
      return
    }
    const open = level < OPEN_LEVELS !== turned.has(part.start)
    line.branch = { start: part.start, size: sizeOf(json, part.start), open }
    if (open) enter(part.start, level + 1)
  }
  enter(startOf(json), 0)
  for (let next = ahead.pop(); next; next = ahead.pop()) next()
  return lines
}

const quiet = (start: number, level: number, name: string): Line => ({
  key: `${start}…`,
  level,
  name,
  text: '',
})

function sizeOf(json: string, start: number): string {
  const size = partsOf(json, start).length
  return json[start] === '[' ? `[${size}]` : `{${size}}`
}

// A text is shown with the characters it stands for, all else as it is written.
const written = (text: string): string => (text.startsWith('"') ? JSON.stringify(JSON.parse(text)) : text)
