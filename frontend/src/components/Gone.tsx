import { Inbox, SearchX } from 'lucide-react'
import { Notice } from './ui/Notice'

interface GoneProps {
  id: string
  what: 'event' | 'endpoint'
  /** Somebody deleted it; false: there never was such a thing, or nobody remembers. */
  isDeleted: boolean
}

/** Says of an id that leads nowhere why. */
export function Gone({ id, what, isDeleted }: GoneProps) {
  const Icon = isDeleted ? Inbox : SearchX
  const title = isDeleted ? `This ${what} was deleted` : `There is no such ${what}`
  return (
    <Notice icon={<Icon size={24} aria-hidden />} title={title}>
      <p>{id}</p>
      {!isDeleted && <p>Not found: look for a typing error, or it has outlived its retention.</p>}
    </Notice>
  )
}
