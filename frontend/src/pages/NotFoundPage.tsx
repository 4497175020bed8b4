import { Search } from 'lucide-react'
import { Link } from 'wouter'
import { Notice } from '../components/ui/Notice'

export function NotFoundPage() {
  return (
    <Notice icon={<Search size={24} aria-hidden />} title="There is no such page">
      <p>
        Go to the <Link href="/">dashboard</Link> or to the <Link href="/events">events</Link>.
      </p>
    </Notice>
  )
}
