import { useEffect, useRef, useState } from 'react'
import type { FocusEvent, PointerEvent } from 'react'

/** Whether the reader attends to rows: the pointer is over them, or the focus in them. Spread the handlers on what holds them. */
export function useAttention(rows: readonly unknown[]) {
  const [isHovered, setHovered] = useState(false)
  const [isFocused, setFocused] = useState(false)
  const focused = useRef<Element | null>(null)
  // A row that has the focus and leaves takes it along without a word.
  useEffect(() => {
    if (isFocused && focused.current !== document.activeElement) setFocused(false)
  }, [isFocused, rows])
  return {
    isAttended: isHovered || isFocused,
    // A finger leaves no pointer behind.
    onPointerEnter: (e: PointerEvent) => setHovered(e.pointerType !== 'touch'),
    onPointerLeave: () => setHovered(false),
    onFocus: (e: FocusEvent) => {
      focused.current = e.target
      setFocused(e.target.closest('[role="row"]') !== null)
    },
    onBlur: () => setFocused(false),
  }
}
